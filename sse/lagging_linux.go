package sse

import (
	"golang.org/x/sys/unix"
)

const (
	// quietBudget is how many bytes those who are behind may take per turn
	// while nothing else is written.
	quietBudget = 1 << 20
	// leastBudget keeps them moving beside small rounds.
	leastBudget = 64 << 10
)

// queue lets a lagging client write in this turn of the loop or a later one.
func (sh *shard) queue(i uint32) {
	if c := &sh.clients[i]; !c.queued {
		c.queued = true
		sh.ready = append(sh.ready, i)
	}
}

// catchUp lets those who are behind take at most a quarter of what the round
// wrote to the others, in order, a batch each.
func (sh *shard) catchUp(written int) {
	budget := quietBudget
	if written > 0 {
		budget = max(written/4, leastBudget)
	}
	k, n := 0, len(sh.ready)
	for ; k < n && budget > 0; k++ {
		i := sh.ready[k]
		sh.clients[i].queued = false
		budget -= sh.step(i)
	}
	sh.ready = append(sh.ready[:0], sh.ready[k:]...)
}

// step moves one lagging client on: what it has of its own first, then at most
// one batch from its own cursor. It returns the bytes written.
func (sh *shard) step(i uint32) (used int) {
	c := &sh.clients[i]
	if c.state != stateLagging || c.blocked {
		return 0
	}
	l, g := c.lag, c.group
	for len(l.pend) > 0 || len(l.tail) > 0 {
		if len(l.pend) == 0 {
			l.pend, l.tail = l.tail, nil
		}
		n, ok := sh.put(i, l.pend)
		used += n
		if !ok {
			return used
		}
		if l.pinned != nil {
			sh.srv.stats.wroteShort(g.view.streamOfTopic(topicOf(l.pinned, l.pinned)), n, 0) // the rest of an event
		}
		l.pend = l.pend[n:]
		if len(l.pend) > 0 {
			return used // blocked
		}
		sh.unpin(l)
	}
	switch {
	case l.ending:
		sh.finish(i)
	case l.want != nil:
		l.begun = sh.tick
		sh.move(i, stateWaiting)
		sh.tryStart(i)
	case l.cursor == g.pos:
		c.lag = nil
		sh.move(i, stateLive)
	case l.cursor > g.pos:
		// The shard itself has not come so far yet.
		g.dirty = true
		sh.queue(i)
	default:
		used += sh.ownBatch(i)
	}
	return used
}

// ownBatch writes one batch from the client's own cursor, not beyond the
// group's position.
func (sh *shard) ownBatch(i uint32) (used int) {
	c := &sh.clients[i]
	l, g := c.lag, c.group
	ring := g.view.Ring
	to, ok := span(ring, l.cursor, g.pos, sh.srv.batchLimit)
	var b *batch
	if ok {
		b = c.lane.build(ring, l.cursor, to)
	}
	if b == nil {
		sh.demote(i)
		return 0
	}
	n := 0
	if len(b.bytes) > 0 {
		if n, ok = sh.put(i, b.bytes); !ok {
			return 0
		}
	}
	if n == len(b.bytes) {
		l.cursor, l.last = b.to, b.last
		sh.srv.stats.gave(g.view, b, n, b.events, 1)
		c.guest.log().add(b.events, 0)
		sh.queue(i)
		return n
	}
	rest, cursor, last, events := b.cut(c.lane, n)
	l.cursor = cursor
	if last != nil {
		l.last = last
	}
	l.pend = rest
	if len(rest) > 0 {
		sh.pin(i, last, rest)
	}
	sh.srv.stats.gave(g.view, b, n, events, 1)
	c.guest.log().add(events, 0)
	return n
}

// put writes what the socket takes. It marks the client blocked when that is
// not all, trying once more first: an edge of epoll between two tries would be
// lost. ok is false when the connection has ended.
func (sh *shard) put(i uint32, data []byte) (n int, ok bool) {
	c := &sh.clients[i]
	for n < len(data) {
		m, err := unix.Write(int(c.fd), data[n:])
		if m > 0 {
			n += m
			continue
		}
		if err == unix.EINTR {
			continue
		}
		if err != unix.EAGAIN {
			c.guest.log().add(0, n)
			sh.close(i, c.reasonOr(closedClient))
			return n, false
		}
		c.blocked = true
		break
	}
	if n > 0 {
		c.wrote = sh.tick
	}
	if c.lag != nil {
		c.lag.taken += int64(n)
	}
	sh.srv.stats.writes.Inc()
	c.guest.log().add(0, n)
	return n, true
}

