//go:build kafka && faults && linux

package blackbox

import (
	"context"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// hole is the way of clients to the server. Once it is dug, what the server
// sends is dropped before their kernel sees it: nothing is read, acknowledged or
// reset, as if a cable had been pulled.
type hole struct {
	dialer net.Dialer

	mu    sync.Mutex
	conns []*net.TCPConn // guarded by mu
}

// dial is a ledger.Config's.
func (h *hole) dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := h.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, c.(*net.TCPConn))
	return c, nil
}

// dig begins to swallow what comes for connections that are there.
func (h *hole) dig() error {
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0} // bytes to be let through
	return h.each(func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	})
}

// fill lets everything through again.
func (h *hole) fill() error {
	return h.each(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) })
}

func (h *hole) each(do func(fd int) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		raw, err := c.SyscallConn()
		if err != nil {
			return err
		}
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("cannot change the filter of a socket: %w", failed)
		}
	}
	return nil
}
