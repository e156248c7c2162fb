package replay

import (
	"context"
	"time"

	"github.com/ringcast/ringcast/broker/raw"
)

// laneKey names one partition as one set of rules sees it. A topic that was deleted and created again has another id.
type laneKey struct {
	Rules
	Topic     string
	TopicID   [16]byte
	Partition int32
}

// lane is one partition that somebody reads or that has chunks in the cache. Guarded by Cache.mu.
type lane struct {
	key     laneKey
	tp      raw.TP
	seq     uint64 // lanes are served in this order
	entries map[entryKey]*entry
	cursors map[*cursor]struct{}

	span      int64   // how many offsets a new chunk covers, a power of two up to grid
	perOffset float64 // bytes to ask for, per offset; 0: not known
	average   int64   // bytes of a chunk in memory; 0: not known
	over      int64   // bytes of the next chunk that came with the last one

	retry   backoff   // after errors
	retryAt time.Time // no read before
}

// entryKey is the place of a chunk. Chunks of different spans may overlap, after the records have become larger.
type entryKey struct{ start, span int64 }

// state says what is done about an entry.
type state uint8

const (
	idle   state = iota // nothing
	queued              // waits for its turn
	active              // is read
)

// entry is one chunk, or the wish for one. Guarded by Cache.mu; a chunk may be used without the lock.
type entry struct {
	lane       *lane
	key        entryKey
	start, end int64
	private    bool // for one cursor, not in the cache

	chunk   *chunk // nil: nothing is known, or it was evicted
	through int64  // of the chunk, also when it was evicted
	cut     bool   // the chunk ends early, because it is large: the rest is other chunks
	state   state
	gone    bool      // no longer in the cache
	err     error     // how the last read ended
	readAt  time.Time // when
	reads   uint64    // how many have ended
	used    uint64    // when it was used last, by Cache.clock

	waiting map[*cursor]struct{} // interested: without any of them it is not read
	since   time.Time            // queued since
	reach   int64                // while active: where its last fetch leads, as far as that is known
	reserve int64                // bytes that the read may need, while active
	ctx     context.Context      // while active: ends when nobody is interested any more
	cancel  func()               // of ctx
}

// entryBytes is what an entry takes beside its chunk, so that chunks without events are bounded too.
const entryBytes = 512

// bytes is what the entry holds in memory.
func (e *entry) bytes() int64 {
	if e.chunk == nil {
		return 0
	}
	return entryBytes + e.chunk.bytes()
}

// exhausted reports whether reading e again leads nobody beyond pos.
func (e *entry) exhausted(pos int64) bool {
	return e.chunk != nil && e.chunk.through <= pos && (e.cut || e.chunk.through >= e.end)
}

// find returns the entry whose chunk a reader at pos can use, nil if there is none.
func (l *lane) find(pos int64) *entry {
	for span := int64(grid); span > 0; span /= 2 {
		e := l.entries[entryKey{pos &^ (span - 1), span}]
		if e != nil && e.chunk != nil && e.chunk.through > pos {
			return e
		}
	}
	return nil
}

// entry returns the entry to read for a reader at pos, a new one if there is none.
func (l *lane) entry(pos int64) *entry {
	for span := int64(grid); span > 0; span /= 2 {
		if e := l.entries[entryKey{pos &^ (span - 1), span}]; e != nil && !e.exhausted(pos) {
			return e
		}
	}
	span := l.span
	for l.entries[entryKey{pos &^ (span - 1), span}] != nil {
		span /= 2 // an exhausted one cannot begin at pos, so there is an end to this
	}
	e := newEntry(l, entryKey{pos &^ (span - 1), span})
	l.entries[e.key] = e
	return e
}

func newEntry(l *lane, key entryKey) *entry {
	return &entry{
		lane: l, key: key, start: key.start, end: key.start + key.span, through: key.start,
		waiting: make(map[*cursor]struct{}),
	}
}

// fit makes the span follow the size of the records.
func (l *lane) fit(e *entry, limit int64) {
	switch n := e.through - e.start; {
	case e.cut:
		span := int64(1)
		for span*2 <= n && span*2 < e.key.span {
			span *= 2
		}
		l.span = min(l.span, span)
	case e.bytes()*4 <= limit && e.key.span == l.span && l.span < grid:
		l.span *= 2
	}
	if e.through >= e.end || e.cut {
		l.average = e.bytes()
	}
}
