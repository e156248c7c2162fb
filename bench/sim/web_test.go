package sim

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// web is the network between clients and instances.
type web struct {
	mu    sync.Mutex
	hosts map[string]*host // guarded by mu
}

func newWeb() *web { return &web{hosts: map[string]*host{}} }

// host is the listener of one run of an instance.
type host struct {
	web     *web
	address string
	calls   chan *end
	closed  chan struct{}
	once    sync.Once

	mu    sync.Mutex
	conns []*end // server ends, guarded by mu
}

// listen takes an address.
func (w *web) listen(address string) *host {
	h := &host{web: w, address: address, calls: make(chan *end), closed: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hosts[address] != nil {
		panic("BUG: two instances at " + address)
	}
	w.hosts[address] = h
	return h
}

// dial connects to whoever listens at an address.
func (w *web) dial(ctx context.Context, address string) (net.Conn, error) {
	w.mu.Lock()
	h := w.hosts[address]
	w.mu.Unlock()
	if h == nil {
		return nil, syscall.ECONNREFUSED
	}
	client, server := pipe()
	h.mu.Lock()
	h.conns = append(h.conns, server)
	h.mu.Unlock()
	select {
	case h.calls <- server:
		return client, nil
	case <-h.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (h *host) Accept() (net.Conn, error) {
	select {
	case c := <-h.calls:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *host) Close() error {
	h.once.Do(func() {
		close(h.closed)
		h.web.mu.Lock()
		defer h.web.mu.Unlock()
		delete(h.web.hosts, h.address)
	})
	return nil
}

// Addr implements net.Listener.
func (h *host) Addr() net.Addr { return nowhere }

// die resets every connection, as the death of a process does.
func (h *host) die() {
	_ = h.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		c.reset()
	}
}
