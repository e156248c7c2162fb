//go:build linux

package load

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// clientsPerAddress keeps the connections from one source address well below the 28,000 ephemeral ports
// of Linux' default, also while those of the last run wait in TIME_WAIT.
const clientsPerAddress = 4000

// source is the loopback address of the i-th client. Every process has 127.x addresses of its own.
func source(i int) [4]byte {
	return [4]byte{127, byte(1 + os.Getpid()%250), byte(1 + os.Getpid()/250%250), byte(1 + i/clientsPerAddress)}
}

// smallBuffer is the receive buffer of a client for which the kernel must not read, in bytes.
const smallBuffer = 4 << 10

// dial connects the i-th client to the server and sends its request. The socket returned is non-blocking.
func dial(i int, to netip.AddrPort, request []byte, small bool) (fd int, err error) {
	fd, err = socket(i, to, small)
	if err != nil {
		return -1, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := unix.Connect(fd, sockaddr(to)); err != nil {
		return -1, fmt.Errorf("cannot connect client %d to %v: %w", i, to, err)
	}
	if n, err := unix.Write(fd, request); err != nil || n < len(request) {
		return -1, fmt.Errorf("cannot send the request of client %d: %d of %d bytes: %w", i, n, len(request), err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return -1, fmt.Errorf("cannot make a socket non-blocking: %w", err)
	}
	return fd, nil
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
}

// socket returns a socket of the i-th client that is ready to be connected.
func socket(i int, to netip.AddrPort, small bool) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open socket %d: %w (a process has at most RLIMIT_NOFILE of them)", i, err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	// The port is chosen at connect: it only has to be free for this destination.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return -1, fmt.Errorf("cannot delay the choice of a port: %w", err)
	}
	if small {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, smallBuffer); err != nil {
			return -1, fmt.Errorf("cannot make a receive buffer small: %w", err)
		}
	}
	if to.Addr().IsLoopback() {
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: source(i)}); err != nil {
			return -1, fmt.Errorf("cannot bind to source %v: %w", source(i), err)
		}
	}
	return fd, nil
}
