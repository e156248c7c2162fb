package kafka

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// node is one Kafka process and its folder.
type node struct {
	// Set at construction.
	id      int
	ports   []nodePorts // of all nodes
	dir     string      // configuration and data
	logPath string
	cluster *Cluster

	// Guarded by mu.
	mu     sync.Mutex
	proc   *process
	wanted bool // it should run: nobody killed or stopped it
	frozen bool
}

func newNode(c *Cluster, id int, ports []nodePorts) *node {
	return &node{
		id: id, ports: ports, cluster: c,
		dir:     filepath.Join(c.dir, fmt.Sprintf("node-%d", id)),
		logPath: filepath.Join(c.dir, fmt.Sprintf("node-%d.log", id)),
	}
}

func (n *node) addr() string { return fmt.Sprintf("127.0.0.1:%d", n.ports[n.id-1].broker) }

func (n *node) serverProperties() string { return filepath.Join(n.dir, "server.properties") }

// format writes the configuration, and the data folder's identity unless it has one.
func (n *node) format(ctx context.Context, clusterID string) error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of node %d: %w", n.id, err)
	}
	c := n.cluster
	properties := renderProperties(nodeProperties(n.id, n.ports, n.dir), c.options.Properties, n.ports[n.id-1])
	if err := os.WriteFile(n.serverProperties(), []byte(properties), 0o644); err != nil {
		return fmt.Errorf("cannot configure node %d: %w", n.id, err)
	}
	logConfig := c.release.logConfig(c.options.LogLevel)
	if err := os.WriteFile(filepath.Join(n.dir, c.release.logFile), []byte(logConfig), 0o644); err != nil {
		return fmt.Errorf("cannot configure node %d: %w", n.id, err)
	}
	if _, err := os.Stat(filepath.Join(n.dir, "data", "meta.properties")); err == nil {
		return nil
	}
	args := append([]string{"kafka.tools.StorageTool", "format", "-t", clusterID, "-c", n.serverProperties()}, c.options.FormatArgs...)
	return c.java.run(ctx, []string{"-Xmx64m", "-XX:TieredStopAtLevel=1", n.logFlag()}, args...)
}

func (n *node) logFlag() string {
	return fmt.Sprintf(n.cluster.release.logFlag, filepath.Join(n.dir, n.cluster.release.logFile))
}

// start starts the process; its output is appended to the log.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && n.proc.running() {
		return fmt.Errorf("cannot start node %d: it runs", n.id)
	}
	log, err := os.OpenFile(n.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("cannot start node %d: %w", n.id, err)
	}
	defer log.Close()
	j := n.cluster.java
	flags := append([]string{"-Xms256m", "-Xmx256m", n.logFlag()}, n.cluster.jvmFlags...)
	cmd := exec.Command(j.command, j.args(flags, "kafka.Kafka", n.serverProperties())...)
	cmd.Dir = n.dir
	cmd.Stdout, cmd.Stderr = log, log
	if n.proc, err = startTied(cmd); err != nil {
		return fmt.Errorf("cannot start node %d: %w", n.id, err)
	}
	n.wanted, n.frozen = true, false
	return nil
}

// kill also ends a frozen process.
func (n *node) kill() error {
	n.mu.Lock()
	p := n.proc
	n.wanted, n.frozen = false, false
	n.mu.Unlock()
	if p == nil || !p.running() {
		return fmt.Errorf("cannot kill node %d: it is down", n.id)
	}
	if err := p.cmd.Process.Kill(); err != nil && p.running() {
		return fmt.Errorf("cannot kill node %d: %w", n.id, err)
	}
	<-p.exited
	return nil
}

func (n *node) stop(ctx context.Context) error {
	p, err := n.live("stop")
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.wanted = false
	n.mu.Unlock()
	if err := terminate(p.cmd.Process); err != nil && p.running() {
		return fmt.Errorf("cannot stop node %d: %w", n.id, err)
	}
	select {
	case <-p.exited: // exit status 143 is a good end
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot stop node %d in time: %w\n%s", n.id, ctx.Err(), n.logTail())
	}
}

func (n *node) freeze() error {
	p, err := n.live("freeze")
	if err != nil {
		return err
	}
	if err := freeze(p.cmd.Process); err != nil {
		return fmt.Errorf("cannot freeze node %d: %w", n.id, err)
	}
	n.mu.Lock()
	n.frozen = true
	n.mu.Unlock()
	return nil
}

func (n *node) thaw() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.frozen {
		return fmt.Errorf("cannot thaw node %d: it is not frozen", n.id)
	}
	if err := thaw(n.proc.cmd.Process); err != nil {
		return fmt.Errorf("cannot thaw node %d: %w", n.id, err)
	}
	n.frozen = false
	return nil
}

// live returns the process if it runs and is not frozen.
func (n *node) live(what string) (*process, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil || !n.proc.running() || n.frozen {
		return nil, fmt.Errorf("cannot %s node %d: it is %s", what, n.id, n.stateLocked())
	}
	return n.proc, nil
}

// answers says whether the node can be expected to answer.
func (n *node) answers() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc != nil && n.proc.running() && !n.frozen
}

func (n *node) state() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stateLocked()
}

func (n *node) stateLocked() string {
	switch {
	case n.proc == nil:
		return "not started"
	case !n.proc.running():
		return fmt.Sprintf("down (%v)", n.proc.err)
	case n.frozen:
		return "frozen"
	default:
		return "running"
	}
}

func (n *node) logTail() string {
	log, err := os.ReadFile(n.logPath)
	if err != nil {
		return ""
	}
	return tail(log, 3000)
}

// died says whether the process ended although nobody asked it to.
func (n *node) died() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wanted && !n.proc.running()
}

// deathReason is errHopeless, and errPortTaken too when the log shows that a listener could not be bound.
func (n *node) deathReason() error {
	log := n.logTail()
	if strings.Contains(log, "Address already in use") || strings.Contains(log, "BindException") {
		return fmt.Errorf("node %d: %w: %w", n.id, errPortTaken, errHopeless)
	}
	return fmt.Errorf("node %d, %s: %w", n.id, n.state(), errHopeless)
}
