package replay

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Range is a part of a partition: the offsets from From up to, but without, To.
type Range struct {
	Rules     Rules
	Topic     string
	TopicID   [16]byte // of the topic that the offsets belong to
	Partition int32
	From, To  int64
}

// RangeError is an answer about one range that will not change: the topic is unknown (raw.ErrUnknownTopic), the
// position lies past the end (*raw.OutOfRangeError), a permission is missing.
type RangeError struct {
	Range int // index in the ranges given to Open
	Err   error
}

func (e *RangeError) Error() string { return fmt.Sprintf("cannot replay range %d: %v", e.Range, e.Err) }

// Unwrap returns Err.
func (e *RangeError) Unwrap() error { return e.Err }

const (
	// maxItems is how many items one Next returns at most.
	maxItems = 64

	// maxValues ends a Next as soon as the values it returns are so many bytes.
	maxValues = 16 << 10
)

// Reader hands out ranges merged by record time. One goroutine at a time may use it; Close may be called by another.
type Reader struct {
	// set at construction
	c       *Cache
	cursors []*cursor
	wake    chan struct{} // holds one token: look again
	closed  chan struct{} // closed by Close
	close   sync.Once

	items   []Item // of the last Next
	waiting bool   // how the last Next ended

	// guarded by Cache.mu
	opened   time.Time
	blocked  bool          // waits for chunks now
	waits    time.Time     // since when, zero: there is something to look at
	waitedBy time.Duration // how long it has waited before, in all
}

