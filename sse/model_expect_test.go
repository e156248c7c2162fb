package sse

import (
	"maps"
	"slices"
	"strings"

	"github.com/ringcast/ringcast/sse/position"
)

// expect works out what a visit to an instance must bring. again: it is asked
// a second time, for the world may have moved since.
func (v *modelVisit) expect(again bool) {
	in := v.in
	if v.asked == nil {
		for _, s := range in.topics {
			for p, part := range s.parts {
				v.expectOpen(in.key(s, p), part, v.since, again)
			}
		}
		return
	}
	own := int64(-1) // the id's own time
	here := func(e *position.Entry) bool { return strings.HasPrefix(e.Epoch, in.kafka.tag) }
	named := map[string]bool{} // on this cluster
	for _, e := range v.asked.Entries {
		named[e.Topic] = named[e.Topic] || here(&e)
		if e.HasTime && in.topic(e.Topic) != nil {
			own = max(own, e.Timestamp-1)
		}
		if t := in.kafka.topics[e.Topic]; t != nil && !e.HasOffset && v.asked.Ours() && e.Epoch == in.kafka.epoch(e.Topic, t.gen) {
			v.page.byTime[modelKey{in.kafka.tag, e.Topic, t.gen, e.Partition}] = e.Timestamp - 1
		}
	}
	if !again && v.asked.Ours() && !slices.ContainsFunc(v.asked.Entries, func(e position.Entry) bool { return here(&e) }) {
		// What it had here before it went to another cluster does not count.
		maps.DeleteFunc(v.page.next, func(k modelKey, _ int64) bool { return k.cluster == in.kafka.tag })
		maps.DeleteFunc(v.page.low, func(k modelKey, _ int64) bool { return k.cluster == in.kafka.tag })
	}
	for _, s := range in.topics {
		for p, part := range s.parts {
			e := entryOf(v.asked, s.name, int32(p))
			k := in.key(s, p)
			switch {
			case !v.asked.Ours():
				v.expectForeign(k, part, e, again)
			case e != nil && here(e) && nameless(e.Epoch) && e.HasOffset && e.Offset == 0 && s.gen > 0:
				v.page.low[k] = 0 // the first record of whichever life
			case e != nil && !here(e) && e.HasTime:
				v.expectTime(k, part, e.Timestamp-1, again)
			case e != nil && !here(e):
				v.expectTime(k, part, -1, again)
			case e == nil && !named[s.name]:
				v.expectTime(k, part, own, again)
			}
		}
	}
}

// expectOpen is for a partition that a request leaves open.
func (v *modelVisit) expectOpen(k modelKey, part int, since *int64, again bool) {
	if since == nil {
		live := v.in.live(part)
		if !again {
			v.page.bound(k, live, live, false)
		}
		return
	}
	v.expectTime(k, part, *since, again)
}

// expectTime is for a partition that begins at a time, inclusive; at the live
// end without one.
func (v *modelVisit) expectTime(k modelKey, part int, ms int64, again bool) {
	live := v.in.live(part)
	next, low := live, min(live, v.in.target[part])
	if v.client.world.logOf(k) == nil {
		low = 0 // of the topic before
	}
	if l := v.in.kafka.log(k.topic, k.gen, k.part); l != nil && ms >= 0 {
		if at, ok := l.good(l.start, ms); ok {
			next, low = at, at
		}
		if at, ok := l.at(0, ms); ok {
			low = min(low, at, live) // live: this instance has come no further
		}
		next = max(next, low)
		if _, ok := l.good(0, ms); !ok {
			next = l.stable()
		}
	}
	v.page.bound(k, next, low, again)
	v.page.timed[k] = true
}

// expectForeign is for a partition in an id that is not ours.
func (v *modelVisit) expectForeign(k modelKey, part int, e *position.Entry, again bool) {
	l := v.in.kafka.log(k.topic, k.gen, k.part)
	switch {
	case e == nil:
		v.expectOpen(k, part, v.since, again)
	case e.HasTime && !e.HasOffset:
		v.expectTime(k, part, e.Timestamp-1, again)
		v.page.low[k], v.page.byTime[k] = 0, e.Timestamp-1
		if l != nil {
			v.page.next[k] = max(v.page.next[k], l.behindFirst(e.Timestamp-1))
		}
	case e.Offset == position.LiveEnd:
		v.expectOpen(k, part, nil, again)
	case e.Offset == position.Earliest && l != nil:
		v.page.bound(k, l.start, 0, again)
	default:
		v.page.bound(k, e.Offset, e.Offset, again)
	}
}

// repeatFrom is the first record that may come again after a position that is
// a time: none where one record alone carries it, and none that carried it can
// have expired.
func (v *modelVisit) repeatFrom(k modelKey, ms int64) int64 {
	next := v.page.next[k]
	l := v.in.kafka.log(k.topic, k.gen, k.part)
	if l == nil {
		return 0
	}
	first, ok := l.good(0, ms)
	if v.client.world.backwards {
		first, ok = l.at(0, ms)
	}
	if !ok || first >= next {
		return next
	}
	back := false
	for o := int64(1); o < next && o < l.end(); o++ {
		back = back || l.records[o].time < l.records[o-1].time
	}
	// Behind what has expired, or was too large, nothing tells what else carried it.
	oldest, gap := l.start, l.start > 0
	for o := l.start; o < l.behindFirst(ms)-1; o++ {
		if kind := l.records[o].kind; kind != markerRecord && kind != badRecord {
			oldest, gap = o, kind == largeRecord
		}
	}
	if l.carry(ms) == 1 && !back && !gap && (oldest == 0 || oldest < first) {
		return next
	}
	first, _ = l.at(0, ms) // Kafka knows the times of bad ones too
	return first
}
