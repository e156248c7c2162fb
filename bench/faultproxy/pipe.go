package faultproxy

import (
	"errors"
	"io"
	"net"
	"time"
)

const (
	pieceSize = 16 << 10
	underWay  = 256 // pieces of one direction that have been sent and have not arrived: 4 MiB at most
)

// piece is data on its way. The last one has none.
type piece struct {
	data   []byte
	sent   time.Time
	broken bool // the last one: the side that it comes from has reset the connection
}

// pair is one connection through the proxy.
type pair struct {
	p              *Proxy
	client, server *net.TCPConn
	over           chan struct{} // closed by reset, which is the end of both
	stranded       chan struct{} // closed by Strand
}

// carry passes both directions on until both have ended.
func (c *pair) carry() {
	there, back := make(chan piece, underWay), make(chan piece, underWay)
	done := make(chan struct{}, 4)
	do := func(f func()) {
		go func() {
			f()
			done <- struct{}{}
		}()
	}
	do(func() { c.take(c.client, there) })
	do(func() { c.take(c.server, back) })
	do(func() { c.deliver(there, c.server, &c.p.up) })
	do(func() { c.deliver(back, c.client, &c.p.down) })
	for range 4 {
		<-done
	}
}

// take reads what one side sends.
func (c *pair) take(from *net.TCPConn, to chan<- piece) {
	defer close(to)
	buffer := make([]byte, pieceSize)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !c.put(to, piece{data: append([]byte(nil), buffer[:n]...), sent: time.Now()}) {
			return
		}
		if err != nil {
			c.put(to, piece{sent: time.Now(), broken: !errors.Is(err, io.EOF)})
			return
		}
	}
}

func (c *pair) put(to chan<- piece, some piece) bool {
	select {
	case to <- some:
		return true
	case <-c.over:
		return false
	}
}

// deliver writes what arrives, when it arrives.
func (c *pair) deliver(from <-chan piece, to *net.TCPConn, l *link) {
	for {
		var some piece
		var ok bool
		select {
		case some, ok = <-from:
		case <-c.over:
		}
		if !ok || !c.arrives(some, l) {
			return
		}
		if some.broken {
			c.p.reset(c)
			return
		}
		if len(some.data) == 0 {
			_ = to.CloseWrite() // fails where the other side is gone, which its reader tells
			return
		}
		if _, err := to.Write(some.data); err != nil {
			c.p.reset(c)
			return
		}
	}
}

// arrives waits until a piece is through. False: it never will be.
func (c *pair) arrives(some piece, l *link) bool {
	for {
		s := c.p.now()
		through, changed := c.travel(some, l, s)
		switch {
		case changed:
		case !through:
			return false
		case len(some.data) > 0 && c.p.unlucky(s.Resets):
			c.p.counts.resets.Add(1)
			c.p.reset(c)
			return false
		default:
			return true
		}
	}
}

// travel is the way of a piece under one fault, unless that changes meanwhile.
func (c *pair) travel(some piece, l *link, s state) (through, changed bool) {
	var arrival <-chan time.Time // never, in a black hole
	if !s.BlackHole {
		due := l.send(len(some.data), s.Bandwidth)
		if at := some.sent.Add(s.Latency); due.Before(at) {
			due = at
		}
		wait := time.Until(due)
		if wait <= 0 && !c.isStranded() {
			return true, false
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		arrival = timer.C
	}
	if c.isStranded() {
		<-c.over
		return false, false
	}
	select {
	case <-arrival:
		return true, false
	case <-c.stranded:
		return false, true
	case <-s.changed:
		return false, true
	case <-c.over:
		return false, false
	}
}

func (c *pair) isStranded() bool {
	select {
	case <-c.stranded:
		return true
	default:
		return false
	}
}
