package broker

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// gate is a network that can be taken away and given back.
type gate struct {
	mu     sync.Mutex
	closed bool
	frozen bool
	conns  []*gated
}

func newGate() *gate { return &gate{} }

func (g *gate) configure(c *sarama.Config) {
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, g
	c.Net.ReadTimeout = time.Second
}

// Dial implements the dialer of sarama.
func (g *gate) Dial(network, address string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("the gate is shut")}
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	c := &gated{Conn: conn, frozen: g.frozen}
	g.conns = append(g.conns, c)
	return c, nil
}

// shut breaks all connections and refuses new ones.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, c := range g.conns {
		_ = c.Close()
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

// freeze makes the connections of now and of later accept requests and never
// answer. Those that thaw finds stay so.
func (g *gate) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen = true
	for _, c := range g.conns {
		c.mu.Lock()
		c.frozen = true
		c.mu.Unlock()
	}
}

func (g *gate) thaw() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen = false
}

// gated is a connection through a gate.
type gated struct {
	net.Conn
	mu     sync.Mutex
	frozen bool
}

// Write implements net.Conn. A frozen connection swallows it.
func (c *gated) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
