package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

// privateBytes is how much a read for one slow reader brings, in bytes, shared out among the partitions of the reader.
const privateBytes = 64 << 10

// run is what one permit does: it reads a chunk, and goes on with the chunk behind it where readers wait for that. While
// the records of one fetch are checked the next fetch is under way.
type run struct {
	c      *Cache
	client Kafka
	e      *entry   // is read
	b      *builder // of its chunk
	ahead  *fetch   // under way, nil: none
	next   *entry   // the run goes on with it, nil: e is the last one
	rest   []raw.Record
	at     int64 // rest came with a fetch that led to it
}

// read reads e, and what the run goes on with.
func (c *Cache) read(e *entry, client Kafka) {
	r := run{c: c, client: client, next: e}
	for r.next != nil {
		r.e, r.next = r.next, nil
		err := r.chunk()
		if err != nil {
			l := r.e.lane
			err = fmt.Errorf("cannot read %s/%d from %d: %w", l.tp.Topic, l.tp.Partition, r.b.chunk.through, err)
		}
		r.land(err)
	}
}

// chunk reads the chunk of r.e and shows it after every fetch, so that nobody waits for its end who can begin.
func (r *run) chunk() (err error) {
	c, e := r.c, r.e
	c.mu.Lock()
	r.b = newBuilder(e.lane.key, e.start, e.end, e.chunk)
	private := privateBytes
	for cur := range e.waiting {
		private /= max(1, len(cur.r.cursors))
	}
	c.mu.Unlock()
	b := r.b
	if r.at > e.start {
		r.take(r.rest, r.at) // what came with the last fetch of the chunk before
	}
	for err == nil && b.chunk.through < e.end {
		from := b.chunk.through
		f := r.ahead
		if r.ahead = nil; f == nil {
			ask := int32(max(private, 4<<10))
			if !e.private {
				ask = c.fetchSize(e.lane, min(e.end-from, b.fits(c.limit.Load())))
			}
			f = r.fetch(e, from, ask)
		}
		<-f.done
		if err = f.err; err != nil {
			err = c.pass(e.ctx, b, e.lane.tp, r.client, err)
			if err == nil && b.chunk.through == from {
				break // no more is there yet
			}
			c.show(e, b)
			if e.private {
				break
			}
			continue
		}
		c.learn(e.lane, f)
		more := f.got.Next > from && f.got.Next < c.visible(f.got)
		if more && !e.private {
			r.goOn(f.got)
		}
		r.take(f.got.Records, f.got.Next)
		if !more || e.private || b.chunk.bytes() >= c.limit.Load() && r.ahead == nil {
			break
		}
	}
	return err
}

// take adds records to the chunk, and shows it.
func (r *run) take(records []raw.Record, next int64) {
	r.rest, r.at = r.b.add(records, next), next
	r.c.show(r.e, r.b)
}

// visible is where the part of the log that can be read ends, going by an answer.
func (c *Cache) visible(f raw.Fetched) int64 {
	if c.readCommitted {
		return f.LastStable
	}
	return f.HighWaterMark
}

// land ends the reading of r.e. The permit is free again, unless the run goes on.
func (r *run) land(err error) {
	c, e := r.c, r.e
	between, at := r.rest, r.at
	if r.next != nil {
		at = r.next.start
		i, _ := slices.BinarySearchFunc(r.rest, at, func(rec raw.Record, at int64) int { return cmp.Compare(rec.Offset, at) })
		between, r.rest = r.rest[:i], r.rest[i:]
	}
	seeds := c.seeds(e, between, at)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e.cut = err == nil && r.b.chunk.through > e.start && r.b.chunk.through < e.end && r.b.chunk.bytes() >= c.limit.Load()
	e.lane.over = 0
	for _, s := range seeds {
		e.lane.over += s.chunk.bytes()
		c.plantLocked(s)
	}
	if r.next == nil {
		c.free = append(c.free, r.client)
		c.stats.Active.Add(-1)
	}
	c.landedLocked(e, err, now)
}

// show lets readers see what b has.
func (c *Cache) show(e *entry, b *builder) {
	c.stats.skip(&b.skipped)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setLocked(e, b.snapshot())
}

// pass takes b past what the error of a fetch is about, if there is a way. It returns nil without having moved b when
// there is nothing to read yet.
func (c *Cache) pass(ctx context.Context, b *builder, tp raw.TP, client Kafka, err error) error {
	from := b.chunk.through
	var out *raw.OutOfRangeError
	switch {
	case errors.As(err, &out):
		switch {
		case out.LogStart > from:
			b.jump(out.LogStart, Expired)
			return nil
		case out.LogStart < 0, out.LogStart == from:
			return fmt.Errorf("%w: %w", sarama.ErrOffsetNotAvailable, err) // the log has moved since, or who knows
		}
		return err
	case errors.Is(err, raw.ErrBatchTooLarge), errors.Is(err, raw.ErrBatchUnreadable):
		next, skipErr := client.SkipBatch(ctx, tp, from, c.readCommitted)
		if skipErr != nil {
			return skipErr
		}
		reason := TooLarge
		if errors.Is(err, raw.ErrBatchUnreadable) {
			reason = Missed
		}
		b.jump(next, reason)
		return nil
	case errors.Is(err, raw.ErrBatchIncomplete):
		return nil
	}
	return err
}

// seed is the beginning of a chunk, left over from the read of the one before.
type seed struct {
	e       *entry
	chunk   *chunk
	skipped [record.NumReasons]uint64
}

// seeds makes the beginnings of the next chunks from what came with the last fetch of e: a batch may lie across the
// boundary, and must not be read twice for that.
func (c *Cache) seeds(e *entry, rest []raw.Record, next int64) []seed {
	var seeds []seed
	if e.private {
		return nil
	}
	for end := e.end; len(rest) > 0; {
		c.mu.Lock()
		span := e.lane.span
		c.mu.Unlock()
		start := rest[0].Offset &^ (span - 1)
		if start < end {
			return seeds // a longer chunk, of which this is not the beginning
		}
		s := newEntry(e.lane, entryKey{start, span})
		b := newBuilder(e.lane.key, start, s.end, nil)
		rest = b.add(rest, next)
		s.cut = b.chunk.bytes() >= c.limit.Load() && b.chunk.through < s.end
		seeds = append(seeds, seed{s, b.snapshot(), b.skipped})
		end = s.end
	}
	return seeds
}

// plantLocked puts a seed into the cache, unless there is something better. It is what is needed next, so others make
// room for it when there is none.
func (c *Cache) plantLocked(s seed) {
	old := s.e.lane.entries[s.e.key]
	switch {
	case old == nil:
		s.e.lane.entries[s.e.key] = s.e
		c.setLocked(s.e, s.chunk)
		c.touchLocked(s.e)
		c.stats.skip(&s.skipped)
	case old.state != active && old.chunk == nil:
		old.cut = s.e.cut
		c.setLocked(old, s.chunk)
		c.stats.skip(&s.skipped)
		if old.state == queued && (old.cut || old.through >= old.end) {
			c.dequeueLocked(old)
		}
	}
}

// unwanted reports whether a read ended because nobody wanted it any more, or with the cache.
func unwanted(err error) bool { return errors.Is(err, context.Canceled) }

// final reports whether asking again would bring the same. A client that was closed is being replaced.
func final(err error) bool {
	return err != nil && !unwanted(err) && !raw.Retriable(err) && !errors.Is(err, raw.ErrClosed)
}
