package sse

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	// burstTime is how many seconds of the rate of new connections an address
	// may use at once.
	burstTime = 10
	// maxResting bounds the addresses that are remembered only for their rate,
	// about 16 MiB. Beyond it the one that has rested longest is forgotten, which
	// gives it its burst back: with so many addresses nobody needs that.
	maxResting = 1 << 16
)

// addresses limits connections by the client's address: how many at a time, and
// how many new ones a second (a token bucket). An address is known while it has
// connections, which are bounded themselves, and rests until its bucket is full
// again.
type addresses struct {
	mu      sync.Mutex
	most    int                       // connections of one address, guarded by mu; 0: no limit
	rate    float64                   // new ones per second, guarded by mu; 0: no limit
	known   map[netip.Prefix]*address // guarded by mu
	resting list.List                 // of them those without a connection, longest first, guarded by mu
}

// address is one client address. guest is what its connections hold when they
// need nothing of their own; the rest is guarded by addresses.mu.
type address struct {
	guest
	prefix netip.Prefix
	open   int // connections
	tokens float64
	at     time.Time     // of tokens
	rests  *list.Element // in resting, or nil
}

// guest is who a connection is counted for. All of an address share one, unless
// there is an access log.
type guest struct {
	address *address
	visit   *visit // nil: no access log
}

// limit sets the limits. Connections stay, also above them.
func (t *addresses) limit(most int, rate float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.most, t.rate = most, rate
	for rate == 0 && t.resting.Len() > 0 {
		t.dropLocked(t.resting.Front())
	}
}

// enter counts a new connection of an address, or says which limit forbids it
// and when it is worth trying again.
func (t *addresses) enter(p netip.Prefix, now time.Time) (a *address, reason refusedReason, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked(now)
	if a = t.known[p]; a == nil {
		a = &address{prefix: p, tokens: t.burst(), at: now}
		a.guest.address = a
		t.known[p] = a
	}
	if a.rests != nil {
		t.resting.Remove(a.rests)
		a.rests = nil
	}
	defer func() {
		if a.open == 0 {
			t.restLocked(a, now)
		}
	}()
	if t.rate > 0 {
		t.fillLocked(a, now)
		if a.tokens < 1 {
			return a, refusedRate, seconds((1 - a.tokens) / t.rate)
		}
		a.tokens--
	}
	if t.most > 0 && a.open >= t.most {
		return a, refusedPerIP, 0
	}
	a.open++
	return a, "", 0
}

// leave gives back what enter counted.
func (t *addresses) leave(a *address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.open--; a.open == 0 {
		t.restLocked(a, time.Now())
	}
}

// restLocked keeps an address without connections until its bucket is full.
func (t *addresses) restLocked(a *address, now time.Time) {
	if t.rate == 0 {
		delete(t.known, a.prefix)
		return
	}
	t.fillLocked(a, now)
	a.rests = t.resting.PushBack(a)
	if t.resting.Len() > maxResting {
		t.dropLocked(t.resting.Front())
	}
}

// fillLocked adds to a bucket what has come since it was looked at.
func (t *addresses) fillLocked(a *address, now time.Time) {
	if d := now.Sub(a.at); d > 0 {
		a.tokens = min(t.burst(), a.tokens+t.rate*d.Seconds())
		a.at = now
	}
}

// forgetLocked drops those whose bucket is full, whatever was in it.
func (t *addresses) forgetLocked(now time.Time) {
	if t.rate == 0 {
		return // nobody rests
	}
	full := seconds(t.burst() / t.rate)
	for e := t.resting.Front(); e != nil && now.Sub(e.Value.(*address).at) >= full; e = t.resting.Front() {
		t.dropLocked(e)
	}
}

func (t *addresses) dropLocked(e *list.Element) {
	delete(t.known, t.resting.Remove(e).(*address).prefix)
}

// burst is the size of a bucket; one connection must always fit.
func (t *addresses) burst() float64 { return max(1, burstTime*t.rate) }

// seconds is a time of at most a day: no address is remembered for longer.
func seconds(n float64) time.Duration {
	return time.Duration(min(n, 86400) * float64(time.Second))
}

// size is how many addresses are known.
func (t *addresses) size() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked(time.Now())
	return int64(len(t.known))
}