// demote deals with a client whose cursor has left the ring: its position is
// that of the event it was given last, and it starts from there like a client
// that connects.
func (sh *shard) demote(i uint32) {
	c := &sh.clients[i]
	l := c.lag
	if l.last == nil {
		sh.end(i, closedSlow)
		return
	}
	v := l.last.Vector()
	sh.begin(i, &want{pos: v.Pos, keys: v.Keys})
	if c.state == stateWaiting && l.want.alone() {
		sh.toFollower(i)
	}
}

// begin places a client at a position: joined to the shared bytes behind what
// it gets privately, or waiting while the position is ahead.
func (sh *shard) begin(i uint32, w *want) {
	c := &sh.clients[i]
	l := c.lag
	s, err := c.group.view.place(w, c.lane)
	if err != nil {
		sh.end(i, closedSlow)
		return
	}
	if s.at == nil {
		l.want = s.want
		if c.state != stateWaiting {
			sh.move(i, stateWaiting)
			l.begun = sh.tick
		}
		return
	}
	sh.srv.stats.private(c.group.view, &s)
	c.guest.log().add(s.events, 0)
	l.want, l.cursor, l.last = nil, s.at.Seq, s.at
	l.pend = s.private
	sh.own(l, len(s.private))
	l.since, l.window, l.taken = sh.tick, sh.tick, 0
	sh.move(i, stateLagging)
	sh.queue(i)
}

// end lets a client finish the event it is in and sends it away with a reason.
func (sh *shard) end(i uint32, reason closedReason) {
	c := &sh.clients[i]
	if c.lag == nil {
		c.lag = &lagging{cursor: c.group.pos, last: c.group.last}
	}
	l := c.lag
	if l.ending || c.state == stateClosing {
		return
	}
	l.ending, l.reason, l.want = true, reason, nil
	l.since, l.window, l.taken = sh.tick, sh.tick, 0
	l.tail = sh.srv.ending(c.lane, reason)
	sh.own(l, len(l.tail))
	if c.state != stateLagging {
		sh.move(i, stateLagging)
	}
	sh.due(i, sh.tick+1)
	sh.queue(i)
}

// finish closes our side. The client's close ends the connection: closing
// first would reset it if the client had sent anything, and lose what it has
// not read yet.
func (sh *shard) finish(i uint32) {
	c := &sh.clients[i]
	_ = unix.Shutdown(int(c.fd), unix.SHUT_WR)
	sh.move(i, stateClosing)
	c.wrote = sh.tick
	sh.due(i, sh.tick+1)
}

// reasonOr is why the client is being ended, or the reason given.
func (c *client) reasonOr(r closedReason) closedReason {
	if c.lag != nil && c.lag.ending {
		return c.lag.reason
	}
	return r
}

// gone ends a connection that the client has closed.
func (sh *shard) gone(i uint32) { sh.close(i, sh.clients[i].reasonOr(closedClient)) }

// blow resets a connection: the kernel's buffer is freed at once.
func (sh *shard) blow(i uint32, reason closedReason) {
	_ = unix.SetsockoptLinger(int(sh.clients[i].fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	sh.close(i, reason)
}

// close ends a connection and gives back what it counted for.
func (sh *shard) close(i uint32, reason closedReason) {
	c := &sh.clients[i]
	view, guest := c.group.view, c.guest
	sh.poll.remove(int(c.fd))
	unix.Close(int(c.fd))
	sh.forget(i)
	sh.srv.over(view, guest, reason)
}

// forget frees the place of a client whose descriptor is somebody else's now.
func (sh *shard) forget(i uint32) {
	c := &sh.clients[i]
	if c.lag != nil {
		sh.unpin(c.lag)
	}
	sh.unlist(i)
	*c = client{gen: c.gen + 1, queued: c.queued}
	sh.free = append(sh.free, i)
}

// abandon resets every client and closes the epoll set.
func (sh *shard) abandon(reason closedReason) {
	for i := range sh.clients {
		if sh.clients[i].state != stateFree {
			sh.blow(uint32(i), reason)
		}
	}
	for i := range sh.count {
		sh.count[i] = 0
		sh.counts[i].Store(0)
	}
	for _, g := range sh.order {
		sh.leave(g)
	}
	sh.poll.close()
}
