package sse

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// A client that comes to a server that has closed is not put into what is now
// another's epoll set.
func TestInputsClosed(t *testing.T) {
	p := newPublisher(10, 1)
	cfg := testConfig(p)
	cfg.TLS, _ = selfSigned(t)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	old := s.inputs.poll.fd
	s.Close()
	until(t, "its descriptor is another's", func() bool {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC) // the lowest that is free
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd == old
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s.inputs.add(&follower{srv: s, owner: &conn{Conn: c}}) {
		t.Error("it is watched")
	}
}
