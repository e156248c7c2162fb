// Package ringbuf is a lock-free ring of recent events: one publisher, any
// number of readers. It knows neither Kafka nor HTTP; an event is finished
// bytes, and a position is a vector of offsets.
package ringbuf

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// ErrStale refuses a record that lies below the position of its partition.
var ErrStale = errors.New("record below the position of its partition")

// ErrTooLarge refuses an entry that does not fit the ring.
var ErrTooLarge = errors.New("entry larger than the ring")

// Ring holds the newest entries of one stream.
//
// The protocol. Sequences start at 1 and have no holes; the entry of sequence
// s lives in slots[s&mask] of the table.
//
//  1. Only the publisher stores to table, slots, head, tail and floors.
//  2. Publishing stores the slot, then head. A reader that sees head ≥ s finds
//     s in its slot, or that s has been evicted since.
//  3. Evicting raises the floor, then tail, then clears the slot. A reader that
//     does not find s in its slot finds tail > s, and one that trusts tail
//     finds every loss behind it in the floors.
//  4. Readers load head, then the table, then the slot, and compare the sequence
//     in it: a slot may hold a later lap.
//  5. Nothing is modified or pooled after publication. The garbage collector
//     frees an entry when ring and readers let go of it.
//  6. The one hole is what Restart leaves out. It lies below tail before head
//     is above it, so it looks like any entry that has been evicted.
//  7. Resize fills a new table before it stores it, and never touches the old
//     one again. Whoever still holds that finds in it everything up to the head
//     of then; a later head is seen only together with the new table.
//
// The entry published last is never evicted, so after the first publication
// there is always a position to start from.
type Ring struct {
	// Stored by the publisher, loaded by anyone.
	table  atomic.Pointer[table]
	_      [64]byte
	head   atomic.Uint64 // newest sequence, 0 before the first
	tail   atomic.Uint64 // oldest sequence
	bytes  atomic.Int64
	floors atomic.Pointer[[]floor]

	// Owned by the publisher.
	_     [64]byte
	keys  []Key // replaced, never modified: vectors share it
	pos   []Pos
	dirty bool // pos or keys moved since the last entry
	block *block
	index int // entries in block

	wakers atomic.Pointer[[]*Waker]
	mu     sync.Mutex // guards replacing wakers
}

// table is where the entries are, and how many there may be. Only its slots
// change.
type table struct {
	maxEvents uint64
	maxBytes  int64
	slots     []atomic.Pointer[Entry]
	mask      uint64
}

func newTable(events int, bytes int64) *table {
	if events < 1 || bytes < 1 {
		panic(fmt.Sprintf("BUG: ring of %d events and %d bytes", events, bytes))
	}
	n := uint64(1) << bits.Len64(uint64(events)) // one slot more than events at least
	return &table{maxEvents: uint64(events), maxBytes: bytes, slots: make([]atomic.Pointer[Entry], n), mask: n - 1}
}

// slot is where the entry of a sequence is, if it is there.
func (t *table) slot(seq uint64) *atomic.Pointer[Entry] { return &t.slots[seq&t.mask] }

// floor is what eviction took from one partition.
type floor struct {
	next atomic.Int64 // offset after the last one that is gone
	time atomic.Int64 // largest record time that may be gone, Unix milliseconds
}

// New returns an empty ring bounded to events entries and to bytes of memory.
// Memory counts by capacity and includes the ring's own overhead per entry.
func New(events int, bytes int64) *Ring {
	r := &Ring{}
	r.table.Store(newTable(events, bytes))
	r.tail.Store(1)
	r.floors.Store(&[]floor{})
	r.wakers.Store(&[]*Waker{})
	return r
}

// Add makes the ring follow one more partition, from at on, and returns its
// index. lowTime is the largest time a record before at may have, Unix
// milliseconds; math.MaxInt64 when that is not known. The position shows with
// the next entry. Publisher only.
func (r *Ring) Add(k Key, at Pos, lowTime int64) int {
	r.keys = append(r.keys[:len(r.keys):len(r.keys)], k)
	r.pos = append(r.pos, at)
	r.dirty = true
	old := *r.floors.Load()
	grown := make([]floor, len(r.keys))
	for i := range old {
		grown[i].next.Store(old[i].next.Load())
		grown[i].time.Store(old[i].time.Load())
	}
	grown[len(old)].next.Store(at.Next)
	grown[len(old)].time.Store(lowTime)
	r.floors.Store(&grown)
	return len(old)
}

