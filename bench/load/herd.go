//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Herd begins all connections at once, without waiting for any, until there are total, and returns when all have
// their greeting. Beyond the server's backlog it is the kernel that waits, and tries again after a second.
func (f *Fleet) Herd(ctx context.Context, total int) error {
	if f.config.TLS {
		return errors.New("cannot send a herd over TLS: such clients only connect")
	}
	f.begin()
	for ; f.clients < total; f.clients++ {
		c := &client{request: f.request(nil), stream: stream{began: time.Now().UnixMicro(), sequences: make([]sequence, f.config.Partitions)}}
		var err error
		if c.fd, err = socket(f.clients, f.server, f.config.small()); err != nil {
			return err
		}
		if err = unix.SetNonblock(c.fd, true); err == nil {
			if err = unix.Connect(c.fd, sockaddr(f.server)); err == unix.EINPROGRESS {
				err = nil
			}
		}
		if err != nil {
			unix.Close(c.fd)
			return fmt.Errorf("cannot connect client %d to %v: %w", f.clients, f.server, err)
		}
		if err := f.workers[f.clients%len(f.workers)].add(c); err != nil {
			unix.Close(c.fd)
			return err
		}
	}
	return f.awaitGreetings(ctx, f.clients)
}

// ask sends the request of a client whose connection stands now. The caller holds mu. It returns false when there
// is nothing to read.
func (w *worker) ask(c *client, index int32) bool {
	if c.fd < 0 {
		return false
	}
	n, err := unix.Write(c.fd, c.request)
	switch {
	case err == unix.EAGAIN:
		return false
	case err != nil || n < len(c.request):
		w.drop(c, fmt.Errorf("cannot send a request: %d of %d bytes: %w", n, len(c.request), err))
		return false
	}
	c.request = nil
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: index}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_MOD, c.fd, &event); err != nil {
		w.drop(c, fmt.Errorf("cannot watch a client's socket: %w", err))
		return false
	}
	return true
}
