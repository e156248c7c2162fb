//go:build linux

package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// encrypted begins the TLS connection of the i-th client. Unlike all others these clients have a goroutine and a
// net.Conn each. The server's certificate is not verified: what that costs is not what is measured.
func (f *Fleet) encrypted(i int, c *client, request []byte) error {
	from := source(i)
	d := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IP(from[:])},
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			cerr := raw.Control(func(fd uintptr) {
				// The port is chosen at connect: it only has to be free for this destination.
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			})
			return errors.Join(cerr, err)
		},
	}
	conn, err := d.Dial("tcp4", f.server.String())
	if err != nil {
		return fmt.Errorf("cannot connect client %d to %v: %w", i, f.server, err)
	}
	c.fd, c.conn = -1, conn
	w := f.workers[i%len(f.workers)]
	w.mu.Lock()
	w.clients = append(w.clients, c)
	w.mu.Unlock()
	f.done.Go(func() {
		defer conn.Close()
		if err := w.decrypt(c, conn, request); err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			if c.conn != nil { // not closed by us
				w.drop(c, err)
			}
		}
	})
	return nil
}

// decryptSize is what a client with TLS reads at a time: a record of TLS has at most 16 KiB (RFC 8446 section 5.1).
const decryptSize = 16 << 10

// decrypt reads until the connection ends.
func (w *worker) decrypt(c *client, conn net.Conn, request []byte) error {
	t := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if _, err := t.Write(request); err != nil {
		return fmt.Errorf("cannot send a request over TLS: %w", err)
	}
	buf := make([]byte, decryptSize)
	for {
		n, err := t.Read(buf)
		if err != nil {
			return fmt.Errorf("connection lost: %w", err)
		}
		w.mu.Lock()
		if c.conn == nil {
			w.mu.Unlock()
			return nil
		}
		w.took(c, append(c.carry, buf[:n]...), n)
		w.mu.Unlock()
	}
}