// Retag gives a partition another epoch without moving it: the epoch has
// become known. Publisher only.
func (r *Ring) Retag(part int, epoch string) {
	r.keys = append([]Key(nil), r.keys...)
	r.keys[part].Epoch = epoch
	r.dirty = true
}

// Position returns the publisher's own position, which includes what Advance,
// Add and Retag did since the last entry. Publisher only; valid until the next
// call that moves it.
func (r *Ring) Position() Vector { return Vector{Keys: r.keys, Pos: r.pos} }

// Advance moves a partition without a record. It becomes visible with the next
// entry, or with Flush. A position below the present one is ignored. Publisher only.
func (r *Ring) Advance(part int, next int64) {
	if next > r.pos[part].Next {
		r.pos[part].Next = next
		r.dirty = true
	}
}

// Publish appends the record at offset with its finished bytes. It returns
// ErrStale, and changes nothing, when the record lies below the position of
// its partition, and ErrTooLarge when the ring can never hold it; one that
// another ring holds already is held all the same, alone. The id in w must be
// the position after the record, which is Position with the partition's Next at
// offset+1. Publisher only.
func (r *Ring) Publish(part int, offset, ms int64, w Wire) error {
	if offset < r.pos[part].Next {
		return ErrStale
	}
	if w.ID == "" && entryOverhead+w.size() > r.table.Load().maxBytes {
		return ErrTooLarge
	}
	p := &r.pos[part]
	p.Next, p.Time = offset+1, max(p.Time, ms)
	r.append(Event, part, offset, ms, w)
	return nil
}

// PublishGap appends the notice w and moves a partition up to next: what lay
// between cannot be delivered. It returns ErrStale when next lies below the
// position. Publisher only.
func (r *Ring) PublishGap(part int, next int64, w Wire) error {
	if next < r.pos[part].Next {
		return ErrStale
	}
	r.pos[part].Next = next
	r.append(Gap, part, next-1, NoTime, w)
	return nil
}

// Move takes one partition to a position under another epoch.
type Move struct {
	Part    int
	Epoch   string
	At      Pos   // whose time may be that of a record of the epoch before
	LowTime int64 // as for Add
}

// PublishEpoch takes some partitions back to the offset at, under an epoch,
// tells so with the notice w, and evicts everything before. lowTime is what it
// is for Add: NoTime for a topic that was created anew. Publisher only.
func (r *Ring) PublishEpoch(parts []int, epoch string, at, lowTime int64, w Wire) {
	moves := make([]Move, len(parts))
	for i, p := range parts {
		moves[i] = Move{p, epoch, Pos{Next: at, Time: NoTime}, lowTime}
	}
	r.PublishMoves(moves, w)
}

// PublishMoves is PublishEpoch for partitions that each go to a position of
// their own. Publisher only.
func (r *Ring) PublishMoves(moves []Move, w Wire) {
	r.keys = append([]Key(nil), r.keys...)
	for _, m := range moves {
		r.keys[m.Part].Epoch = m.Epoch
		r.pos[m.Part] = m.At
	}
	r.dirty = true
	// The old entries must be out of reach before the new vector is visible:
	// between tail and head a position never goes back. The floors are a new
	// table, so a reader that began in the old epoch notices.
	r.evictAll()
	old := *r.floors.Load()
	fresh := make([]floor, len(old))
	for i := range old {
		fresh[i].next.Store(old[i].next.Load())
		fresh[i].time.Store(old[i].time.Load())
	}
	for _, m := range moves {
		fresh[m.Part].next.Store(m.At.Next)
		fresh[m.Part].time.Store(m.LowTime)
	}
	r.floors.Store(&fresh)
	r.append(Epoch, -1, -1, NoTime, w)
}

