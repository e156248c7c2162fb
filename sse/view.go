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
	Token   bool // only for who has a token that covers it
	Ring    *ringbuf.Ring
	Source  Source

	Description string // for people
	Example     string // an event, JSON where Format is that; "": none
	Schema      []byte // JSON Schema of an event; nil: none
}

// view is what a subscription reads from, shared by all that name the same
// streams: one ring. It is the stream's own or, where there are several, one
// that a pump feeds. Name and Source are then those of the set, and ID means
// nothing.
type view struct {
	Stream
	streams []*view          // what it is made of, by name; of a stream: itself
	topics  map[string]*view // the stream that a topic is read from
	timed   bool             // a stream has ids that are times alone
	waker   follow           // wakes the followers of this view
	metrics viewMetrics      // of a stream
	pace    pace
	shared  *composite       // what only a view of several streams has
	removed chan struct{}    // closed when it is no longer served
	History History          // nil: memory is all there is
	now     func() time.Time // Config.Now

	// Of a stream: the clients counted, whoever owns them.
	connections atomic.Int64

	// The id of the newest position, for connections that start there.
	newest atomic.Pointer[namedPosition]
	depths depths // of resumes; nobody looks at those of several streams
	// Starts that were worked out lately; a herd often comes with one id.
	starts startCache
}

// namedPosition is an entry and the id of its position.
type namedPosition struct {
	entry *ringbuf.Entry
	id    []byte
}

func newView(s Stream, h History, now func() time.Time) *view {
	v := &view{Stream: s, History: h, now: now, topics: make(map[string]*view, len(s.Topics)), timed: s.ID == position.Timestamp, removed: make(chan struct{})}
	v.streams = []*view{v}
	for _, t := range s.Topics {
		v.topics[t] = v
	}
	return v
}

// streamOf returns the stream by whose rules a partition is read.
func (v *view) streamOf(k ringbuf.Key) *view { return v.streamOfTopic(k.Topic) }

// streamOfTopic is the stream that a topic is read from, or the first for a
// topic of none: what is told of it has to be counted somewhere.
func (v *view) streamOfTopic(topic string) *view {
	if s := v.topics[topic]; s != nil {
		return s
	}
	return v.streams[0]
}

// formOf is the form that an entry of an id has.
func (v *view) formOf(k ringbuf.Key) position.Form { return v.streamOf(k).ID }

// naming is what ids of the same keys have in common.
type naming struct {
	keys  []ringbuf.Key
	order []int
	forms []position.Form // by key; nil where they are all one
}

// appendID appends the id of a position as this view's clients know it. n
// keeps what successive ids share; zero to begin with.
func (v *view) appendID(dst []byte, w ringbuf.Vector, n *naming) []byte {
	if !sameKeys(n.keys, w.Keys) {
		*n = naming{keys: w.Keys, order: position.Order(w.Keys)}
		if len(v.streams) > 1 {
			for _, k := range w.Keys {
				n.forms = append(n.forms, v.formOf(k))
			}
		}
	}
	if n.forms != nil {
		return position.AppendMixed(dst, w, n.forms, n.order)
	}
	return position.AppendID(dst, w, v.streams[0].ID, n.order)
}

// id encodes one position.
func (v *view) id(w ringbuf.Vector) []byte { return v.appendID(nil, w, &naming{}) }

// newEncoder returns an encoder of successive ids.
func (v *view) newEncoder() *position.Encoder {
	if len(v.streams) == 1 {
		return position.NewEncoder(v.streams[0].ID)
	}
	return position.NewMixedEncoder(v.formOf)
}

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
