package replay

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// slowdown is how much slower the first reader of a herd may become by waiting for the others, in its own time for a
	// chunk. Readers that are slower than that form a herd of their own.
	slowdown = 4

	// minHold and maxHold bound how long a read waits for room before it puts out anyone. On a busy machine the others
	// take as long as minHold to be scheduled.
	minHold = 250 * time.Millisecond
	maxHold = 2 * time.Second

	// lookEvery is how often room is looked for again in vain.
	lookEvery = 2 * time.Millisecond
)

// candidate is a chunk that may go.
type candidate struct {
	e     *entry
	users int   // how many readers are in it or on the way to it
	ahead int64 // how far the nearest of them has to go, in offsets
}

// roomSearch finds room for reads, within one hold of Cache.mu.
type roomSearch struct {
	c     *Cache
	now   time.Time
	lists map[time.Duration][]candidate // those that may go, the first ones first, by the pace that counts
	again time.Time                     // when to look again, zero: when something happens
}

func (s *roomSearch) later(t time.Time) {
	if s.again.IsZero() || t.Before(s.again) {
		s.again = t
	}
}

// room reports whether e may be read now, and makes room for it. Chunks that nobody is on the way to go first, then
// those that lie ahead of who waits for e, and further than e. Any other chunk is needed by readers further back: they
// are waited for; the longer that takes, and the more readers wait with e, the more others may be put out.
func (s *roomSearch) room(e *entry) bool {
	c := s.c
	need := c.needLocked(e)
	if c.committedLocked()+need <= c.bytes {
		return true
	}
	pace, mayPut := c.patienceLocked(e, s.now)
	if mayPut == 0 && s.lists == nil && s.now.Sub(c.looked) < lookEvery {
		s.later(c.looked.Add(lookEvery))
		return false
	}
	list := s.list(pace)
	back, ahead := e.waiters()
	isAhead := func(v candidate) bool {
		pos, known := back[v.e.lane]
		return known && pos <= v.e.start && v.ahead > ahead
	}
	// What lies ahead is only put out when there is nobody to wait for, or when others have passed e already.
	mayAhead := e.passed() || !slices.ContainsFunc(list, func(v candidate) bool {
		return !v.e.gone && v.e != e && v.users > 0 && !isAhead(v)
	})
	for c.committedLocked()+need > c.bytes {
		left := false
		i := slices.IndexFunc(list, func(v candidate) bool {
			if v.e.gone || v.e == e {
				return false
			}
			left = true
			return v.users <= mayPut || mayAhead && isAhead(v)
		})
		if i < 0 {
			if !left && (mayPut > 0 || len(c.active) == 0) {
				return true // what there is is being read or taken at this moment
			}
			c.looked = s.now
			s.later(s.now.Add(lookEvery))
			return false
		}
		if list[i].users > 0 {
			c.stats.Forced.Add(1)
		}
		c.evictLocked(list[i].e)
	}
	return true
}

// passed reports whether a reader is already behind the end of e.
func (e *entry) passed() bool {
	for cur := range e.lane.cursors {
		if cur.pos >= e.end {
			return true
		}
	}
	return false
}

// waiters returns where the readers that wait for e are: the hindmost in each lane, and how far the nearest has to go
// to e.
func (e *entry) waiters() (back map[*lane]int64, ahead int64) {
	back, ahead = make(map[*lane]int64), math.MaxInt64
	for w := range e.waiting {
		ahead = min(ahead, max(0, e.start-w.pos))
		for _, cur := range w.r.cursors {
			if cur.done {
				continue
			}
			if pos, ok := back[cur.lane]; !ok || cur.pos < pos {
				back[cur.lane] = cur.pos
			}
		}
	}
	return back, ahead
}