// Flush publishes what Advance, Add and Retag did as an entry without bytes,
// if nothing has carried it yet. Publisher only.
func (r *Ring) Flush() {
	if r.dirty {
		r.append(Advance, -1, -1, NoTime, Wire{})
	}
}

// append publishes one entry behind the newest.
func (r *Ring) append(kind Kind, part int, offset, ms int64, w Wire) {
	r.put(r.head.Load()+1, kind, part, offset, ms, w)
}

// put publishes one entry and then evicts what is too much.
func (r *Ring) put(seq uint64, kind Kind, part int, offset, ms int64, w Wire) {
	if r.block == nil || r.index == blockLen {
		b := &block{}
		if r.block != nil {
			b.before = r.block.vector(blockLen)
		}
		r.block, r.index = b, 0
	}
	d := &r.block.delta[r.index]
	if r.dirty || part < 0 {
		d.full = &Vector{Keys: r.keys, Pos: append([]Pos(nil), r.pos...)}
		r.dirty = false
	} else {
		d.part, d.pos = int32(part), r.pos[part]
	}
	e := &Entry{Seq: seq, Kind: kind, index: uint8(r.index), Part: int32(part), Offset: offset, Time: ms, Wire: w, block: r.block}
	r.index++
	r.bytes.Add(e.Size())
	t := r.table.Load()
	t.slot(seq).Store(e)
	r.head.Store(seq)
	r.trim(seq, t)
}

// trim evicts what is more than the bounds of t allow, but not the entry of seq,
// which is the newest.
func (r *Ring) trim(seq uint64, t *table) {
	for s := r.tail.Load(); s < seq && (seq-s >= t.maxEvents || r.bytes.Load() > t.maxBytes); s++ {
		r.evict(s)
	}
}

// evict removes the oldest entry, whose sequence is seq.
func (r *Ring) evict(seq uint64) {
	slot := r.table.Load().slot(seq)
	e := slot.Load()
	if e.Part >= 0 {
		f := &(*r.floors.Load())[e.Part]
		if e.Kind == Event {
			// Above NoTime also for a record without a time: First must not
			// take the partition for one that has lost nothing.
			f.time.Store(max(f.time.Load(), e.Time, NoTime+1))
		}
		// Behind the time: First reads the two in the opposite order.
		f.next.Store(e.Offset + 1)
	}
	r.tail.Store(seq + 1)
	slot.Store(nil)
	r.bytes.Add(-e.Size())
}

// evictAll removes every entry. Until the next one is there, tail is above head.
func (r *Ring) evictAll() {
	for s := r.tail.Load(); s <= r.head.Load(); s++ {
		r.evict(s)
	}
}

// Head is the newest sequence, 0 before the first publication.
func (r *Ring) Head() uint64 { return r.head.Load() }

// Tail is the oldest sequence that has not been evicted.
func (r *Ring) Tail() uint64 { return r.tail.Load() }

// Bytes is the memory that the entries are charged for.
func (r *Ring) Bytes() int64 { return r.bytes.Load() }

// Bounds returns what New or, after that, Resize was given.
func (r *Ring) Bounds() (events int, bytes int64) {
	t := r.table.Load()
	return int(min(t.maxEvents, math.MaxInt)), t.maxBytes
}

// At returns the entry of a sequence. It is nil when the entry has not been
// published yet (seq > Head) or has been evicted (seq < Tail).
func (r *Ring) At(seq uint64) *Entry {
	if seq > r.head.Load() {
		return nil
	}
	e := r.table.Load().slot(seq).Load()
	if e == nil || e.Seq != seq {
		return nil
	}
	return e
}

// Newest returns the entry published last, nil before the first.
func (r *Ring) Newest() *Entry {
	for {
		h := r.head.Load()
		if h == 0 {
			return nil
		}
		if e := r.At(h); e != nil {
			return e
		}
		// Evicted already: a later one is there, or an epoch is just being
		// published and its publisher wants the processor.
		runtime.Gosched()
	}
}

// Oldest returns the oldest entry, nil before the first publication.
func (r *Ring) Oldest() *Entry {
	for r.head.Load() > 0 {
		if e := r.At(r.tail.Load()); e != nil {
			return e
		}
		runtime.Gosched()
	}
	return nil
}
