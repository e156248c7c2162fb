package replay

import "time"

const (
	// sharers is how many readers in one chunk make it worth reading as a whole, although there is no room for it.
	sharers = 8

	// maxLost is how often that is done for the same reader and chunk.
	maxLost = 8

	// grace is how long a reader may take for a chunk before that tells anything: on a busy machine any of them stands
	// still for as long.
	grace = time.Second

	// slowPace is the time for a chunk from which on a reader is slow.
	slowPace = 10 * time.Second

	// fresh is how long the answer that nothing more can be read yet holds for everyone.
	fresh = 100 * time.Millisecond
)

// cursor is a Reader's place in one range.
type cursor struct {
	// set at construction
	Range
	r     *Reader
	index int
	lane  *lane

	// owned by whoever calls Next
	next  int64  // position behind the items handed out
	chunk *chunk // to read from, only during Next
	at    int    // step in chunk

	// guarded by Cache.mu
	pos     int64 // next, as of the end of the last Next
	done    bool
	want    *entry // waits for it
	ahead   *entry // will want it next
	aheadOf int64  // start of the chunk for which ahead was chosen
	missed  int64  // start of the chunk that was read for this cursor
	private *chunk // read for this cursor alone

	seen        int64         // start of the chunk that it is in, -1: none
	seenPos     int64         // where it came into it
	seenBusy    time.Duration // what the reader's clock showed then
	seenThrough int64         // the chunk was there up to here
	lost        int           // how often it was evicted under the cursor
	perOffset   float64       // nanoseconds, 0: not known

	idle    bool   // nothing can be read: the others need not wait
	err     error  // why, nil: nothing more is visible yet
	handled uint64 // want.reads, when its end was taken note of
	retryAt time.Time
	wait    backoff
}

// pace is the time that the cursor takes for a chunk, not counting the waiting for it. 0: not known yet.
func (cur *cursor) pace(now time.Time) time.Duration {
	span := float64(cur.lane.span)
	p := cur.perOffset * span
	if cur.seen < 0 {
		return 0
	}
	if busy := cur.r.busyLocked(now) - cur.seenBusy; busy > grace { // as far as it has come in this one
		p = max(p, float64(busy)*span/max(float64(cur.pos-cur.seenPos), span/32))
	}
	return time.Duration(p)
}

// slow reports whether the cursor is too slow to be read ahead for.
func (cur *cursor) slow(now time.Time) bool { return cur.pace(now) > slowPace }

// lookLocked returns a chunk that holds what comes at the position, nil if there is none yet.
func (c *Cache) lookLocked(cur *cursor, now time.Time) *chunk {
	if p := cur.private; p != nil {
		if p.through > cur.pos {
			return p
		}
		cur.private = nil
	}
	if e := cur.lane.find(cur.pos); e != nil {
		c.enterLocked(cur, e, now)
		return e.chunk
	}
	if cur.want == nil {
		c.wishLocked(cur, now)
	}
	e := cur.want
	switch {
	case e.private && e.through > cur.pos:
		c.forgetLocked(cur)
		cur.private = e.chunk
		return cur.private
	case e.state != idle:
		return nil
	case e.gone || e.exhausted(cur.pos):
		c.forgetLocked(cur)
		c.wishLocked(cur, now)
	case cur.handled != e.reads:
		cur.handled = e.reads
		cur.idle, cur.err = true, e.err
		cur.retryAt = now.Add(cur.wait.next())
		if cur.lane.retryAt.After(cur.retryAt) {
			cur.retryAt = cur.lane.retryAt
		}
	case !now.Before(cur.retryAt):
		c.joinLocked(cur, e)
	}
	return nil
}

