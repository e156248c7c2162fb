package sse

import "github.com/ringcast/ringcast/ringbuf"

// tally is what a client was given, by the streams of its view. It is nil where
// there is one stream: all of it is that stream's.
type tally []given

type given struct{ events, bytes int }

// add counts what was given of a topic.
func (t tally) add(v *view, topic string, events, bytes int) tally {
	if len(v.streams) == 1 {
		return nil
	}
	if t == nil {
		t = make(tally, len(v.streams))
	}
	g := &t[v.indexOf(topic)]
	g.events += events
	g.bytes += bytes
	return t
}

// indexOf is the index of a topic's stream.
func (v *view) indexOf(topic string) int {
	s := v.streamOfTopic(topic)
	for i := range v.streams {
		if v.streams[i] == s {
			return i
		}
	}
	panic("BUG: a topic of a stream that the view does not have")
}

// gave counts the first n bytes of a batch, with so many events in them, as
// taken by clients, each by the stream it came from.
func (st *stats) gave(v *view, b *batch, n, events, clients int) {
	if len(v.streams) == 1 {
		st.wroteShort(v, clients*n, clients*events)
		return
	}
	var t tally
	start := 0
	for _, p := range b.parts {
		if n <= start {
			break
		}
		one := 0
		if p.entry.Kind == ringbuf.Event {
			one = clients
		}
		t = t.add(v, topicOf(b.last, p.entry), one, clients*(min(n, p.end)-start))
		start = p.end
	}
	st.gaveTally(v, t)
}

// gaveTally counts a tally.
func (st *stats) gaveTally(v *view, t tally) {
	for i, g := range t {
		if g.bytes > 0 {
			st.wroteShort(v.streams[i], g.bytes, g.events)
		}
	}
}

// gavePrivate counts what one client was given under ids of its own. Of what
// is no event, of several streams, the first has the bytes.
func (st *stats) gavePrivate(v *view, bytes, events int, t tally) {
	st.gaveTally(v, t)
	for _, g := range t {
		bytes, events = bytes-g.bytes, events-g.events
	}
	st.wroteShort(v.streams[0], bytes, events)
}

// topicOf is the topic of an entry; last is it or a later one of its ring. A
// notice for several partitions has no topic.
func topicOf(last, e *ringbuf.Entry) string {
	if e.Part < 0 {
		return ""
	}
	return last.Keys()[e.Part].Topic
}
