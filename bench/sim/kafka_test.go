package sim

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
)

// cable is the network between the server and Kafka. It can be cut.
type cable struct {
	net *kfake.VirtualNetwork

	mu    sync.Mutex
	down  bool // guarded by mu, as what follows
	conns map[*cord]struct{}
}

// cord is one connection over a cable.
type cord struct {
	net.Conn
	cable *cable
}

var errCut = errors.New("the cable to Kafka is cut")

// Dial implements the dialer of sarama.
func (c *cable) Dial(network, address string) (net.Conn, error) {
	c.mu.Lock()
	down := c.down
	c.mu.Unlock()
	if down {
		return nil, errCut
	}
	conn, err := c.net.DialContext(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		conn.Close()
		return nil, errCut
	}
	held := &cord{conn, c}
	c.conns[held] = struct{}{}
	return held, nil
}

// Close implements net.Conn.
func (c *cord) Close() error {
	c.cable.mu.Lock()
	delete(c.cable.conns, c)
	c.cable.mu.Unlock()
	return c.Conn.Close()
}

// drop breaks every connection; down refuses new ones until it is mended.
func (c *cable) drop(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	for cord := range c.conns {
		cord.Conn.Close()
	}
	clear(c.conns)
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = false
}

// longPoll is what a fetch waits for records: as long as the read timeouts
// allow, since hours of silence are made of these.
const longPoll = 2 * time.Second

// configure makes the clients of a broker dial through the cable. Simulated
// time stands still while a goroutine waits for a mutex, so nobody may ask a
// broker something, in the background, while a join waits for it: sarama holds
// its lock. The server looks for new partitions itself.
func (c *cable) configure(sc *sarama.Config) {
	sc.Metadata.RefreshFrequency = 0
	sc.Consumer.MaxWaitTime = longPoll
	sc.Net.Proxy.Enable, sc.Net.Proxy.Dialer = true, c
}
