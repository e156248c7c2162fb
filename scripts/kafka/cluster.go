// Package kafka starts a real Apache Kafka for tests: KRaft nodes on loopback that can be killed, frozen and restarted,
// with the topic administration and the acknowledged-record producer that fault tests need.
//
// Java 17 and, the first time, Maven must be installed. Nodes are numbered from 1.
package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// portAttempts bounds how often Start begins again because another process took a port first.
const portAttempts = 3

// errPortTaken marks a start that other ports can mend.
var errPortTaken = errors.New("port taken by another process")

// Cluster is one or three running nodes. Its methods may be called from several goroutines; faults to one node are the
// caller's to order.
type Cluster struct {
	// Set at construction.
	options  Options
	release  release
	java     java
	jvmFlags []string // more flags for the brokers
	dir      string
	ownDir   bool
	nodes    []*node // nodes[i] has number i+1

	closing sync.Once
}

// Start fetches Kafka if needed, formats and starts the nodes, and returns when every node answers with all of them.
// ctx bounds the start only; the nodes run until Close or the end of this process. Errors carry the logs' tails.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, release: releases[o.Version], dir: o.Dir}
	if c.java, err = prepare(ctx, c.release); err != nil {
		return nil, err
	}
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "kafka-"); err != nil {
			return nil, fmt.Errorf("cannot make a data folder: %w", err)
		}
		c.ownDir = true
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return nil, fmt.Errorf("cannot use data folder %q: %w", o.Dir, err)
	}
	for attempt := 1; ; attempt++ {
		err := c.launch(ctx)
		if err == nil {
			return c, nil
		}
		err = fmt.Errorf("%w%s", err, c.logTails())
		c.end()
		if !errors.Is(err, errPortTaken) || attempt == portAttempts {
			c.Close()
			return nil, err
		}
	}
}

// launch picks ports, formats what is not formatted, starts every node and waits for them.
func (c *Cluster) launch(ctx context.Context) error {
	ports, err := freePorts(c.options.Nodes)
	if err != nil {
		return err
	}
	id := make([]byte, 16)
	rand.Read(id)
	id[0] &= 0x7f // an id that begins with "-" would be read as an option
	clusterID := base64.RawURLEncoding.EncodeToString(id)
	c.nodes = make([]*node, len(ports))
	failed := make(chan error, len(ports))
	for i := range ports {
		c.nodes[i] = newNode(c, i+1, ports)
		go func() { failed <- c.nodes[i].format(ctx, clusterID) }()
	}
	for range ports {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	return c.awaitReady(ctx)
}

// Addrs returns the nodes' broker addresses, also of those that are down; index 0 is node 1.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addrs[i] = n.addr()
	}
	return addrs
}

// ExtraAddr returns the address that {extra} stands for in the properties of a node.
func (c *Cluster) ExtraAddr(number int) string {
	return fmt.Sprintf("127.0.0.1:%d", c.node(number).ports[number-1].extra)
}

// Kill ends a node at once (SIGKILL), frozen or not, and returns when it is gone.
func (c *Cluster) Kill(number int) error { return c.node(number).kill() }

// Stop ends a node in good order (SIGTERM) and returns when it is gone.
func (c *Cluster) Stop(ctx context.Context, number int) error { return c.node(number).stop(ctx) }

// Freeze stops a node's process (SIGSTOP): its kernel still accepts connections, it answers nothing.
func (c *Cluster) Freeze(number int) error { return c.node(number).freeze() }

// Thaw lets a frozen node go on (SIGCONT).
func (c *Cluster) Thaw(number int) error { return c.node(number).thaw() }

// Restart starts a node that is down on its old ports and data, and does AwaitReady.
func (c *Cluster) Restart(ctx context.Context, number int) error {
	if err := c.node(number).start(); err != nil {
		return err
	}
	return c.AwaitReady(ctx)
}

// AwaitReady waits until every running node answers, has all of them, and every replica on them is in sync.
func (c *Cluster) AwaitReady(ctx context.Context) error {
	if err := c.awaitReady(ctx); err != nil {
		return fmt.Errorf("%w%s", err, c.logTails())
	}
	return nil
}

// Close kills every node, frozen ones included, and removes the data folder if Start made it.
func (c *Cluster) Close() {
	c.closing.Do(func() {
		c.end()
		if c.ownDir {
			// Best effort: a temporary folder that stays behind fails no test.
			_ = os.RemoveAll(c.dir)
		}
	})
}

// end kills what runs.
func (c *Cluster) end() {
	for _, n := range c.nodes {
		// A node that is down already is what we want.
		_ = n.kill()
	}
}

// logTails returns the ends of the nodes' logs, for an error.
func (c *Cluster) logTails() string {
	var b strings.Builder
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "\n--- node %d, %s\n%s", n.id, n.state(), n.logTail())
	}
	return b.String()
}

// node returns a node by number; another number is a mistake in the test.
func (c *Cluster) node(number int) *node {
	if number < 1 || number > len(c.nodes) {
		panic(fmt.Sprintf("BUG: no Kafka node %d, there are %d", number, len(c.nodes)))
	}
	return c.nodes[number-1]
}
