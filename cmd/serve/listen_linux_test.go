package serve

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKeepAlive: a connection that is accepted is looked after without a system
// call of its own.
func TestKeepAlive(t *testing.T) {
	ln, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	f := func(level, option, want int) {
		t.Helper()
		_ = raw.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptInt(int(fd), level, option); got != want || err != nil {
				t.Errorf("option %d is %d, %v, want %d", option, got, err, want)
			}
		})
	}
	f(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	f(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
	f(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
	f(unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9)
	f(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	f(unix.SOL_SOCKET, unix.SO_PROTOCOL, unix.IPPROTO_TCP)
}
