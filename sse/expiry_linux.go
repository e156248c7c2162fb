package sse

import "time"

// expiry is the clients whose tokens end within this tick or the next: the
// wheel is not exact enough for them. Before that a deadline is four bytes of
// the client and a look of the wheel that is moved forward.
type expiry struct {
	soon []expiring
	due  <-chan time.Time // when the first of them ends; nil: there is none
	at   uint32           // that time by the steady clock, Unix seconds
}

// expiring is a client and when its token ends, by the steady clock, Unix seconds.
type expiring struct{ client, gen, at uint32 }

// lookExpiry returns the tick in which the token of a client ends. In that tick
// it arranges its end.
func (sh *shard) lookExpiry(i uint32) (tick uint32) {
	c := &sh.clients[i]
	end := time.Unix(int64(c.expires), 0)
	left := end.Sub(sh.srv.steadyAt(sh.now))
	if left > sh.srv.unit {
		return sh.tick + uint32(min(left/sh.srv.unit, wheel))
	}
	if c.lag != nil && c.lag.ending {
		return sh.tick + wheel
	}
	e := &sh.expiry
	e.soon = append(e.soon, expiring{i, c.gen, c.expires})
	if e.due == nil || c.expires < e.at {
		e.at, e.due = c.expires, time.After(left)
	}
	return sh.tick + sh.srv.tickCount(time.Second) + 1
}

// expire ends the clients whose tokens have ended.
func (sh *shard) expire() {
	e := &sh.expiry
	list := e.soon
	*e = expiry{}
	sh.now = time.Now()
	for _, x := range list {
		c := &sh.clients[x.client]
		switch {
		case c.gen != x.gen || c.state == stateFree:
		case int64(x.at) <= sh.srv.steadyAt(sh.now).Unix():
			sh.end(x.client, closedToken)
		default:
			sh.lookExpiry(x.client)
		}
	}
}
