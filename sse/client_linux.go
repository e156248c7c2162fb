package sse

import (
	"slices"

	"github.com/ringcast/ringcast/ringbuf"
)

// state is where a client stands with its view.
type state uint8

const (
	stateFree    state = iota
	stateLive          // at the shard's position: is sent the shared batch
	stateLagging       // has bytes of its own to take first
	stateWaiting       // its position is ahead of this instance
	stateClosing       // everything is written; the client has to close
)

// client is one connection of a shard. It is small because there are
// thousands, and most of them are live and own nothing.
type client struct {
	fd    int32
	gen   uint32 // tells this client from earlier ones in its place
	group *group
	guest *guest   // whom it is counted for, or nil
	lag   *lagging // nil while live
	spot  uint32   // index in the group's list of its state
	wrote uint32   // tick at which bytes were taken last
	born  uint32   // tick of adoption
	look  uint32   // tick at which the wheel looks at it
	unread
	// expires is the end of the client's token by the steady clock, Unix seconds; 0: none.
	expires uint32
	state   state
	lane    lane
	// blocked: the socket takes nothing; epoll will tell when it does.
	blocked bool
	queued  bool // in the shard's ready list
}

// lagging is what a client has only while it is not live.
type lagging struct {
	pend   []byte         // to be written first: the rest of the event it is in
	tail   []byte         // to be written after pend, before anything else
	cursor uint64         // sequence taken last, pend included
	last   *ringbuf.Entry // of the event it was given last: its position, also when the ring has moved on
	pinned *ringbuf.Entry // what pend is part of, accounted for
	own    int64          // bytes of pend and tail that nobody else holds
	want   *want          // while waiting
	begun  uint32         // tick at which waiting began

	ending bool // nothing follows tail
	reason closedReason
	since  uint32 // tick since which it has been behind
	window uint32 // tick at which the measured minute began
	taken  int64  // bytes taken since then
}

// group is what a shard knows of one view.
type group struct {
	view   *view
	waker  *ringbuf.Waker
	reader reader // tells pos to a pump

	pos  uint64         // sequence that every live client has been given
	last *ringbuf.Entry // the entry at pos
	// dirty: the ring may hold more than pos.
	dirty bool
	turn  int // moves the client that is written first

	live    [lanes][]uint32
	given   [lanes]sent // to every live client, since the group began
	lagging []uint32
	waiting []uint32
}

// list returns the list that clients of a state are kept in.
func (g *group) list(c *client) *[]uint32 {
	switch c.state {
	case stateLive:
		return &g.live[c.lane]
	case stateWaiting:
		return &g.waiting
	}
	return &g.lagging
}

// move puts client i into the list of a state.
func (sh *shard) move(i uint32, to state) {
	c := &sh.clients[i]
	sh.unlist(i)
	c.state = to
	l := c.group.list(c)
	c.spot = uint32(len(*l))
	*l = append(*l, i)
	sh.count[to]++
	if v := c.guest.log(); v != nil && to == stateLive {
		v.mark = c.group.given[c.lane]
	}
}

// unlist takes client i out of the list of its state.
func (sh *shard) unlist(i uint32) {
	c := &sh.clients[i]
	if c.state == stateFree {
		return
	}
	if v := c.guest.log(); v != nil && c.state == stateLive {
		v.settle(c.group.given[c.lane])
	}
	l := c.group.list(c)
	end := len(*l) - 1
	moved := (*l)[end]
	(*l)[c.spot] = moved
	sh.clients[moved].spot = c.spot
	*l = (*l)[:end]
	sh.count[c.state]--
	c.state = stateFree
}

// size is how many clients the group has.
func (g *group) size() int { return g.liveClients() + len(g.lagging) + len(g.waiting) }

// each calls f for every client. f may move it.
func (g *group) each(f func(i uint32)) {
	all := slices.Concat(append(g.live[:], g.lagging, g.waiting)...)
	for _, i := range all {
		f(i)
	}
}

// live is how many clients are at the shard's position.
func (g *group) liveClients() (n int) {
	for _, l := range g.live {
		n += len(l)
	}
	return n
}
