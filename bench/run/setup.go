//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// setup is how ringcast is configured where positions are what is measured. What is zero has its default.
type setup struct {
	maxConnections int    // of the server
	events         int    // of the ring
	cache          int    // of replays, in bytes
	maxClients     int    // of replays
	topic          string // of the only stream
	cert, key      string // files; without them the listener is plain
}

func (o setup) toml(broker, listen, admin string) string {
	var t strings.Builder
	fmt.Fprintf(&t, "[server]\nlisten = %q\nadmin_listen = %q\n", listen, admin)
	if o.maxConnections > 0 {
		fmt.Fprintf(&t, "max_connections = %d\n", o.maxConnections)
	}
	if o.cert != "" {
		fmt.Fprintf(&t, "[server.tls]\ncert = %q\nkey = %q\n", o.cert, o.key)
	}
	fmt.Fprintf(&t, "[kafka]\nbrokers = [%q]\n", broker)
	if o.cache > 0 || o.maxClients > 0 {
		t.WriteString("[replay]\n")
	}
	if o.cache > 0 {
		fmt.Fprintf(&t, "cache = \"%dKiB\"\n", o.cache>>10)
	}
	if o.maxClients > 0 {
		fmt.Fprintf(&t, "max_clients = %d\n", o.maxClients)
	}
	fmt.Fprintf(&t, "[streams.%s]\ntopics = [%q]\n", streamName, o.topic)
	if o.events > 0 {
		fmt.Fprintf(&t, "events = %d\n", o.events)
	}
	return t.String()
}

// withServer runs do with a ringcast of its own: nothing is in its cache, its counters are 0.
func (b *Bench) withServer(ctx context.Context, o setup, do func(*server) error) (err error) {
	s, err := b.serveSetup(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return do(s)
}

// serveSetup starts a ringcast that is set up as o says.
func (b *Bench) serveSetup(ctx context.Context, o setup) (*server, error) {
	listen, admin, err := twoPorts()
	if err != nil {
		return nil, err
	}
	config, err := b.writeConfig(o.toml(b.brokers[0], listen, admin))
	if err != nil {
		return nil, err
	}
	return b.serveRingcast(ctx, listen, admin, "-config", config)
}

// serveAs starts a server of a kind; only ringcast can be set up. One that has only a topic is what serve starts.
func (b *Bench) serveAs(ctx context.Context, k kind, o setup) (*server, error) {
	if k != subject || b.Mirror || o == (setup{topic: o.topic}) {
		return b.serve(ctx, k, o.topic)
	}
	return b.serveSetup(ctx, o)
}

// withClients runs do with a load generator for s that has no clients yet. flags are more of its flags.
func (b *Bench) withClients(s *server, topic string, partitions, size int, do func(*clients) error, flags ...string) (err error) {
	c, err := b.clients(s, partitions, size, append([]string{"-topic", topic}, flags...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	return do(c)
}

// keepIDs, stall, readLate and readSlowly are flags of the load generator.
const (
	keepIDs = "-keep"
	stall   = "-stall"
	// encryptedClients speak TLS.
	encryptedClients = "-tls"
)

func readLate(by time.Duration) []string { return []string{"-late", by.String()} }

func readSlowly(rate int) []string { return []string{"-rate", strconv.Itoa(rate)} }
