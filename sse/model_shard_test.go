package sse

import (
	"time"

	"github.com/ringcast/ringcast/ringbuf"
)

// modelShard does for one client what a shard does for many, without its
// socket: it gives what is pending, then the shared batches, places a client
// that has left the ring anew, and has a follower take one that must wait.
type modelShard struct {
	visit  *modelVisit
	owner  *conn
	pend   []byte
	cursor uint64
	last   *ringbuf.Entry
	want   *want
	waited int // steps
}

func (c *modelShard) step() {
	v := c.visit
	ring, rng := v.in.ring, v.client.world.rng
	switch {
	case v.conn.over.Load():
	case len(c.pend) > 0:
		b := c.pend
		c.pend = nil
		v.parser.take(v, b)
	case c.want != nil:
		c.wait()
	case c.cursor < ring.Head():
		to, ok := span(ring, c.cursor, ring.Head(), v.in.srv.batchLimit)
		var b *batch
		if ok {
			b = v.lane.build(ring, c.cursor, to)
		}
		if b == nil {
			c.demote()
			return
		}
		if rng.IntN(3) > 0 || len(b.bytes) == 0 {
			c.cursor, c.last = b.to, b.last
			v.parser.take(v, b.bytes)
			return
		}
		n := rng.IntN(len(b.bytes))
		rest, cursor, last, _ := b.cut(v.lane, n)
		c.pend, c.cursor = rest, cursor
		if last != nil {
			c.last = last
		}
		v.parser.take(v, b.bytes[:n])
	}
}

// demote: the client's cursor has left the ring.
func (c *modelShard) demote() {
	c.visit.client.world.tracef("%s falls out of the ring", c.visit.name)
	if c.last == nil {
		c.owner.Close()
		return
	}
	at := c.last.Vector()
	c.place(&want{pos: at.Pos, keys: at.Keys})
}

func (c *modelShard) place(w *want) {
	s, err := c.visit.in.view.place(w, c.visit.lane)
	if err != nil {
		c.owner.Close()
		return
	}
	if c.want = s.want; s.at != nil {
		c.cursor, c.last, c.pend = s.at.Seq, s.at, s.private
	} else if c.want.alone() {
		c.toFollower()
	}
}

// wait is for a client that is ahead.
func (c *modelShard) wait() {
	v := c.visit
	if c.waited++; c.waited > 5 {
		c.toFollower()
		return
	}
	if newest := v.in.ring.Newest(); !c.want.ahead(newest.Vector()) {
		c.place(c.want)
	}
}

func (c *modelShard) toFollower() {
	v := c.visit
	v.client.world.tracef("%s becomes a follower", v.name)
	v.shard = nil
	v.in.srv.launch(&follower{srv: v.in.srv, conn: v.conn, owner: c.owner, view: v.in.view, lane: v.lane, want: c.want, born: time.Now(),
		head: heartbeats[v.lane]}, false) // a first write, which tells whose goroutine it is
}

// level reports whether the client has what everyone has.
func (c *modelShard) level() bool {
	return c.want == nil && len(c.pend) == 0 && c.cursor == c.visit.in.ring.Head()
}
