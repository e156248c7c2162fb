package sse

import (
	"time"

	"golang.org/x/sys/unix"
)

// Heartbeats, ages and deadlines share one wheel: a bucket per tick, in which
// stand the clients to be looked at then. A client that was written to
// meanwhile is simply moved on when its bucket comes, so a delivery costs no
// timer, and a sweep reads one bucket, not all clients.
type beats struct {
	at      uint32 // the next tick to be swept
	buckets [wheel][]beat
}

// wheel is the number of buckets; what is due later is looked at earlier.
const wheel = 128

// beat is a client to be looked at.
type beat struct{ client, gen uint32 }

// ticks is a time in units of the wheel.
func (s *Server) ticks(t time.Time) uint32 { return uint32(t.Sub(s.started) / s.unit) }

// span converts a duration to ticks, at least one.
func (s *Server) tickCount(d time.Duration) uint32 { return uint32(max(1, d/s.unit)) }

// due has a client looked at in a tick to come, or earlier if that has been
// arranged already: of the places a client has on the wheel one counts.
func (sh *shard) due(i uint32, tick uint32) {
	c := &sh.clients[i]
	tick = max(min(tick, sh.tick+wheel-1), sh.tick+1)
	if c.look > sh.tick && c.look <= tick {
		return
	}
	c.look = tick
	b := &sh.beats.buckets[tick%wheel]
	*b = append(*b, beat{i, c.gen})
}

// sweep looks at the clients of every bucket up to now.
func (sh *shard) sweep() {
	if sh.tick-sh.beats.at >= wheel {
		sh.beats.at = sh.tick - wheel + 1
	}
	for ; sh.beats.at <= sh.tick; sh.beats.at++ {
		b := &sh.beats.buckets[sh.beats.at%wheel]
		list := *b
		*b = nil
		for _, e := range list {
			c := &sh.clients[e.client]
			if c.gen != e.gen || c.state == stateFree {
				continue
			}
			// A look in the past is one of a lap that was swept too late, and
			// one in the future may have been put here by this very sweep.
			if c.look > sh.beats.at {
				if c.look%wheel == sh.beats.at%wheel {
					*b = append(*b, e)
				}
				continue
			}
			next := sh.look(e.client)
			if c = &sh.clients[e.client]; c.gen == e.gen && next > 0 {
				sh.due(e.client, next)
			}
		}
		// The bucket's memory serves the next lap, unless it was a herd's, or far
		// more was needed in laps before.
		if cap(list) <= min(4096, 4*max(len(list), 16)) && *b == nil {
			*b = list[:0]
		}
	}
}

// look does what is due for a client and returns the tick of the next look; 0
// when another one has been arranged.
func (sh *shard) look(i uint32) (next uint32) {
	s := sh.srv
	c := &sh.clients[i]
	switch c.state {
	case stateLagging:
		if next = sh.lookLagging(i); next == 0 {
			return 0
		}
	case stateClosing:
		// Nothing unsent, or the client's time is over.
		if sh.tick-c.wrote >= s.tickCount(s.limits().SlowClientTimeout) {
			sh.blow(i, c.reasonOr(closedClient))
			return 0
		}
		if q, err := unix.IoctlGetInt(int(c.fd), unix.SIOCOUTQ); err == nil && q == 0 && sh.tick-c.wrote >= s.tickCount(time.Second) {
			sh.close(i, c.reasonOr(closedClient))
			return 0
		}
		return sh.tick + 1
	default:
		if c.stuck(int(c.fd), sh.tick, s.tickCount(s.limits().SlowClientTimeout)) {
			sh.blow(i, closedBlocked)
			return 0
		}
		every := s.heartbeatTicks(i, c.gen)
		if sh.tick-c.wrote >= every {
			sh.heartbeat(i)
			if c = &sh.clients[i]; c.state == stateFree {
				return 0
			}
		}
		next = max(c.wrote+every, sh.tick+1)
		if c.state == stateWaiting {
			if sh.tryStart(i); c.state == stateFree {
				return 0 // a follower now
			}
			next = sh.tick + 1
		}
	}
	if age := s.ageTicks(i, c.gen); age > 0 {
		if sh.tick-c.born >= age {
			sh.end(i, closedAge)
			return 0
		}
		next = min(next, c.born+age)
	}
	if c.expires != 0 {
		next = min(next, sh.lookExpiry(i))
	}
	return next
}

// lookLagging applies the policy for slow clients (DESIGN.md, delivery).
func (sh *shard) lookLagging(i uint32) (next uint32) {
	s := sh.srv
	c := &sh.clients[i]
	l := c.lag
	patience := s.tickCount(s.limits().SlowClientTimeout)
	stuck := max(c.wrote, l.since)
	if sh.tick-stuck >= patience || l.ending && sh.tick-l.since >= patience {
		sh.blow(i, l.reasonOr(closedBlocked))
		return 0
	}
	s.stats.lagging.Update(float64(c.group.view.Ring.Head() - min(l.cursor, c.group.view.Ring.Head())))
	if window := s.cfg.rateWindow; !l.ending && sh.tick-l.window >= s.tickCount(window) {
		if float64(l.taken) < float64(s.limits().MinRate)*window.Seconds() {
			sh.end(i, closedSlow)
			return 0
		}
		l.window, l.taken = sh.tick, 0
	}
	return sh.tick + max(1, s.tickCount(time.Second))
}

// reasonOr is why the client is being ended, or the reason given.
func (l *lagging) reasonOr(r closedReason) closedReason {
	if l.ending {
		return l.reason
	}
	return r
}

// heartbeat writes one comment. A client that does not take it is lagging.
func (sh *shard) heartbeat(i uint32) {
	c := &sh.clients[i]
	data := heartbeats[c.lane]
	n, ok := sh.put(i, data)
	if !ok || n == len(data) {
		return
	}
	if c.lag == nil {
		c.lag = &lagging{cursor: c.group.pos, last: c.group.last}
	}
	l := c.lag
	l.since, l.window, l.taken = sh.tick, sh.tick, 0
	l.pend = data[n:]
	sh.move(i, stateLagging)
}

// heartbeatTicks is the heartbeat of one client: up to 20 % early, so that
// clients that came together do not stay together. It is one tick less than
// that, because a tick is noticed up to one tick late.
func (s *Server) heartbeatTicks(i, gen uint32) uint32 {
	n := s.tickCount(s.limits().Heartbeat)
	return max(2, n-spread(i, gen, max(1, n/5))) - 1
}

// ageTicks is the age at which one client has to go, up to 20 % early; 0: none.
func (s *Server) ageTicks(i, gen uint32) uint32 {
	age := s.limits().MaxConnectionAge
	if age <= 0 {
		return 0
	}
	n := s.tickCount(age)
	return max(1, n-spread(i, gen, n/5+1))
}

// spread is a number below n that differs from client to client.
func spread(i, gen, n uint32) uint32 {
	return uint32((uint64(i)*2654435761 + uint64(gen)*40503) >> 4 % uint64(n))
}