// patienceLocked returns up to which pace others are waited for by e, and how many readers may be put out for it by
// now: none before its time, and none for reading ahead; from then on four times as many each time.
func (c *Cache) patienceLocked(e *entry, now time.Time) (pace time.Duration, mayPut int) {
	blocked, fastest := 0, slowPace
	for cur := range e.waiting {
		fastest = min(fastest, cur.pace(now))
		if cur.waitsFor(e) {
			blocked++
		}
	}
	pace = slowdown * fastest
	if n := now.Sub(e.since) / min(max(pace, minHold), maxHold); n > 0 {
		mayPut = blocked << min(2*(n-1), 16)
	}
	return max(pace, grace), mayPut
}

// list returns what may go when readers up to the pace are waited for.
func (s *roomSearch) list(pace time.Duration) []candidate {
	rounded := grace
	for rounded < pace {
		rounded *= 2
	}
	if s.lists == nil {
		s.lists = make(map[time.Duration][]candidate)
	}
	list, ok := s.lists[rounded]
	if !ok {
		list = s.c.candidatesLocked(s.now, rounded)
		s.lists[rounded] = list
	}
	return list
}

// committedLocked is what chunks hold and what is being read will hold.
func (c *Cache) committedLocked() int64 {
	n := c.used
	for _, e := range c.active {
		if !e.private {
			n += max(0, e.reserve-e.bytes())
		}
	}
	return n
}

// needLocked guesses the bytes that a read of e takes.
func (c *Cache) needLocked(e *entry) int64 {
	if e.lane.average > 0 {
		return min(e.lane.average, c.limit.Load()) + min(e.lane.over, c.limit.Load())
	}
	return c.limit.Load() / 2
}

// candidatesLocked lists the chunks that may go, in the order in which they should. Only readers up to the pace count.
func (c *Cache) candidatesLocked(now time.Time, pace time.Duration) []candidate {
	var list []candidate
	for _, l := range c.lanes {
		var claims []claim
		for _, e := range l.entries {
			if e.state != idle || e.chunk == nil || e.inUse() {
				continue
			}
			if claims == nil {
				claims = l.claims(now, pace)
			}
			list = append(list, judge(e, claims))
		}
	}
	slices.SortFunc(list, func(a, b candidate) int {
		if a.users == 0 || b.users == 0 {
			return cmp.Or(cmp.Compare(min(a.users, 1), min(b.users, 1)), cmp.Compare(a.e.used, b.e.used))
		}
		return cmp.Or(cmp.Compare(b.ahead, a.ahead), cmp.Compare(a.users, b.users), cmp.Compare(a.e.used, b.e.used))
	})
	return list
}

// inUse reports whether a reader waits for e at this moment.
func (e *entry) inUse() bool {
	for cur := range e.waiting {
		if cur.waitsFor(e) {
			return true
		}
	}
	return false
}

// waitsFor reports whether the reader of cur can do nothing without e, other than wait for more to be written.
func (cur *cursor) waitsFor(e *entry) bool { return cur.want == e && cur.r.blocked && !cur.idle }

// claim is the part of a lane that a reader is going to come through.
type claim struct{ from, to int64 }

// claims returns what the readers of l claim that are not slower than pace.
func (l *lane) claims(now time.Time, pace time.Duration) []claim {
	claims := make([]claim, 0, len(l.cursors))
	for cur := range l.cursors {
		if cur.pace(now) <= pace {
			claims = append(claims, claim{from: cur.pos, to: cur.To})
		}
	}
	return claims
}

// judge says who is on the way to e.
func judge(e *entry, claims []claim) candidate {
	v := candidate{e: e, ahead: math.MaxInt64}
	for _, cl := range claims {
		if cl.from < e.through && cl.to > e.start {
			v.users++
			v.ahead = min(v.ahead, max(0, e.start-cl.from))
		}
	}
	return v
}

// evictLocked takes e out of the cache. Readers that come to it have it read again.
func (c *Cache) evictLocked(e *entry) {
	c.stats.Evicted.Add(1)
	c.dropLocked(e)
}

// shrinkLocked keeps the bound after chunks became larger than was thought.
func (c *Cache) shrinkLocked(now time.Time) {
	if c.used <= c.bytes {
		return
	}
	for _, v := range c.candidatesLocked(now, slowPace) {
		if c.used <= c.bytes {
			return
		}
		c.evictLocked(v.e)
	}
}
