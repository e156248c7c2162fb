package replay

import (
	"unsafe"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

// grid is how many offsets a chunk covers at most. Its boundaries are multiples of a power of two up to this, so that
// readers that come from different offsets meet in the same chunks.
const grid = 2048

// defaultMaxEvent is Rules.MaxEvent when it is not set.
const defaultMaxEvent = 4 << 20

// Rules say which records become events, and with which data. Streams with the same rules share chunks.
type Rules struct {
	Format   record.Format
	Annotate record.Annotate
	MaxEvent int64 // bytes of a record's value, beyond which it is a Gap; 4 MiB when 0
}

// step is what a chunk has of one offset, or of a gap. Records that are no events have none.
type step struct {
	offset, next int64 // next is offset+1, except of a gap
	time         int64
	value        []byte
	kind         Kind
	reason       Reason
}

const stepBytes = int64(unsafe.Sizeof(step{}))

// chunk is what is known of a part of the log. It is immutable.
type chunk struct {
	steps   []step // by offset, without overlap
	through int64  // all that is visible below it is in steps; never below the start
	values  int64  // bytes of the buffers that values point into
}

// bytes is what the chunk holds in memory.
func (c *chunk) bytes() int64 { return c.values + int64(cap(c.steps))*stepBytes }

// seek returns the first step that a reader at pos has not passed.
func (c *chunk) seek(pos int64) int {
	lo, hi := 0, len(c.steps)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); c.steps[mid].next > pos {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// builder makes a chunk out of fetches. Each record is checked once, here.
type builder struct {
	lane    laneKey
	start   int64
	end     int64 // steps begin below it
	checker record.Checker
	max     int64
	chunk   chunk
	buf     []byte // the last buffer of values
	skipped [record.NumReasons]uint64
}

// newBuilder begins at start, or goes on with what old has.
func newBuilder(l laneKey, start, end int64, old *chunk) *builder {
	b := &builder{
		lane:    l,
		start:   start,
		end:     end,
		checker: record.Checker{Format: l.Format, Annotate: l.Annotate},
		max:     l.MaxEvent,
		chunk:   chunk{through: start},
	}
	if old != nil {
		b.chunk = *old
		b.chunk.steps = old.steps[:len(old.steps):len(old.steps)] // the readers of old must not see what is appended
	}
	return b
}

// fits is how many more offsets the chunk can take until it has limit bytes, going by what it has.
func (b *builder) fits(limit int64) int64 {
	return max(1, fits(b.chunk.bytes(), b.chunk.through-b.start, limit))
}

// fitsBehind is the same for when it has taken in f, none if it has limit bytes then.
func (b *builder) fitsBehind(f raw.Fetched, limit int64) int64 {
	size := b.chunk.bytes()
	for i := range f.Records {
		size += int64(len(f.Records[i].Value)) + stepBytes
	}
	return fits(size, f.Next-b.start, limit)
}

// fits is how many offsets there are room for in limit bytes behind n that take size.
func fits(size, n, limit int64) int64 {
	if n == 0 || size == 0 {
		return grid
	}
	return (limit - size) * n / size
}

// snapshot returns the chunk as far as it is known. What is appended later lies behind its end.
func (b *builder) snapshot() *chunk {
	c := b.chunk
	return &c
}

// maxBlock is the largest buffer for several values, in bytes.
const maxBlock = 256 << 10

// add takes in the records of a fetch that led to next, and returns those that lie behind the chunk.
func (b *builder) add(records []raw.Record, next int64) (rest []raw.Record) {
	block := b.block(records)
	for i := range records {
		r := &records[i]
		if r.Offset < b.chunk.through {
			continue
		}
		if r.Offset >= b.end {
			// Nothing lies between the chunk and what comes next.
			b.chunk.through = r.Offset
			return records[i:]
		}
		b.record(r, block)
		b.chunk.through = r.Offset + 1
	}
	b.chunk.through = max(b.chunk.through, next)
	return nil
}

// block is how large a buffer for the values of those records should be that belong to the chunk.
func (b *builder) block(records []raw.Record) int {
	size := 0
	for i := range records {
		if r := &records[i]; r.Offset < b.end && r.Offset >= b.chunk.through {
			size += len(r.Value)
			if b.lane.Annotate != record.None {
				size += 64 + len(b.lane.Topic) + len(r.Key)
			}
		}
	}
	if b.lane.Format == record.Base64 {
		size += size/3 + 4
	}
	return min(maxBlock, size)
}

func (b *builder) record(r *raw.Record, block int) {
	if int64(len(r.Value)) > b.max {
		b.gap(r.Offset, r.Offset+1, TooLarge)
		return
	}
	value, reason := b.checker.Check(record.Record{
		Topic: b.lane.Topic, Partition: b.lane.Partition,
		Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value,
	})
	if reason != record.OK {
		b.skipped[reason]++
		return
	}
	b.chunk.steps = append(b.chunk.steps, step{offset: r.Offset, next: r.Offset + 1, time: r.Time, value: b.keep(value, block)})
}

// keep copies v: a fetch must not stay in memory for the few values that become events.
func (b *builder) keep(v []byte, block int) []byte {
	if len(v) == 0 {
		return []byte{} // not nil, which is no value
	}
	if cap(b.buf)-len(b.buf) < len(v) {
		b.buf = make([]byte, 0, max(len(v), block))
		b.chunk.values += int64(cap(b.buf))
	}
	at := len(b.buf)
	b.buf = append(b.buf, v...)
	return b.buf[at:len(b.buf):len(b.buf)]
}

// jump says that what lies before next cannot be delivered.
func (b *builder) jump(next int64, reason Reason) {
	if next <= b.chunk.through {
		return
	}
	b.gap(b.chunk.through, next, reason)
	b.chunk.through = next
}

func (b *builder) gap(offset, next int64, reason Reason) {
	b.chunk.steps = append(b.chunk.steps, step{offset: offset, next: next, time: -1, kind: Gap, reason: reason})
}
