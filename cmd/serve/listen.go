package serve

import (
	"context"
	"net"
	"time"
)

// How a client that vanished without a word is found while nothing is sent to
// it: as by default in Go, after 15 s + 9 × 15 s.
const (
	keepAliveAfter = 15 * time.Second
	keepAliveEvery = 15 * time.Second
	keepAliveCount = 9
)

// listen takes a port for clients. Their connections are plain TCP, whatever
// they offer: a shard owns descriptors, and asks the kernel what is unsent.
func listen(addr string) (net.Listener, error) {
	c := inheriting()
	c.SetMultipathTCP(false)
	return c.Listen(context.Background(), "tcp", addr)
}
