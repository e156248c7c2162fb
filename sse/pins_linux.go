package sse

import "github.com/ringcast/ringcast/ringbuf"

// pin is an event that clients stand inside of. Once the ring has evicted it,
// they alone keep it alive, and its bytes count.
type pin struct {
	ring    *ringbuf.Ring
	clients int
	counted bool
}

// pin notes that a client stands inside an entry, and still needs rest of it.
func (sh *shard) pin(i uint32, e *ringbuf.Entry, rest []byte) {
	c := &sh.clients[i]
	sh.unpin(c.lag)
	if e == nil {
		return
	}
	p := sh.pins[e]
	if p == nil {
		p = &pin{ring: c.group.view.Ring}
		sh.pins[e] = p
	}
	p.clients++
	c.lag.pinned = e
	if !c.lane.shares(e) {
		sh.own(c.lag, len(rest))
	}
}

// unpin ends what pin and own began.
func (sh *shard) unpin(l *lagging) {
	if e := l.pinned; e != nil {
		l.pinned = nil
		p := sh.pins[e]
		if p.clients--; p.clients == 0 {
			delete(sh.pins, e)
			if p.counted {
				sh.srv.pending.Add(-e.Size())
			}
		}
	}
	if l.own > 0 {
		sh.srv.pending.Add(-l.own)
		l.own = 0
	}
}

// own notes bytes that are kept for one client only.
func (sh *shard) own(l *lagging, n int) {
	l.own += int64(n)
	sh.srv.pending.Add(int64(n))
}

// checkPins counts the events that the rings have let go of, and resets the
// clients that have been blocked longest while there are too many bytes.
func (sh *shard) checkPins() {
	for e, p := range sh.pins {
		if !p.counted && p.ring.Tail() > e.Seq {
			p.counted = true
			sh.srv.pending.Add(e.Size())
		}
	}
	for sh.srv.pending.Load() > sh.srv.limits().PendingBytes {
		worst, found := uint32(0), false
		for _, g := range sh.order {
			for _, i := range g.lagging {
				c := &sh.clients[i]
				if c.lag == nil || c.lag.own == 0 && (c.lag.pinned == nil || !sh.pins[c.lag.pinned].counted) {
					continue
				}
				if !found || c.wrote < sh.clients[worst].wrote {
					worst, found = i, true
				}
			}
		}
		if !found {
			return
		}
		sh.blow(worst, closedPending)
	}
}
