//go:build linux

package yardstick

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// listen opens a listening socket at a loopback port that the kernel chooses.
func listen() (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, 0, fmt.Errorf("cannot open a listening socket: %w", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		err = unix.Listen(fd, 4096)
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, fmt.Errorf("cannot listen: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return -1, 0, fmt.Errorf("cannot find the listening port: %w", err)
	}
	return fd, name.(*unix.SockaddrInet4).Port, nil
}

// accept takes connections one after the other, answers each, and deals them out to the shards.
func (s *server) accept(ctx context.Context, listener int) error {
	polls := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		if n, err := unix.Poll(polls, 100); n <= 0 || err != nil {
			continue
		}
		for {
			fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
			if err == unix.EAGAIN {
				break
			}
			if err != nil {
				return fmt.Errorf("cannot accept client %d: %w", s.accepted, err)
			}
			if err := s.answer(fd); err != nil {
				unix.Close(fd)
				continue // the client notices, and fails the run
			}
			s.shards[s.accepted%len(s.shards)].add(fd)
			s.accepted++
		}
	}
	return nil
}

// answer reads the request up to its blank line, whatever it says, and writes header and greeting.
func (s *server) answer(fd int) error {
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	var buf [4096]byte
	for n := 0; !bytes.Contains(buf[:n], []byte("\r\n\r\n")); {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue // a read with a time-out is not restarted after a signal, and Go's scheduler sends many
		}
		if err != nil {
			return err
		}
		if n += m; m == 0 || n == len(buf) {
			return fmt.Errorf("cannot find the end of a request in %d bytes", n)
		}
	}
	if _, err := unix.Write(fd, s.welcome); err != nil {
		return err
	}
	return unix.SetNonblock(fd, true)
}
