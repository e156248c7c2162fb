package sse

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ringcast/ringcast/sse/frame"
)

// refusals is how many sockets beyond the streams may be open at a time, so
// that a handler can refuse them properly.
const refusals = 1024

// refusalTime is how long a socket that got a bare 503 may take to read it: a
// close before the client has read resets the connection and the answer is
// lost (measured: 100 of 100).
const refusalTime = time.Second

// bare503 is the answer to a socket beyond every bound; the headers of every
// answer follow.
const bare503 = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 10\r\nconnection: close\r\n"

// bareStream is the same for EventSource, which would not come again after a
// status (Config.LimitAsResponse); those headers and the body follow.
const bareStream = "HTTP/1.1 200 OK\r\ncache-control: no-cache, no-transform\r\nconnection: close\r\ncontent-type: "

// bareAnswer is what a socket beyond every bound gets. h is its request, or nil
// where there is no time to read it. Where it expects TLS that is nothing: a
// handshake costs more than there is left.
func (s *Server) bareAnswer(h *fasthttp.RequestHeader) []byte {
	if s.cfg.TLS != nil {
		return nil
	}
	if !s.limits().LimitAsResponse {
		return append([]byte(bare503), s.bareHeaders()...)
	}
	b := []byte(bareStream)
	if h != nil && wantsLines(h) {
		b = append(append(b, contentType(h, laneLines)+"\r\n"...), s.bareHeaders()...)
		return append(b, frame.LineHeartbeat...)
	}
	b = append(append(b, contentType(h, 0)+"\r\n"...), s.bareHeaders()...)
	return frame.Limit(b, limitRetry+rand.N(limitSpread), string(refusedSockets))
}

// bareHeaders are those of every answer, to a request of which the origin is
// not known.
func (s *Server) bareHeaders() string {
	h := "x-content-type-options: nosniff\r\n"
	switch origins := s.limits().CORSOrigins; {
	case len(origins) == 0:
		return h + "\r\n"
	case len(origins) == 1:
		h += "access-control-allow-origin: " + origins[0] + "\r\n"
	default:
		h += "vary: Origin\r\n"
	}
	return h + "access-control-allow-headers: " + corsHeaders + "\r\naccess-control-expose-headers: " + corsExpose + "\r\n\r\n"
}

// listener counts every accepted socket, whatever becomes of it, and survives
// running out of descriptors: fasthttp's Serve returns on the first accept
// that fails with EMFILE (measured).
type listener struct {
	net.Listener
	most    func() int64
	coming  atomic.Int64                         // accepted, and not yet answered or in their place
	room    chan struct{}                        // one of those is
	sockets *atomic.Int64                        // accepted and not closed yet
	refused func()                               // counts a socket that got the bare answer
	bare    func(*fasthttp.RequestHeader) []byte // that answer
	asks    func() bool                          // it depends on the request

	mu      sync.Mutex
	reserve *os.File // a descriptor to give up when there are no others, guarded by mu
	closed  bool     // guarded by mu
}

func (s *Server) newListener(ln net.Listener) *listener {
	l := &listener{Listener: ln, most: func() int64 { return int64(s.limits().MaxConnections + refusals) }, room: make(chan struct{}, 1), sockets: &s.sockets,
		refused: func() { s.stats.refused(refusedSockets) }, bare: s.bareAnswer, asks: func() bool { return s.limits().LimitAsResponse }}
	l.reserve, _ = os.Open(os.DevNull)
	return l
}

// Accept returns the next connection that the handler may see.
func (l *listener) Accept() (net.Conn, error) {
	for {
		l.hold()
		c, err := l.Listener.Accept()
		if err != nil {
			if !outOfDescriptors(err) {
				return nil, err
			}
			if c = l.acceptWithReserve(); c == nil {
				continue
			}
		}
		if l.sockets.Add(1) > l.most() {
			go l.refuse(c)
			continue
		}
		l.coming.Add(1)
		return &conn{Conn: c, sockets: l.sockets, listener: l}, nil
	}
}

const (
	// maxComing is how many sockets may be on their way between accept and the
	// place where they are served. Each is a goroutine or two, in system calls; a
	// herd of them becomes a herd of threads, 48 KiB of stacks each, which Go
	// never gives back (measured: 519 threads after 5,000 connects on a busy
	// machine).
	maxComing = 32
	// holdTime is what an accept waits for one of those at most: clients that
	// connect and say nothing must not keep others out.
	holdTime = time.Millisecond
)

// hold waits while many sockets are on their way.
func (l *listener) hold() {
	if l.coming.Load() < maxComing {
		return
	}
	t := time.NewTimer(holdTime)
	defer t.Stop()
	for l.coming.Load() >= maxComing {
		select {
		case <-l.room:
		case <-t.C:
			return
		}
	}
}

// arrived notes that a socket's first request has been answered or has got its
// place, or that it is over.
func (c *conn) arrived() {
	l := c.listener
	if l == nil || c.there.Swap(true) {
		return
	}
	l.coming.Add(-1)
	select {
	case l.room <- struct{}{}:
	default:
	}
}

// Close closes the listener and gives up the reserve.
func (l *listener) Close() error {
	l.mu.Lock()
	l.closed = true
	if l.reserve != nil {
		l.reserve.Close()
		l.reserve = nil
	}
	l.mu.Unlock()
	return l.Listener.Close()
}

