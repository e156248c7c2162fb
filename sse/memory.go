package sse

import (
	"context"
	"io"
	"math"

	"github.com/ringcast/ringcast/ringbuf"
)

// memory is the HistoryReader of what the rings of a view's streams hold: they
// go back further than the view's own, and no Kafka is needed for it.
type memory struct {
	ranges  []Range
	streams []*memoryStream
	items   []HistoryItem
	told    int  // ranges whose end was told
	lost    bool // a ring has evicted what comes next
}

// memoryStream is the ring of one stream, read up to what it had in the beginning.
type memoryStream struct {
	ring  *ringbuf.Ring
	next  uint64
	last  uint64
	parts []int          // index of the range by the ring's index, or -1
	entry *ringbuf.Entry // given next; nil: that was all
}

// memoryItems is how many items one Next returns at most.
const memoryItems = 64

// remember returns a reader of ranges, or nil where a ring does not hold all of
// one, or holds another epoch.
func (v *view) remember(ranges []Range) *memory {
	if v.shared == nil {
		return nil // one ring is all there is
	}
	m, found := &memory{ranges: ranges}, 0
	for _, stream := range v.streams {
		s := &memoryStream{ring: stream.Ring}
		newest := s.ring.Newest()
		if newest == nil {
			return nil
		}
		keys := newest.Keys()
		want := make([]int64, len(keys))
		s.parts = make([]int, len(keys))
		wanted := false
		for i, k := range keys {
			want[i], s.parts[i] = math.MaxInt64, -1
			for r := range ranges {
				if ranges[r].Key == k && v.streamOf(k) == stream {
					want[i], s.parts[i], wanted = ranges[r].From, r, true
					found++
				}
			}
		}
		if !wanted {
			continue
		}
		var ok bool
		if s.next, ok = s.ring.Locate(want); !ok || !sameKeys(s.ring.Newest().Keys(), keys) {
			return nil
		}
		s.last = s.ring.Head()
		m.streams = append(m.streams, s)
	}
	for _, s := range m.streams {
		m.lost = m.lost || !m.load(s)
	}
	if found < len(ranges) || m.lost {
		return nil
	}
	return m
}

// load finds what s gives next. It reports false when that has been evicted.
func (m *memory) load(s *memoryStream) bool {
	for s.entry = nil; s.next <= s.last; s.next++ {
		e := s.ring.At(s.next)
		if e == nil || e.Kind == ringbuf.Epoch {
			return false
		}
		if e.Part < 0 || s.parts[e.Part] < 0 {
			continue
		}
		if r := &m.ranges[s.parts[e.Part]]; e.Offset >= r.From && e.Offset < r.To {
			s.entry = e
			break
		}
	}
	return true
}

// Next implements HistoryReader. errReopen: a ring has evicted what comes next.
func (m *memory) Next(context.Context) (int, error) {
	m.Release()
	for len(m.items) < memoryItems && !m.lost {
		s := m.oldest()
		if s == nil {
			break
		}
		e := s.entry
		m.items = append(m.items, HistoryItem{Kind: e.Kind, Range: s.parts[e.Part], Offset: e.Offset, Next: e.Offset + 1, Time: e.Time, Wire: &e.Wire})
		s.next++
		m.lost = !m.load(s)
	}
	for ; len(m.items) < memoryItems && !m.lost && m.oldest() == nil && m.told < len(m.ranges); m.told++ {
		m.items = append(m.items, HistoryItem{Kind: ringbuf.Advance, Range: m.told, Next: m.ranges[m.told].To})
	}
	switch {
	case len(m.items) > 0:
		return len(m.items), nil
	case m.lost:
		return 0, errReopen
	}
	return 0, io.EOF
}

// oldest is the stream that gives next; nil: none has anything left.
func (m *memory) oldest() (first *memoryStream) {
	for _, s := range m.streams {
		if s.entry != nil && (first == nil || s.entry.Time < first.entry.Time) {
			first = s
		}
	}
	return first
}

// Item implements HistoryReader.
func (m *memory) Item(i int) HistoryItem { return m.items[i] }

// Release implements HistoryReader.
func (m *memory) Release() {
	clear(m.items)
	m.items = m.items[:0]
}

// Close implements HistoryReader.
func (m *memory) Close() {}
