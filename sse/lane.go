package sse

import (
	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/frame"
)

// lane is one wire form of a stream. All clients of a view that share a lane
// are sent the same bytes.
type lane uint8

// What a lane is made of.
const (
	laneBare    lane = 1 << iota // HTTP/1.0: close-delimited, no chunks
	laneNotices                  // gaps as events instead of comments
	laneLines                    // newline-delimited JSON
	lanes       = 8
)

// shared returns the bytes of an entry in this lane. nil: this lane says nothing
// about the entry.
func (l lane) shared(e *ringbuf.Entry) []byte {
	w := &e.Wire
	if len(w.Bytes) == 0 {
		return nil
	}
	switch {
	case l&laneLines != 0:
		if len(w.Line()) == 0 {
			return nil
		}
		if l&laneBare == 0 {
			return frame.Chunk(nil, w.Line())
		}
		return w.Line()
	case w.ID != "":
		return frame.Private(make([]byte, 0, w.Len()+len("ffffffff")), w.ID, w, l&laneBare == 0)
	case l&laneNotices != 0 && w.Alternate != nil:
		w = w.Alternate
	}
	if l&laneBare != 0 {
		return w.Frame()
	}
	return w.Chunk()
}

// shares reports whether shared returns the entry's own bytes, not a copy.
func (l lane) shares(e *ringbuf.Entry) bool {
	if l&laneLines != 0 {
		return l&laneBare != 0
	}
	return e.Wire.ID == ""
}

// appendEvent appends an event under an id of the client's own.
func (l lane) appendEvent(dst, id []byte, w *ringbuf.Wire) []byte {
	switch {
	case l&laneLines == 0:
		return frame.Private(dst, id, w, l&laneBare == 0)
	case l&laneBare != 0:
		return append(dst, w.Line()...)
	}
	return frame.Chunk(dst, w.Line())
}

// appendRecord appends a record's value as an event under an id of the client's own.
func (l lane) appendRecord(dst, id, value []byte, format frame.Format) []byte {
	switch {
	case l&laneLines != 0:
		return frame.Line(dst, value, format, l&laneBare == 0)
	default:
		return frame.Record(dst, id, value, format, l&laneBare == 0)
	}
}

// appendNotices appends gap notices, in a form this lane has.
func (l lane) appendNotices(dst []byte, n []ringbuf.Notice) []byte {
	if len(n) == 0 || l&laneLines != 0 {
		return dst
	}
	w := frame.Notices(n...)
	return l.appendNotice(dst, &w)
}

// appendNotice appends the finished notice of a gap or an epoch.
func (l lane) appendNotice(dst []byte, w *ringbuf.Wire) []byte {
	if len(w.Bytes) == 0 || l&laneLines != 0 {
		return dst
	}
	if l&laneNotices != 0 && w.Alternate != nil {
		w = w.Alternate
	}
	if l&laneBare != 0 {
		return append(dst, w.Frame()...)
	}
	return append(dst, w.Chunk()...)
}

// appendBody appends bytes that are no event, framed for this lane.
func (l lane) appendBody(dst, body []byte) []byte {
	if l&laneBare != 0 {
		return append(dst, body...)
	}
	return frame.Chunk(dst, body)
}

// heartbeats holds the heartbeat of each lane.
var heartbeats = func() (h [lanes][]byte) {
	for l := range h {
		beat := frame.Heartbeat
		if lane(l)&laneLines != 0 {
			beat = frame.LineHeartbeat
		}
		h[l] = lane(l).appendBody(nil, []byte(beat))
	}
	return h
}()

// batch is what lies behind from and up to to, in one lane.
type batch struct {
	from, to uint64
	before   *ringbuf.Entry // of sequence from, where the batch is a round's
	last     *ringbuf.Entry // of sequence to
	bytes    []byte
	parts    []part
	events   int
}

// part is an entry of a batch that has bytes; they end at end.
type part struct {
	entry *ringbuf.Entry
	end   int
}

// span returns the last sequence of a batch that begins behind from: all there
// is, but not more than limit bytes unless the first entry alone is larger.
// ok is false when the ring has evicted what comes next.
func span(r *ringbuf.Ring, from, upTo uint64, limit int) (to uint64, ok bool) {
	size := 0
	for to = from; to < upTo; to++ {
		e := r.At(to + 1)
		if e == nil {
			return to, to > from
		}
		size += e.Wire.Len()
		if size > limit && to > from {
			break
		}
	}
	return to, true
}

// build makes the batch (from, to] of a lane; nil when the ring has evicted
// part of it meanwhile. A single entry is not copied.
func (l lane) build(r *ringbuf.Ring, from, to uint64) *batch {
	b := &batch{from: from, to: to}
	size := 0
	parts := make([]part, 0, to-from)
	bodies := make([][]byte, 0, to-from)
	for s := from + 1; s <= to; s++ {
		e := r.At(s)
		if e == nil {
			return nil
		}
		b.last = e
		body := l.shared(e)
		if len(body) == 0 {
			continue
		}
		if e.Kind == ringbuf.Event {
			b.events++
		}
		size += len(body)
		parts = append(parts, part{e, size})
		bodies = append(bodies, body)
	}
	b.parts = parts
	switch len(bodies) {
	case 0:
	case 1:
		b.bytes = bodies[0]
	default:
		b.bytes = make([]byte, 0, size)
		for _, body := range bodies {
			b.bytes = append(b.bytes, body...)
		}
	}
	return b
}

// cut says where a write of n bytes left a client: rest is what it still needs
// of the entry it is in (nil at a boundary), last the entry given last (nil:
// none of the batch), and events how many events were given, the last one
// perhaps in part.
func (b *batch) cut(l lane, n int) (rest []byte, cursor uint64, last *ringbuf.Entry, events int) {
	cursor = b.from
	start := 0
	for _, p := range b.parts {
		if n <= start {
			break
		}
		cursor, last = p.entry.Seq, p.entry
		if p.entry.Kind == ringbuf.Event {
			events++
		}
		if n < p.end {
			return l.shared(p.entry)[n-start:], cursor, last, events
		}
		start = p.end
	}
	return nil, cursor, last, events
}
