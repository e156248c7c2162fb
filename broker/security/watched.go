package security

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// saslAuthenticate is the API key of the request that carries credentials.
const saslAuthenticate = 36

// watched is a connection that says what it means when the broker ends it: brokers may close instead of answering bad
// credentials (KIP-152 is an answer, kfake and proxies give none), and with TLS 1.3 a client's certificate is refused
// after the handshake.
type watched struct {
	net.Conn
	broker string
	last   atomic.Uint32 // API key of the request written last
}

// Write implements net.Conn. sarama writes each request whole: length, API key, the rest.
func (c *watched) Write(p []byte) (int, error) {
	if len(p) >= 6 {
		c.last.Store(uint32(binary.BigEndian.Uint16(p[4:])))
	}
	return c.Conn.Write(p)
}

// Read implements net.Conn.
func (c *watched) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	switch {
	case err == nil:
	case remote(err):
		err = &Error{ErrTLS, c.broker, err}
	case c.last.Load() == saslAuthenticate && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		err = &Error{ErrAuthentication, c.broker, fmt.Errorf("it closed the connection: %w", err)}
	}
	return n, err
}
