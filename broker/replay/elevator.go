package replay

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// place is where in the order of the elevator something is.
type place struct {
	seq   uint64 // of the lane
	start int64
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.seq, q.seq), cmp.Compare(p.start, q.start))
}

func (e *entry) place() place { return place{e.lane.seq, e.start} }

func comparePlace(e *entry, p place) int { return e.place().compare(p) }

// enqueueLocked lets e wait for its turn.
func (c *Cache) enqueueLocked(e *entry) {
	i, _ := slices.BinarySearchFunc(c.queue, e.place(), comparePlace)
	c.queue = slices.Insert(c.queue, i, e)
	e.state, e.since = queued, time.Now()
	c.stats.Queued.Store(int64(len(c.queue)))
}

func (c *Cache) dequeueLocked(e *entry) {
	c.queue = slices.DeleteFunc(c.queue, func(q *entry) bool { return q == e })
	e.state = idle
	c.stats.Queued.Store(int64(len(c.queue)))
}

// dispatchLocked gives the free permits to those whose turn it is.
func (c *Cache) dispatchLocked(now time.Time) {
	if len(c.queue) == 0 || len(c.free) == 0 || c.ctx.Err() != nil {
		return
	}
	search := roomSearch{c: c, now: now}
	for len(c.free) > 0 {
		e := c.nextLocked(&search)
		if e == nil {
			break
		}
		c.beginLocked(e)
	}
	if !search.again.IsZero() {
		c.wakeLocked(search.again.Sub(now))
	}
}

// nextLocked returns what is to be read next: going up from what was read last, and then from the bottom.
func (c *Cache) nextLocked(search *roomSearch) *entry {
	from, found := slices.BinarySearchFunc(c.queue, c.last, comparePlace)
	if found {
		from++
	}
	for i := range c.queue {
		e := c.queue[(from+i)%len(c.queue)]
		switch {
		case e.lane.retryAt.After(search.now):
			search.later(e.lane.retryAt)
		case c.beforeLocked(e):
			// it will be woken by the end of that read
		case e.private || search.room(e):
			return e
		}
	}
	return nil
}

// beforeLocked reports whether what is being read before e brings the beginning of e: the chunk before it, what of its
// last fetch is left over, or a fetch that leads beyond several chunks.
func (c *Cache) beforeLocked(e *entry) bool {
	return slices.ContainsFunc(c.active, func(a *entry) bool {
		return a.lane == e.lane && a.end <= e.start && e.start <= max(a.end, a.reach) && !a.private && !e.private
	})
}

// beginLocked gives e a permit.
func (c *Cache) beginLocked(e *entry) {
	client := c.free[len(c.free)-1]
	if !c.startLocked(func() { c.read(e, client) }) {
		return
	}
	c.free = c.free[:len(c.free)-1]
	c.stats.Active.Add(1)
	c.activateLocked(e)
}

// activateLocked takes e, which has a permit, out of the queue.
func (c *Cache) activateLocked(e *entry) {
	c.dequeueLocked(e)
	c.last = e.place()
	e.state, e.reserve, e.reach, e.err = active, c.needLocked(e), 0, nil
	e.ctx, e.cancel = context.WithCancel(c.ctx)
	c.active = append(c.active, e)
}

// onwardLocked returns the chunk at an offset behind e if the permit of e is to be used for that too: readers that wait
// for e come to it, there is room, and nobody else waits for the permit.
func (c *Cache) onwardLocked(e *entry, at int64, now time.Time) *entry {
	var n *entry
	for cur := range e.waiting {
		if cur.want == e && cur.aheadOf != e.start {
			cur.aheadOf = e.start
			c.aheadLocked(cur, at, now)
		}
		if a := cur.ahead; a != nil && a.start >= e.end && a.start <= at && at < a.end {
			n = a
		}
	}
	if n == nil || n.state != queued || n.chunk != nil || len(c.free) == 0 && len(c.queue) > 1 {
		return nil
	}
	if search := (roomSearch{c: c, now: now}); !search.room(n) {
		return nil
	}
	c.activateLocked(n)
	return n
}

// landedLocked says that the reading of e has ended.
func (c *Cache) landedLocked(e *entry, err error, now time.Time) {
	l := e.lane
	e.cancel()
	c.active = slices.DeleteFunc(c.active, func(a *entry) bool { return a == e })
	e.state, e.ctx, e.cancel, e.reserve, e.err, e.readAt = idle, nil, nil, 0, err, now
	e.reads++
	c.touchLocked(e)
	switch {
	case err == nil:
		l.retry, l.retryAt = backoff{}, time.Time{}
		if !e.private {
			l.fit(e, c.limit.Load())
		}
	case len(e.waiting) > 0 && unwanted(err): // somebody came when it was given up
		c.enqueueLocked(e)
	case !unwanted(err) && !final(err):
		l.retryAt = now.Add(l.retry.next())
	}
	for cur := range e.waiting {
		cur.r.notifyLocked(now)
	}
	if len(e.waiting) == 0 && e.chunk == nil {
		c.dropLocked(e)
	}
	c.shrinkLocked(now)
	c.dispatchLocked(now)
}

// wakeLocked looks at the queue again after a time.
func (c *Cache) wakeLocked(after time.Duration) {
	after = max(after, time.Millisecond)
	if c.timer != nil {
		c.timer.Reset(after)
		return
	}
	c.timer = time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dispatchLocked(time.Now())
	})
}