// wishLocked asks for what the cursor needs.
func (c *Cache) wishLocked(cur *cursor, now time.Time) {
	e := cur.lane.entry(cur.pos)
	lost := cur.pos < cur.seenThrough // it was there, and was evicted
	if lost || cur.slow(now) && c.committedLocked()+c.needLocked(e) > c.bytes {
		e = c.aloneLocked(cur, e, now)
	}
	cur.want, cur.handled = e, e.reads
	if e.state == idle && e.chunk != nil && e.err == nil && now.Sub(e.readAt) < fresh {
		e.waiting[cur] = struct{}{}
		cur.handled-- // its end is news to this cursor
		cur.r.notifyLocked(now)
	} else {
		c.joinLocked(cur, e)
	}
	if cur.ahead == e {
		cur.ahead = nil // interested all the same
	}
}

// aloneLocked chooses how to read what the cache has no room for: the chunk e if the reader is quick or many need it,
// else only as much as this reader can use soon.
func (c *Cache) aloneLocked(cur *cursor, e *entry, now time.Time) *entry {
	cur.lost++
	inside := 0
	for o := range cur.lane.cursors {
		if o.pos >= e.start && o.pos < e.end {
			inside++
		}
	}
	if e.state == active || (inside > sharers || !cur.slow(now)) && cur.lost <= maxLost {
		return e
	}
	if e.state == idle && e.chunk == nil && len(e.waiting) == 0 {
		c.dropLocked(e)
	}
	e = newEntry(cur.lane, entryKey{start: cur.pos, span: grid})
	e.private = true
	return e
}

// forgetLocked ends the interest in what was wanted.
func (c *Cache) forgetLocked(cur *cursor) {
	e := cur.want
	cur.want, cur.idle, cur.err, cur.wait = nil, false, nil, backoff{}
	if e != nil && e != cur.ahead {
		c.leaveLocked(cur, e)
	}
}

// enterLocked notes that the cursor reads from e, and has what follows it read ahead.
func (c *Cache) enterLocked(cur *cursor, e *entry, now time.Time) {
	rest := e.through < min(e.end, cur.To)
	growing := rest && (e.state == active || e.state == queued && cur.want == e)
	if rest && e.state == idle && e.reads == 0 && c.largeLocked() > maxFetch && !cur.slow(now) {
		c.joinLocked(cur, e) // what there is came with a large fetch, at which the run ended
		growing = true
	}
	if growing { // the rest is wanted too
		e.waiting[cur] = struct{}{}
	}
	if !growing || cur.want != e {
		c.forgetLocked(cur)
	}
	if cur.ahead == e {
		cur.ahead = nil
		if !growing {
			c.leaveLocked(cur, e)
		}
	}
	if growing {
		cur.want, cur.idle, cur.err = e, false, nil
		cur.handled = e.reads
	}
	c.touchLocked(e)
	if e.start != cur.seen {
		if cur.missed != e.start {
			c.stats.Hits.Add(1)
		}
		busy := cur.r.busyLocked(now)
		if n := cur.pos - cur.seenPos; cur.seen >= 0 && n > 0 {
			last := float64(busy-cur.seenBusy) / float64(n)
			if cur.perOffset > 0 {
				last = (last + cur.perOffset) / 2
			}
			cur.perOffset = last
		}
		cur.seen, cur.seenPos, cur.seenBusy, cur.lost = e.start, cur.pos, busy, 0
	}
	cur.seenThrough = e.through
	if (e.cut || e.through >= e.end) && cur.aheadOf != e.start {
		cur.aheadOf = e.start
		c.aheadLocked(cur, e.through, now)
	}
}

// aheadLocked has the chunk at next read, which the cursor will come to, unless it is slow.
func (c *Cache) aheadLocked(cur *cursor, next int64, now time.Time) {
	if old := cur.ahead; old != nil {
		if old.end > next && (old.state == active || old.start <= next && old.state == queued) {
			return // it is still to come
		}
		cur.ahead = nil
		c.leaveLocked(cur, old)
	}
	if next >= cur.To || cur.slow(now) || cur.lane.find(next) != nil {
		return
	}
	cur.ahead = cur.lane.entry(next)
	c.joinLocked(cur, cur.ahead)
}
