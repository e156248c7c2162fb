package sse

import (
	"fmt"
	"slices"

	"github.com/ringcast/ringcast/ringbuf"
)

// catalog is what is served at a moment. It is replaced, never modified.
type catalog struct {
	streams []Stream         // as configured, in that order
	views   []*view          // of them
	byName  map[string]*view // and by alias
	pages   pages
}

// CheckStreams reports why SetStreams would fail: two streams claim the same
// route, or one needs tokens that nobody checks.
func (s *Server) CheckStreams(list []Stream) error {
	owner := make(map[string]string)
	for _, st := range list {
		if st.Token && s.cfg.Auth == nil {
			return fmt.Errorf("stream %q needs tokens, and nothing checks them", st.Name)
		}
		for _, name := range append([]string{st.Name}, st.Aliases...) {
			if of, taken := owner[name]; taken {
				return fmt.Errorf("route %q belongs to stream %q already", name, of)
			}
			owner[name] = st.Name
		}
	}
	return nil
}

// SetStreams replaces the streams that are served. One with the ring of a
// stream that is served already is that stream: its clients notice nothing. The
// clients of one that is not there any more, alone or with others, end at an
// event boundary behind `: removed`. It fails as CheckStreams does, and has
// changed nothing then.
func (s *Server) SetStreams(list []Stream) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	if err := s.CheckStreams(list); err != nil {
		return err
	}
	gone := make(map[*ringbuf.Ring]*view)
	for _, v := range s.catalog.Load().views {
		gone[v.Ring] = v
	}
	now := &catalog{streams: slices.Clone(list), byName: make(map[string]*view)}
	var fresh []*view
	for _, st := range list {
		v := gone[st.Ring]
		if v == nil {
			v = newView(st, s.cfg.History, s.cfg.Now)
			fresh = append(fresh, v)
		}
		delete(gone, st.Ring)
		now.views = append(now.views, v)
		for _, name := range append([]string{st.Name}, st.Aliases...) {
			now.byName[name] = v
		}
	}
	for _, v := range gone {
		next := now.byName[v.Name]
		v.forget(s.cfg.Metrics, next != nil && next.Name == v.Name)
	}
	for _, v := range fresh {
		v.measure(s.cfg.Metrics)
		v.waker.start(s, v)
	}
	s.catalog.Store(now)
	for _, v := range gone {
		v.remove()
	}
	s.composites.removeGone()
	return nil
}

// remove sends the clients of the view away.
func (v *view) remove() {
	close(v.removed)
	v.Ring.Wake()
}

// isRemoved reports whether the view is no longer served.
func (v *view) isRemoved() bool {
	select {
	case <-v.removed:
		return true
	default:
		return false
	}
}

// removeGone removes the views of which a stream is no longer served. Who asks
// for the same names from now on gets another one.
func (c *composites) removeGone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, v := range c.list {
		for _, stream := range v.streams {
			if stream.isRemoved() {
				delete(c.list, key)
				v.remove()
				break
			}
		}
	}
}