// Open returns a Reader of ranges. It does not wait for anything. Close it.
func (c *Cache) Open(ranges []Range) *Reader {
	r := &Reader{
		c: c, wake: make(chan struct{}, 1), closed: make(chan struct{}),
		cursors: make([]*cursor, len(ranges)), opened: time.Now(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fitLocked(len(ranges))
	for i, g := range ranges {
		cur := &cursor{Range: g, r: r, index: i, next: g.From, pos: g.From, seen: -1, aheadOf: -1, missed: -1}
		r.cursors[i] = cur
		if cur.done = g.From >= g.To; cur.done {
			continue
		}
		cur.lane = c.laneLocked(g)
		cur.lane.cursors[cur] = struct{}{}
	}
	c.stats.Readers.Add(1)
	return r
}

// fitLocked makes chunks so small that one reader of n partitions has room: it needs a chunk of each at a time, and
// without room for them it would put out its own.
func (c *Cache) fitLocked(n int) {
	each := int64(perRange * max(1, n))
	if least := min(each*leastChunk, leastRoom); c.bytes < least {
		c.bytes = least
	}
	if limit := c.bytes / each; limit < c.limit.Load() {
		c.limit.Store(limit)
	}
}

// Close ends the interest of the reader in everything. It may be called more than once.
func (r *Reader) Close() {
	r.close.Do(func() {
		close(r.closed)
		r.c.mu.Lock()
		defer r.c.mu.Unlock()
		for _, cur := range r.cursors {
			if !cur.done {
				r.c.finishLocked(cur)
			}
		}
		r.c.stats.Readers.Add(-1)
		r.c.dispatchLocked(time.Now())
	})
}

// finishLocked takes the cursor out of its lane.
func (c *Cache) finishLocked(cur *cursor) {
	cur.done = true
	delete(cur.lane.cursors, cur)
	c.forgetLocked(cur)
	if e := cur.ahead; e != nil {
		cur.ahead = nil
		c.leaveLocked(cur, e)
	}
	cur.private = nil
	c.tidyLocked(cur.lane)
}

// notifyLocked lets Next look again. State first, token second. What it takes from here to Next is the reader's own
// time: on a busy machine all of a herd are slow in that.
func (r *Reader) notifyLocked(now time.Time) {
	r.pauseLocked(now)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// pauseLocked ends the waiting, as far as the pace of the reader is concerned.
func (r *Reader) pauseLocked(now time.Time) {
	if !r.waits.IsZero() {
		r.waitedBy += now.Sub(r.waits)
		r.waits = time.Time{}
	}
}

// busyLocked is the time since Open without the waiting for chunks.
func (r *Reader) busyLocked(now time.Time) time.Duration {
	b := now.Sub(r.opened) - r.waitedBy
	if !r.waits.IsZero() {
		b -= now.Sub(r.waits)
	}
	return b
}

// Position returns the next offset of the range i, behind the items returned so far.
func (r *Reader) Position(i int) int64 { return r.cursors[i].next }

// Waiting reports whether the last Next ended with its context because the ranges that are left stand at the last
// stable offset.
func (r *Reader) Waiting() bool { return r.waiting }

// Release lets go of the items of the last Next. A value keeps its whole chunk in memory, so: encode, Release, and
// then write to a client that may be slow.
func (r *Reader) Release() {
	clear(r.items)
	r.items = r.items[:0]
}

// Next returns what comes next, one item at least and about 16 KiB. The slice is good until the next call of Next or
// Release.
//
// The error is io.EOF when every range has reached its end. A range that stands at the last stable offset does not
// keep the others waiting; when only such ranges are left, Next waits for more to be written, at last with the error of
// ctx. While Kafka does not answer it tries again, until ctx ends with ErrUnavailable. Next may be called again after
// both. A *RangeError says that a range cannot be read at all. After Close, of the Reader or the Cache, it is ErrClosed.
func (r *Reader) Next(ctx context.Context) ([]Item, error) {
	r.Release()
	r.waiting = false
	for {
		f := r.look()
		switch {
		case r.c.ctx.Err() != nil, isClosed(r.closed):
			return nil, ErrClosed
		case f.err != nil:
			return nil, f.err
		case f.open == 0:
			return nil, io.EOF
		case f.ready:
			return r.items, nil
		}
		if err := r.block(ctx, f); err != nil {
			return nil, err
		}
	}
}

// look takes what there is. It waits for its turn: a chunk that arrives wakes
// all of a herd, and a thousand goroutines that run at once keep every other
// one of the process waiting.
func (r *Reader) look() found {
	r.c.turns <- struct{}{}
	defer func() { <-r.c.turns }()
	f := r.gather()
	if f.ready {
		r.merge()
		r.commit()
	}
	return f
}

// found is what gather has found.
type found struct {
	open    int       // ranges that have not reached their end
	ready   bool      // there is something, and nothing that it must wait for
	pending bool      // something is being read, or waits for its turn
	retryAt time.Time // when to look again, if nothing happens
	trouble error     // why one of the ranges cannot be read now
	err     error     // why one of them never can
}

// gather gives each cursor its chunk. Those that are expected to have one are waited for by all.
func (r *Reader) gather() (f found) {
	now := time.Now()
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, cur := range r.cursors {
		if cur.done {
			continue
		}
		f.open++
		cur.chunk = c.lookLocked(cur, now)
		switch {
		case cur.chunk != nil:
			cur.at = cur.chunk.seek(cur.pos)
			f.ready = true
		case !cur.idle:
			f.pending = true
		case final(cur.err):
			f.err = &RangeError{i, cur.err}
		default:
			if cur.err != nil {
				f.trouble = cur.err
			}
			if cur.want.state == idle && (f.retryAt.IsZero() || cur.retryAt.Before(f.retryAt)) {
				f.retryAt = cur.retryAt
			}
		}
	}
	f.ready = f.ready && !f.pending
	if !f.ready && f.open > 0 {
		r.blocked, r.waits = true, now
		for _, cur := range r.cursors {
			cur.chunk = nil
		}
	}
	return f
}

// block waits until there is something to look at.
func (r *Reader) block(ctx context.Context, f found) error {
	defer func() {
		r.c.mu.Lock()
		r.blocked = false
		r.pauseLocked(time.Now())
		r.c.mu.Unlock()
	}()
	var retry <-chan time.Time
	if !f.retryAt.IsZero() {
		t := time.NewTimer(time.Until(f.retryAt))
		defer t.Stop()
		retry = t.C
	}
	select {
	case <-r.wake:
	case <-retry:
	case <-r.closed:
	case <-r.c.ctx.Done():
	case <-ctx.Done():
		if f.trouble != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, f.trouble)
		}
		r.waiting = !f.pending
		return ctx.Err()
	}
	return nil
}

// commit makes the positions known to the cache.
func (r *Reader) commit() {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cur := range r.cursors {
		cur.chunk = nil
		if cur.done {
			continue
		}
		cur.pos = cur.next
		if cur.pos >= cur.To {
			c.finishLocked(cur)
		}
	}
	c.shrinkLocked(time.Now()) // what was too large to be kept has been taken now
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
