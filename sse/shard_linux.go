package sse

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringcast/ringcast/ringbuf"
)

// A shard is one goroutine that owns the sockets of its clients: no other
// writes to them or closes them, and no client has a goroutine, a buffer or a
// net.Conn. On a wake it takes what lies between its position and the head of
// a ring and writes the same bytes to every client that is there. While it
// writes, new events gather; the next round carries them.
type shard struct {
	srv *Server
	id  int

	// Owned by the shard's goroutine.
	poll    *poller
	clients []client
	free    []uint32
	groups  map[*view]*group
	order   []*group // of groups, for rotation
	ready   []uint32 // lagging clients whose socket may take more
	short   []shortWrite
	pins    map[*ringbuf.Entry]*pin
	beats   beats
	expiry  expiry
	tick    uint32 // the time in ticks, moves with every turn of the loop
	now     time.Time
	count   [stateClosing + 1]int64
	drainer *drainer // nil before the drain
	panics  []time.Time
	// removing: a group is there whose view is no longer served.
	removing bool

	// Filled by anyone, emptied by the shard.
	inboxMu sync.Mutex
	inbox   []arrival
	closed  bool // nothing is taken any more, guarded by inboxMu

	wake   chan struct{} // a ring moved, or the inbox has something
	mail   atomic.Bool   // the inbox has something
	done   chan struct{} // closed by the shard's goroutine when it ends
	counts [stateClosing + 1]atomic.Int64
	turned atomic.Int64 // when the loop began its last turn, nanoseconds since the server started
	behind atomic.Int64 // entries between the slowest group and its ring's head
}

// arrival is a connection on its way into a shard. Its descriptor and its
// counts belong to the shard from here.
type arrival struct {
	fd     int
	view   *view
	guest  *guest
	lane   lane
	pend   []byte // bytes to be written before anything else
	cursor uint64
	last   *ringbuf.Entry
	want   *want
	bare   bool // nothing follows pend
	born   time.Time

	expires uint32 // end of the token by the steady clock, Unix seconds; 0: none
}

// shortWrite is a client that took only n bytes of a batch.
type shortWrite struct {
	client uint32
	n      int
}

// startShards starts one shard per processor.
func (s *Server) startShards() []*shard {
	if s.cfg.TLS != nil || s.cfg.NoShards {
		return nil
	}
	n := s.cfg.Shards
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	var list []*shard
	for i := range n {
		sh := &shard{srv: s, id: i, wake: make(chan struct{}, 1), done: make(chan struct{})}
		if err := sh.reset(); err != nil {
			s.log.Error().Err(err).Msg("no epoll: every connection gets a goroutine")
			return nil
		}
		list = append(list, sh)
		go sh.run()
	}
	return list
}

// stopShards ends the shards and resets their clients.
func (s *Server) stopShards() {
	for _, sh := range s.shards {
		<-sh.done
	}
}

// reset makes the shard empty.
func (sh *shard) reset() (err error) {
	sh.now = time.Now()
	sh.turned.Store(int64(sh.now.Sub(sh.srv.started)))
	sh.tick = sh.srv.ticks(sh.now)
	sh.clients, sh.free, sh.order, sh.ready, sh.short = nil, nil, nil, nil, nil
	sh.groups = make(map[*view]*group)
	sh.pins = make(map[*ringbuf.Entry]*pin)
	sh.beats = beats{at: sh.tick}
	sh.expiry = expiry{}
	sh.count = [stateClosing + 1]int64{}
	sh.drainer = nil
	sh.poll, err = newPoller()
	return err
}

// run is the life of the shard. A panic resets its clients and starts it again
// empty; the third within a minute ends the process.
func (sh *shard) run() {
	defer close(sh.done)
	for sh.guard() {
		sh.srv.log.Warn().Int("shard", sh.id).Msg("shard starts again, empty")
	}
	sh.abandon(closedDrain)
	sh.refuseInbox()
}

// guard runs the loop and reports whether it has to be started again.
func (sh *shard) guard() (again bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		sh.srv.logPanic("shard", p)
		sh.panics = append(sh.panics, time.Now())
		if n := len(sh.panics); n >= 3 && sh.panics[n-1].Sub(sh.panics[n-3]) < time.Minute {
			panic(p)
		}
		sh.abandon(closedPanic)
		again = sh.reset() == nil
	}()
	sh.loop()
	return false
}

// loop is the shard's goroutine: wait, take what happened, write what there is.
func (sh *shard) loop() {
	ticker := time.NewTicker(sh.srv.unit)
	defer ticker.Stop()
	var linger, drain <-chan time.Time
	draining := sh.srv.drain
	for {
		select {
		case <-sh.wake:
			if d := sh.srv.limits().Linger; d > 0 && linger == nil {
				linger = time.After(d)
			}
		case <-linger:
			linger = nil
		case <-sh.poll.batches:
			sh.events()
		case <-ticker.C:
		case <-draining:
			draining = nil
			sh.drainer = newDrainer(sh)
			drain = sh.drainer.tick()
		case <-drain:
			drain = sh.drainer.tick()
		case <-sh.expiry.due:
			sh.expire()
		case <-sh.srv.ctx.Done():
			return
		}
		for {
			sh.turn()
			if linger != nil || !sh.rounds() && len(sh.ready) == 0 {
				break
			}
			select {
			case <-sh.poll.batches:
				sh.events()
			case <-sh.srv.ctx.Done():
				return
			default:
			}
		}
	}
}

