package ledger

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	dialTime = 10 * time.Second
	// requestTime bounds the writing of the request and its TLS handshake.
	requestTime = 10 * time.Second
)

// dial connects to a stream's URL.
func (c *Client) dial(ctx context.Context, target *url.URL) (net.Conn, error) {
	host := target.Host
	if target.Port() == "" {
		host = net.JoinHostPort(target.Hostname(), map[string]string{"http": "80", "https": "443"}[target.Scheme])
	}
	connect := c.config.Dial
	if connect == nil {
		connect = c.dialTCP
	}
	conn, err := connect(ctx, host)
	if err != nil || target.Scheme != "https" {
		return conn, err
	}
	config := &tls.Config{}
	if c.config.TLS != nil {
		config = c.config.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = target.Hostname()
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("cannot shake hands: %w", err)
	}
	return secure, nil
}

// dialTCP is how a client connects when Config.Dial is nil.
func (c *Client) dialTCP(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime, KeepAlive: -1}
	if size := c.config.ReceiveBuffer; size > 0 {
		d.ControlContext = func(_ context.Context, _, _ string, raw syscall.RawConn) error { return setReceiveBuffer(raw, size) }
	}
	return d.DialContext(ctx, "tcp", address)
}

// request renders the request as a browser's EventSource would send it.
func (c *Client) request(target *url.URL) []byte {
	version, accept := "1.1", "text/event-stream"
	switch c.config.Mode {
	case SSE10:
		version = "1.0"
	case NDJSON:
		accept = "application/json"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/%s\r\nHost: %s\r\nAccept: %s\r\nCache-Control: no-cache\r\n", target.RequestURI(), version, target.Host, accept)
	if id := c.LastEventID(); id != "" {
		fmt.Fprintf(&b, "Last-Event-ID: %s\r\n", id)
	}
	for _, line := range c.config.Header {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}
