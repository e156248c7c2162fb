//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// storm bounds how many clients that reconnect may wait for their greeting: below the 4,096 that Linux'
// backlog of a listening socket has room for, so that no connection is begun a second time.
const storm = 2048

// Disconnect closes all connections at once. Clients keep their place; what they had not read is lost.
func (f *Fleet) Disconnect() {
	f.each(func(w *worker) {
		for _, c := range w.clients {
			c.close()
		}
	})
}

// Reconnect makes every client come back with the last id that it got, to a server that may be another one,
// and returns when all have their greeting.
func (f *Fleet) Reconnect(ctx context.Context, server string) error {
	if server != "" {
		to, err := netip.ParseAddrPort(server)
		if err != nil {
			return fmt.Errorf("cannot use server %q: %w", server, err)
		}
		f.server = to
	}
	f.Disconnect()
	f.begin()
	f.each(func(w *worker) { w.greeted = 0 })
	for i := range f.clients {
		if err := f.awaitGreetings(ctx, i-storm); err != nil {
			return err
		}
		if err := f.comeBack(i); err != nil {
			return err
		}
	}
	return f.awaitGreetings(ctx, f.clients)
}

// comeBack connects the i-th client again.
func (f *Fleet) comeBack(i int) error {
	w, index := f.workers[i%len(f.workers)], i/len(f.workers)
	w.mu.Lock()
	c := w.clients[index]
	id := c.id
	w.mu.Unlock()
	if len(id) == 0 {
		return errors.New("cannot reconnect a client that never got an id")
	}
	began := time.Now().UnixMicro()
	fd, err := dial(i, f.server, f.request(id), f.config.small())
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.stream = stream{sequences: c.sequences, id: c.id, began: began}
	c.fd = fd
	if err := w.watch(c, index); err != nil {
		unix.Close(fd)
		c.fd = -1
		return err
	}
	return nil
}
