package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

const (
	// firstFetch is how much the first fetch of a partition asks for, in bytes; later ones go by what came.
	firstFetch = 64 << 10

	// minFetch and maxFetch bound what a fetch asks for, in bytes.
	minFetch = 16 << 10
	maxFetch = 1 << 20

	// recordBytes is what a record takes beside key and value, generously, in bytes.
	recordBytes = 32

	// privateBytes is how much a read for one slow reader brings, in bytes, shared out among the partitions of the reader.
	privateBytes = 64 << 10
)

// read reads e and shows it after every fetch, so that nobody waits for the end of a chunk who can begin.
func (c *Cache) read(ctx context.Context, e *entry, client Kafka) {
	c.mu.Lock()
	l := e.lane
	b := newBuilder(l.key, e.start, e.end, e.chunk)
	private := privateBytes
	for cur := range e.waiting {
		private /= max(1, len(cur.r.cursors))
	}
	c.mu.Unlock()

	var rest []raw.Record // behind the chunk, up to next
	var next int64
	var err error
	for err == nil && b.chunk.through < e.end {
		from := b.chunk.through
		ask := int32(max(private, 4<<10))
		if !e.private {
			ask = c.fetchSize(l, min(e.end-from, b.fits(c.limit)))
		}
		var f raw.Fetched
		f, err = client.Fetch(ctx, l.tp, from, raw.FetchOptions{MaxBytes: ask, ReadCommitted: c.readCommitted, LeaderEpoch: -1})
		if err != nil {
			err = c.pass(ctx, b, l.tp, client, err)
			if err == nil && b.chunk.through == from {
				break // no more is there yet
			}
		} else {
			rest, next = b.add(f.Records, f.Next), f.Next
		}
		c.show(e, b, f, from, ask)
		end := f.HighWaterMark
		if c.readCommitted {
			end = f.LastStable
		}
		if err == nil && (b.chunk.through == from || f.Next > from && b.chunk.through >= end) {
			break
		}
		if e.private || b.chunk.bytes() >= c.limit {
			break
		}
	}
	if err != nil {
		err = fmt.Errorf("cannot read %s/%d from %d: %w", l.tp.Topic, l.tp.Partition, b.chunk.through, err)
	}
	seeds := c.seeds(e, rest, next)

	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e.cut = err == nil && b.chunk.through > e.start && b.chunk.through < e.end && b.chunk.bytes() >= c.limit
	l.over = 0
	for _, s := range seeds {
		l.over += s.chunk.bytes()
		c.plantLocked(s)
	}
	c.landedLocked(e, client, err, now)
}

// fetchSize is how much to ask for, so that n offsets come.
func (c *Cache) fetchSize(l *lane, n int64) int32 {
	c.mu.Lock()
	per := l.perOffset
	c.mu.Unlock()
	if per == 0 {
		return firstFetch
	}
	return int32(min(max(float64(n)*per*1.1, minFetch), maxFetch))
}

// show lets readers see what b has, and learns from what f, an answer to ask bytes from an offset, has brought.
func (c *Cache) show(e *entry, b *builder, f raw.Fetched, from int64, ask int32) {
	size := 0
	for i := range f.Records {
		size += len(f.Records[i].Key) + len(f.Records[i].Value)
	}
	c.stats.BytesRead.Add(uint64(size))
	c.stats.skip(&b.skipped)

	c.mu.Lock()
	defer c.mu.Unlock()
	if gained := f.Next - from; gained > 0 && len(f.Records) > 0 && f.Next < f.LastStable {
		// Compressed, less comes over the wire; of a batch that begins below the offset, more than is seen here.
		e.lane.perOffset = float64(min(int(ask), size+recordBytes*len(f.Records))) / float64(gained)
	}
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
		s.cut = b.chunk.bytes() >= c.limit && b.chunk.through < s.end
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
