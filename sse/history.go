package sse

import (
	"context"

	"github.com/ringcast/ringcast/ringbuf"
)

// History reads from Kafka what no ring holds any more. Package serve makes
// one of broker's.
type History interface {
	// Open returns a reader of ranges. It does not wait for anything. An error
	// says that a range is not of the topic that is there now.
	Open(ranges []Range) (HistoryReader, error)
	// At returns the first offset of a partition of a stream whose record has a
	// time of at least ms, Unix milliseconds; found is false where there is none.
	// Its offsets count in the epoch of k, else there is an error.
	At(ctx context.Context, stream string, k ringbuf.Key, ms int64) (offset int64, found bool, err error)
	// Earliest returns the first offset that Kafka still has of a partition, in
	// the epoch of k too.
	Earliest(ctx context.Context, stream string, k ringbuf.Key) (int64, error)
}

// Range is a part of a partition: the offsets from From up to, but without, To.
type Range struct {
	Stream string // whose rules its records are read by
	Key    ringbuf.Key
	From   int64
	To     int64
}

// HistoryReader hands out ranges merged by record time. One goroutine uses it.
type HistoryReader interface {
	// Next takes the next items, and returns how many there are. The error is
	// io.EOF behind the last one. Where the context has ended, Next may be
	// called again; after any other error the reader is of no more use.
	Next(ctx context.Context) (int, error)
	// Item is one of them, until Release or the next call of Next.
	Item(i int) HistoryItem
	// Release lets go of the items: a value keeps much more than itself in memory.
	Release()
	Close()
}

// HistoryItem is one step of a HistoryReader.
type HistoryItem struct {
	Kind   ringbuf.Kind  // Event; Gap; Advance, where there is nothing to deliver
	Range  int           // index in the ranges given to Open
	Offset int64         // of the record, or where a Gap or Advance begins
	Next   int64         // the next offset to read behind it
	Time   int64         // of an Event, Unix milliseconds, or ringbuf.NoTime
	Value  []byte        // of an Event, checked and annotated
	Wire   *ringbuf.Wire // the finished form of an Event or a Gap, where there is one already
	Reason string        // of a Gap
}

// at is History.At for a partition of the view.
func (v *view) at(ctx context.Context, k ringbuf.Key, ms int64) (offset int64, found bool, err error) {
	return v.History.At(ctx, v.streamOf(k).Name, k, ms)
}

// earliest is History.Earliest for a partition of the view.
func (v *view) earliest(ctx context.Context, k ringbuf.Key) (int64, error) {
	return v.History.Earliest(ctx, v.streamOf(k).Name, k)
}
