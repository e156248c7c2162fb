package broker

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout bounds one connection attempt.
const dialTimeout = 5 * time.Second

var errCut = errors.New("connections of this client were cut")

// dialer is what sarama dials with.
type dialer interface {
	Dial(network, address string) (net.Conn, error)
}

// leash holds every connection of one client and can cut them. A request that
// waits for a broker cannot be called back in any other way: sarama holds the
// lock of the broker until an answer or a timeout comes.
type leash struct {
	ctx    context.Context // ends with cut
	cancel context.CancelFunc

	mu    sync.Mutex
	conns map[*leashed]struct{}
}

func newLeash() *leash {
	l := &leash{conns: map[*leashed]struct{}{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// leashDialer dials through another dialer, or the network itself when that is nil.
type leashDialer struct {
	leash   *leash
	peers   *peers
	through dialer
}

// Dial implements the dialer of sarama.
func (d leashDialer) Dial(network, address string) (net.Conn, error) {
	var conn net.Conn
	var err error
	began, p := time.Now(), d.peers.at(address)
	if d.through != nil {
		conn, err = d.through.Dial(network, address)
	} else {
		conn, err = (&net.Dialer{Timeout: p.patience(dialTimeout)}).DialContext(d.leash.ctx, network, address)
	}
	if err != nil {
		if isTimeout(err) {
			p.waited(began.UnixNano())
		}
		return nil, err
	}
	return d.leash.hold(conn, p)
}

func (l *leash) hold(conn net.Conn, p *peer) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		_ = conn.Close()
		return nil, errCut
	}
	c := &leashed{Conn: conn, leash: l, peer: p}
	l.conns[c] = struct{}{}
	p.add(c)
	_ = c.SetReadDeadline(time.Now().Add(dialTimeout)) // a handshake of TLS comes first, and sets none
	return c, nil
}

// cut closes every connection and refuses further ones.
func (l *leash) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel()
	for c := range l.conns {
		_ = c.Conn.Close()
	}
	clear(l.conns)
}

// leashed is a connection that its leash forgets when it is closed, that does
// not wait for long when its broker is silent, and whose read deadline moves on
// with what arrives (silence.go).
type leashed struct {
	net.Conn
	leash *leash
	peer  *peer

	asked        atomic.Int64          // how long the caller would wait, nanoseconds; 0: for ever
	since, until atomic.Int64          // the wait of the moment, Unix nanoseconds
	late         atomic.Pointer[error] // what ended it, where that was the time: the connection is of no use
}

// Close implements net.Conn.
func (c *leashed) Close() error {
	c.leash.mu.Lock()
	delete(c.leash.conns, c)
	c.leash.mu.Unlock()
	c.peer.remove(c)
	return c.Conn.Close()
}
