package sse

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/frame"
	"github.com/ringcast/ringcast/sse/position"
)

// Source is what a stream's connections may have to know of Kafka beyond the
// ring. Package broker implements it.
type Source interface {
	// Warm reports whether the ring has been filled. Until then a connection
	// without a position starts at Live.
	Warm() bool
	// Live is where such a connection starts; ok is false while Kafka has
	// never been reached.
	Live() (v ringbuf.Vector, ok bool)
	// PastEnd asks the partition's leader whether an offset lies behind the
	// end of its log, and where that end is. Any error means: ask again.
	PastEnd(ctx context.Context, topic string, partition int32, offset int64) (end int64, past bool, err error)
	// LookUp asks how many partitions a topic has.
	LookUp(ctx context.Context, topic string) (partitions int, exists bool, err error)
}

// Stream is what a route serves.
type Stream struct {
	Name    string
	Aliases []string
	Topics  []string // what the stream is configured with
	ID      position.Form
	Format  frame.Format
	Ring    *ringbuf.Ring
	Source  Source
}

// view is a stream as its connections see it: one ring, shared by all.
type view struct {
	Stream
	History History // nil: memory is all there is
	topics  map[string]bool
	waker   follow // wakes the followers of this view
	metrics viewMetrics

	// The clients counted, whoever owns them.
	connections atomic.Int64

	// The id of the newest position, for connections that start there.
	newest atomic.Pointer[namedPosition]
	depths depths // of resumes
	// Starts that were worked out lately; a herd often comes with one id.
	starts startCache
}

// namedPosition is an entry and the id of its position.
type namedPosition struct {
	entry *ringbuf.Entry
	id    []byte
}

func newView(s Stream, h History) *view {
	v := &view{Stream: s, History: h, topics: make(map[string]bool, len(s.Topics))}
	for _, t := range s.Topics {
		v.topics[t] = true
	}
	return v
}

// streamOf returns the stream by whose rules a partition is read.
func (v *view) streamOf(ringbuf.Key) *Stream { return &v.Stream }

// id encodes a position as this stream's clients know it.
func (v *view) id(w ringbuf.Vector) []byte {
	return position.AppendID(nil, w, v.ID, position.Order(w.Keys))
}

// newEncoder returns an encoder of successive ids.
func (v *view) newEncoder() *position.Encoder { return position.NewEncoder(v.ID) }

// idOf returns the id of the position after an entry.
func (v *view) idOf(e *ringbuf.Entry) []byte {
	if n := v.newest.Load(); n != nil && n.entry == e {
		return n.id
	}
	n := &namedPosition{e, v.id(e.Vector())}
	v.newest.Store(n)
	return n.id
}

// lag is how long ago a record was made, in seconds, never negative.
func lag(e *ringbuf.Entry, now time.Time) float64 {
	return max(0, now.Sub(time.UnixMilli(e.Time)).Seconds())
}
