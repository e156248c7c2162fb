package sse

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// composite is what a view of several streams has beside others: a pump, and
// an end.
type composite struct {
	key  string
	full bool // its ring is one of those of full size
	pump *pump
	made sync.Once     // filled, and the pump started
	gone chan struct{} // closed when it is dropped
	uses int           // requests and connections, guarded by composites.mu
}

// composites are the views of several streams: one for each set of streams that
// somebody reads, made with the first and dropped with the last.
type composites struct {
	// Set at construction.
	most   int // rings of full size
	events int // bounds of each of them
	bytes  int64

	mu   sync.Mutex
	list map[string]*view // by names, guarded by mu
	full int              // how many have a ring of full size, guarded by mu
}

const (
	defaultViews     = 64
	defaultViewBytes = 64 << 20

	// smallEvents and smallBytes bound the ring of a view beyond those of full
	// size. There are at most max_connections of them.
	smallEvents = 64
	smallBytes  = 64 << 10

	// leastPerEvent is about what an entry with a short id takes, bytes. The
	// slots for so many add 3 % to a ring, up to a mebibyte.
	leastPerEvent = 512
	mostEvents    = 1 << 16
)

// init divides bytes among the rings of full size. most is as Config.ViewsMax.
func (c *composites) init(most int, bytes int64) {
	if most == 0 {
		most = defaultViews
	}
	if bytes == 0 {
		bytes = defaultViewBytes
	}
	c.most, c.bytes = most, max(1, bytes/int64(max(1, most)))
	c.events = int(min(max(c.bytes/leastPerEvent, smallEvents), mostEvents))
	c.list = make(map[string]*view)
}

// viewOf returns the view of some streams, by name, for a request: until it is
// released it stays.
func (s *Server) viewOf(streams []*view) *view {
	if len(streams) == 1 {
		return streams[0]
	}
	v := s.composites.use(s, streams)
	// Not under the lock: filling the ring takes milliseconds.
	v.shared.made.Do(func() {
		v.waker.start(s, v)
		v.shared.pump.start()
		if !s.background(v.shared.pump.run) {
			v.shared.pump.stop()
		}
	})
	return v
}

// use finds or makes a view.
func (c *composites) use(s *Server, streams []*view) *view {
	names := make([]string, len(streams))
	for i, v := range streams {
		names[i] = v.Name
	}
	key := strings.Join(names, ",")
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.list[key]
	if v == nil || !slices.Equal(v.streams, streams) {
		v = c.newLocked(s, key, streams)
		c.list[key] = v
	}
	v.shared.uses++
	return v
}

func (c *composites) newLocked(s *Server, key string, streams []*view) *view {
	events, bytes := smallEvents, min(c.bytes, smallBytes)
	full := c.full < c.most
	if full {
		c.full++
		events, bytes = c.events, c.bytes
	}
	v := &view{now: s.cfg.Now, streams: streams, topics: make(map[string]*view), removed: make(chan struct{}), shared: &composite{key: key, full: full, gone: make(chan struct{})}}
	for _, stream := range streams {
		v.timed = v.timed || stream.ID == position.Timestamp
		for t := range stream.topics {
			if v.topics[t] == nil { // else it belongs to an earlier one
				v.topics[t] = stream
			}
		}
	}
	v.Stream = Stream{Name: key, Ring: ringbuf.New(events, bytes)}
	v.History = streams[0].History
	v.pace.writePatience = cmp.Or(s.cfg.writePatience, writePatience)
	v.shared.pump = newPump(s, v)
	v.Source = &union{view: v, feeds: v.shared.pump.feeds}
	if slices.ContainsFunc(streams, (*view).isRemoved) {
		close(v.removed) // since the request looked for them
	}
	return v
}

// release ends what viewOf began for one request or connection. The last one
// drops the view: its goroutines end, and the shards forget it.
func (s *Server) release(v *view) {
	c := v.shared
	if c == nil {
		return
	}
	s.composites.mu.Lock()
	c.uses--
	last := c.uses == 0
	if last {
		if s.composites.list[c.key] == v { // else it was removed, and there may be another one
			delete(s.composites.list, c.key)
		}
		if c.full {
			s.composites.full--
		}
		close(c.gone)
	}
	s.composites.mu.Unlock()
	if last {
		v.Ring.Wake()
	}
}

// sizes returns how many views with a ring of full size are shared, and the
// bytes in the rings of all views.
func (c *composites) sizes() (shared, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.list {
		bytes += v.Ring.Bytes()
		if v.shared.full && v.shared.uses > 1 {
			shared++
		}
	}
	return shared, bytes
}

// end is closed when the view is dropped; nil where that never happens.
func (v *view) end() <-chan struct{} {
	if v.shared == nil {
		return nil
	}
	return v.shared.gone
}

// dropped reports whether the view has no clients any more and is in no list.
func (v *view) dropped() bool {
	select {
	case <-v.end():
		return true
	default:
		return false
	}
}