// turn does what is due besides writing events.
func (sh *shard) turn() {
	sh.now = time.Now()
	sh.turned.Store(int64(sh.now.Sub(sh.srv.started)))
	gone := false
	if tick := sh.srv.ticks(sh.now); tick != sh.tick {
		sh.tick = tick
		sh.sweep()
		gone = sh.removing
	}
	if sh.mail.Load() {
		sh.takeInbox()
	}
	for _, g := range sh.order {
		if g.waker.Take() {
			g.dirty = true
			gone = gone || g.view.dropped() || g.view.isRemoved()
		}
	}
	if gone {
		sh.dropGroups()
	}
}

// rounds writes one batch per dirty view, then lets those who are behind catch
// up. It reports whether there is more to write at once.
func (sh *shard) rounds() (more bool) {
	written, behind := 0, int64(0)
	for _, g := range sh.order {
		if g.dirty {
			written += sh.round(g)
			more = more || g.dirty
			sh.tryWaiting(g)
			behind = max(behind, int64(g.view.Ring.Head()-g.pos))
		}
	}
	if len(sh.order) > 1 {
		sh.order = append(sh.order[1:len(sh.order):len(sh.order)], sh.order[0])
	}
	sh.behind.Store(behind)
	sh.checkPins()
	sh.catchUp(written)
	for i := range sh.count {
		sh.counts[i].Store(sh.count[i])
	}
	return more
}

// round writes what lies behind the group's position, up to the limit, to all
// its live clients, in one write each. It returns the bytes written.
func (sh *shard) round(g *group) (written int) {
	ring := g.view.Ring
	head := ring.Head()
	if g.pos >= head {
		g.dirty = false
		return 0
	}
	if g.liveClients() == 0 {
		g.moveTo(ring.Newest())
		g.dirty = false
		return 0
	}
	to, ok := span(ring, g.pos, head, sh.srv.batchLimit)
	if !ok {
		sh.fellOut(g)
		return 0
	}
	var batches [lanes]*batch
	last := g.last
	for l := range lane(lanes) {
		if len(g.live[l]) == 0 {
			continue
		}
		b := l.build(ring, g.pos, to)
		if b == nil {
			sh.fellOut(g) // before anyone was given anything
			return 0
		}
		b.before, batches[l], last = g.last, b, b.last
	}
	for l, b := range batches {
		if b != nil && len(b.bytes) > 0 {
			written += sh.writeAll(g, lane(l), b)
			g.given[l].events += int64(b.events)
			g.given[l].bytes += int64(len(b.bytes))
		}
	}
	g.turn++
	g.pos, g.last = to, last
	g.reader.at.Store(to)
	g.dirty = to < head
	return written
}

// writeAll writes one batch to every live client of a lane. The client that is
// first moves with every round, so that nobody is always last.
func (sh *shard) writeAll(g *group, l lane, b *batch) (written int) {
	members := g.live[l]
	data, n, tick := b.bytes, len(members), sh.tick
	first := g.turn % n
	for k := range n {
		k += first
		if k >= n {
			k -= n
		}
		c := &sh.clients[members[k]]
		m, err := unix.Write(int(c.fd), data)
		if m == len(data) {
			c.wrote = tick
			continue
		}
		if err != nil && !again(err) {
			m = failed
		}
		sh.short = append(sh.short, shortWrite{members[k], max(m, failed)})
	}
	full := n - len(sh.short)
	sh.srv.stats.writes.Add(n)
	sh.srv.stats.wrote(g.view, b, n, full, sh.now)
	// Only now: what follows changes the list that was walked.
	for _, w := range sh.short {
		sh.shortWrite(w, b)
	}
	sh.short = sh.short[:0]
	return n * len(data)
}

// failed marks a write that ended the connection.
const failed = -2

// again reports whether an error of a write means: when there is room.
func again(err error) bool { return err == unix.EAGAIN || err == unix.EINTR }

// shortWrite turns a live client into one that is behind: it keeps the rest of
// the event it is in and its cursor, and the batch is let go.
func (sh *shard) shortWrite(w shortWrite, b *batch) {
	if w.n == failed {
		sh.close(w.client, closedClient)
		return
	}
	c := &sh.clients[w.client]
	n := max(w.n, 0)
	rest, cursor, last, events := b.cut(c.lane, n)
	sh.srv.stats.gave(c.group.view, b, n, events, 1)
	c.guest.log().add(events, n)
	if last == nil {
		last = b.before
	}
	c.lag = &lagging{pend: rest, cursor: cursor, last: last, since: sh.tick, window: sh.tick}
	if n > 0 {
		c.wrote = sh.tick
	}
	if len(rest) > 0 {
		sh.pin(w.client, last, rest)
	}
	sh.move(w.client, stateLagging)
	sh.due(w.client, sh.tick+sh.srv.tickCount(time.Second))
	// Not at once: the group stands at its old position until the round is over,
	// and a client that took nothing would seem to be level with it.
	sh.queue(w.client)
}

// moveTo sets the group's position without writing anything.
func (g *group) moveTo(e *ringbuf.Entry) {
	if e != nil {
		g.pos, g.last = e.Seq, e
		g.reader.at.Store(e.Seq)
	}
}

// fellOut: the shard was starved for so long that the ring has evicted what
// comes next for everyone. Each goes the way of a client that is too far behind.
func (sh *shard) fellOut(g *group) {
	sh.srv.log.Warn().Int("shard", sh.id).Str("stream", g.view.Name).Uint64("position", g.pos).Uint64("oldest", g.view.Ring.Tail()).
		Msg("shard fell out of the ring: it is too small, or the processor too busy")
	for l := range g.live {
		for len(g.live[l]) > 0 {
			i := g.live[l][0]
			c := &sh.clients[i]
			c.lag = &lagging{cursor: g.pos, last: g.last, since: sh.tick, window: sh.tick}
			sh.move(i, stateLagging)
			sh.due(i, sh.tick+1)
			sh.queue(i)
		}
	}
	g.moveTo(g.view.Ring.Newest())
}
