package ledger

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
)

// Book holds what was produced: of each record its place, its counter and a hash of its value. It may be filled while
// clients already receive; an event that comes before its acknowledgement waits in the client's account.
type Book struct {
	// Set at construction.
	identify Identify
	seed     maphash.Seed

	// Guarded by mu.
	mu          sync.RWMutex
	logs        map[TopicPartition]*logBook
	generations map[string]int32 // how often a topic was created again
}

// logBook is the book of one topic-partition.
type logBook struct {
	mu      sync.RWMutex
	entries []entry // sorted by place
	byN     map[int64]entry
}

type entry struct {
	spot
	fingerprint
	n       int64
	skipped bool // must not become an event
}

// fingerprint stands for a value's bytes.
type fingerprint struct {
	hash uint64
	size int
}

// NewBook makes an empty book. identify may be nil: IdentifyValue.
func NewBook(identify Identify) *Book {
	return &Book{identify: identify, seed: maphash.MakeSeed(), logs: map[TopicPartition]*logBook{}, generations: map[string]int32{}}
}

// Add books a record that must reach every client whose range covers it. It fails if the value does not tell who it is,
// or the offset or the counter is booked already.
func (b *Book) Add(r Record) error {
	tp, n, ok := b.identityOf(r.Value)
	if !ok || tp != (TopicPartition{r.Topic, r.Partition}) {
		return fmt.Errorf("cannot book %s-%d@%d: its value does not say so: %s", r.Topic, r.Partition, r.Offset, shorten(r.Value))
	}
	return b.add(tp, entry{spot: spot{offset: r.Offset}, n: n, fingerprint: b.fingerprint(r.Value)})
}

// AddSkipped books a record that must not become an event: a tombstone, bad JSON, one that is too large.
func (b *Book) AddSkipped(topic string, partition int32, offset int64) error {
	return b.add(TopicPartition{topic, partition}, entry{spot: spot{offset: offset}, skipped: true})
}

// Recreated says that a topic was deleted and created again: records booked from now on are of its new log. Counters go
// on, they do not start again.
func (b *Book) Recreated(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generations[topic]++
}

// End returns the position behind the last booked record of each partition of the topics; of all without arguments.
func (b *Book) End(topics ...string) Positions {
	b.mu.RLock()
	end := make(Positions, len(b.logs))
	for tp, l := range b.logs {
		l.mu.RLock()
		if last := l.entries[len(l.entries)-1]; last.generation == b.generations[tp.Topic] {
			end[tp] = last.offset + 1
		}
		l.mu.RUnlock()
	}
	b.mu.RUnlock()
	if len(topics) > 0 {
		end = end.Of(topics...)
	}
	return end
}

// Check asks every receipt; the error joins those of all that differ, each with its place in the arguments.
func (b *Book) Check(end Positions, receipts ...*Receipt) error {
	var bad []error
	for i, r := range receipts {
		if err := r.Check(end); err != nil {
			bad = append(bad, fmt.Errorf("client %d: %w", i, err))
		}
	}
	switch {
	case len(bad) == 0:
		return nil
	case len(bad) > 3:
		return fmt.Errorf("%d of %d clients differ, the first three: %w\n%w\n%w", len(bad), len(receipts), bad[0], bad[1], bad[2])
	default:
		return fmt.Errorf("%d of %d clients differ: %w", len(bad), len(receipts), errors.Join(bad...))
	}
}

func (b *Book) add(tp TopicPartition, e entry) error {
	b.mu.Lock()
	e.generation = b.generations[tp.Topic]
	l := b.logs[tp]
	if l == nil {
		l = &logBook{byN: map[int64]entry{}}
		b.logs[tp] = l
	}
	l.mu.Lock() // before mu is released: a log in the map is never seen empty
	b.mu.Unlock()
	defer l.mu.Unlock()
	if before, ok := l.byN[e.n]; ok && !e.skipped {
		return fmt.Errorf("cannot book %s@%d: its counter %d is that of offset %d", tp, e.offset, e.n, before.offset)
	}
	i, found := l.searchLocked(e.spot)
	if found {
		return fmt.Errorf("cannot book %s@%d: it is booked already", tp, e.offset)
	}
	l.entries = slices.Insert(l.entries, i, e)
	if !e.skipped {
		l.byN[e.n] = e
	}
	return nil
}

// log returns the book of a partition, nil while nothing is booked in it.
func (b *Book) log(tp TopicPartition) *logBook {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.logs[tp]
}

// place is the spot of an offset in the newest generation of a topic.
func (b *Book) place(tp TopicPartition, offset int64) spot {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return spot{b.generations[tp.Topic], offset}
}

func (b *Book) fingerprint(value []byte) fingerprint {
	return fingerprint{maphash.Bytes(b.seed, value), len(value)}
}

func (b *Book) identityOf(value []byte) (tp TopicPartition, n int64, ok bool) {
	if b.identify == nil {
		tp.Topic, tp.Partition, n, ok = IdentifyValue(value)
	} else {
		tp.Topic, tp.Partition, n, ok = b.identify(value)
	}
	return tp, n, ok
}

// searchLocked finds the first entry at or behind s.
func (l *logBook) searchLocked(s spot) (int, bool) {
	if n := len(l.entries); n == 0 || l.entries[n-1].less(s) {
		return n, false // the usual case: records come in order
	}
	return slices.BinarySearchFunc(l.entries, s, func(e entry, s spot) int {
		switch {
		case e.less(s):
			return -1
		case s.less(e.spot):
			return 1
		}
		return 0
	})
}

// find returns the record with a counter.
func (l *logBook) find(n int64) (entry, bool) {
	if l == nil {
		return entry{}, false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	e, ok := l.byN[n]
	return e, ok
}

// between calls do for every record in [from, to) that must become an event, until do returns false.
func (l *logBook) between(from, to spot, do func(entry) bool) {
	if l == nil || !from.less(to) {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, _ := l.searchLocked(from)
	for ; i < len(l.entries) && l.entries[i].less(to); i++ {
		if !l.entries[i].skipped && !do(l.entries[i]) {
			return
		}
	}
}

// count returns how many records in [from, to) must become events.
func (l *logBook) count(from, to spot) (n int64) {
	l.between(from, to, func(entry) bool { n++; return true })
	return n
}
