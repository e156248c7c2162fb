package sse

import (
	"container/heap"

	"github.com/ringcast/ringcast/ringbuf"
)

// merge is a heap of feeds by the time of the entry each is at: the oldest
// first, or the newest. What has no time of its own does not wait.
type merge struct {
	feeds  []*feed
	newest bool
}

func (m *merge) Len() int      { return len(m.feeds) }
func (m *merge) Swap(i, k int) { m.feeds[i], m.feeds[k] = m.feeds[k], m.feeds[i] }
func (m *merge) Push(x any)    { m.feeds = append(m.feeds, x.(*feed)) }

func (m *merge) Pop() any {
	end := len(m.feeds) - 1
	f := m.feeds[end]
	m.feeds = m.feeds[:end]
	return f
}

func (m *merge) Less(i, k int) bool {
	a, b := m.feeds[i].entry, m.feeds[k].entry
	switch {
	case a.Kind != ringbuf.Event:
		return b.Kind == ringbuf.Event
	case b.Kind != ringbuf.Event:
		return false
	case m.newest:
		return a.Time > b.Time
	}
	return a.Time < b.Time
}

// reset makes a heap of the feeds that are at an entry.
func (m *merge) reset(all []*feed) {
	m.feeds = m.feeds[:0]
	for _, f := range all {
		if f.entry != nil {
			m.feeds = append(m.feeds, f)
		}
	}
	heap.Init(m)
}

// first is the feed whose turn it is, nil when there is none.
func (m *merge) first() *feed {
	if len(m.feeds) == 0 {
		return nil
	}
	return m.feeds[0]
}

// moved puts the first feed where the entry belongs that it is at now.
func (m *merge) moved() {
	if m.feeds[0].entry == nil {
		heap.Pop(m)
	} else {
		heap.Fix(m, 0)
	}
}