// refuse answers a socket beyond the bound and closes it.
func (l *listener) refuse(c net.Conn) {
	defer l.sockets.Add(-1)
	l.refused()
	_ = c.SetDeadline(time.Now().Add(refusalTime))
	var h *fasthttp.RequestHeader
	if l.asks() {
		h = new(fasthttp.RequestHeader)
		_ = c.SetReadDeadline(time.Now().Add(refusalTime / 4))
		_ = h.Read(bufio.NewReader(c)) // without it no lines are wanted
		_ = c.SetReadDeadline(time.Now().Add(refusalTime))
	}
	refuseBare(c, l.bare(h))
}

// refuseBare writes the bare answer, reads away what the client sends, and closes.
func refuseBare(c net.Conn, answer []byte) {
	defer c.Close()
	if _, err := c.Write(answer); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	readAway(c)
}

// readAway reads what a client sends until it stops, or 64 KiB.
func readAway(c net.Conn) {
	_, _ = io.CopyN(io.Discard, c, 64<<10)
}

// acceptWithReserve gives up the reserve to accept one socket. It returns the
// socket if there are descriptors again, and otherwise refuses it. accept4
// returns EMFILE also when nobody waits, so the accept has a deadline: a
// blocked one would leave the process without a reserve (measured).
func (l *listener) acceptWithReserve() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil // and Accept will say so
	}
	if l.reserve == nil {
		l.reserve, _ = os.Open(os.DevNull)
	}
	deadline, ok := l.Listener.(interface{ SetDeadline(time.Time) error })
	if l.reserve == nil || !ok {
		time.Sleep(50 * time.Millisecond)
		return nil
	}
	l.reserve.Close()
	_ = deadline.SetDeadline(time.Now().Add(2 * time.Millisecond))
	c, err := l.Listener.Accept()
	_ = deadline.SetDeadline(time.Time{})
	l.reserve, _ = os.Open(os.DevNull)
	switch {
	case err != nil:
		time.Sleep(50 * time.Millisecond)
		return nil
	case l.reserve != nil:
		return c
	}
	l.refused()
	refuseNow(c, l.bare(nil))
	l.reserve, _ = os.Open(os.DevNull)
	return nil
}

// refuseNow answers without waiting for the client: the descriptor is needed.
func refuseNow(c net.Conn, answer []byte) {
	_ = c.SetDeadline(time.Now().Add(10 * time.Millisecond))
	_, _ = c.Write(answer)
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = c.Read(make([]byte, 4096))
	c.Close()
}

func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// conn is an accepted socket. It owns the counts that were taken for it: they
// are given back once, when it is closed, or move on with its descriptor.
type conn struct {
	net.Conn
	sockets *atomic.Int64
	stream  *view // counted as a connection of this stream, or nil
	server  *Server
	guest   *guest       // whom it is counted for, or nil
	reason  closedReason // why its stream ends; "": the client
	placed  atomic.Bool  // it has a place among those who catch up from Kafka
	linger  bool         // the client may still be sending: a close at once would lose the answer
	over    atomic.Bool

	// patience, nanoseconds, is how long one write may take without any
	// progress; 0: its deadline says.
	patience atomic.Int64

	listener *listener   // that counts it as coming, or nil
	there    atomic.Bool // and does so no more
}

// Close closes the socket and gives back its counts, once.
func (c *conn) Close() error {
	if c.over.Swap(true) {
		return net.ErrClosed
	}
	c.leavePlace()
	if c.stream == nil {
		c.checkOut()
	}
	c.arrived()
	if c.linger {
		go func() {
			defer c.sockets.Add(-1)
			defer c.Conn.Close()
			_ = c.CloseWrite()
			_ = c.Conn.SetDeadline(time.Now().Add(refusalTime))
			readAway(c.Conn)
		}()
		return nil
	}
	err := c.Conn.Close()
	c.sockets.Add(-1)
	if c.stream != nil {
		c.server.ended(c.stream, c.guest, cmp.Or(c.reason, closedClient))
	}
	return err
}

// Write renews the deadline with every byte that the client takes: above it
// crypto/tls, for which a write that timed out is the last one.
func (c *conn) Write(b []byte) (n int, err error) {
	patience := time.Duration(c.patience.Load())
	if patience <= 0 {
		return c.Conn.Write(b)
	}
	for {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(patience))
		m, err := c.Conn.Write(b[n:])
		n += m
		if err == nil || m == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// checkOut gives back what a request was counted for that got no stream.
func (c *conn) checkOut() {
	if c.guest != nil {
		c.server.checkOut(c.guest)
		c.guest = nil
	}
}

// CloseWrite closes our side, where the transport can; the counts stay.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// handOver ends the ownership of the counts: whoever took the descriptor gives
// them back. It reports whether the socket was still open.
func (c *conn) handOver() bool { return !c.over.Swap(true) }

// unwrap finds our conn below what fasthttp and crypto/tls put around it.
func unwrap(c net.Conn) *conn {
	for {
		switch x := c.(type) {
		case *conn:
			return x
		case interface{ UnsafeConn() net.Conn }:
			c = x.UnsafeConn()
		case interface{ NetConn() net.Conn }:
			c = x.NetConn()
		default:
			return nil
		}
	}
}
