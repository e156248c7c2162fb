package sse

import (
	"runtime"
	"slices"
	"sync"

	"github.com/ringcast/ringcast/ringbuf"
)

// followSlice is how many followers are woken before others get the processor.
const followSlice = 64

// follow wakes the followers of a view. It has a goroutine of its own, so that
// the publisher's cost does not depend on the number of followers.
type follow struct {
	srv  *Server
	view *view

	mu   sync.Mutex
	list []*follower // guarded by mu

	waker *ringbuf.Waker
	c     chan struct{}
}

func (w *follow) start(s *Server, v *view) {
	w.srv, w.view = s, v
	w.c = make(chan struct{}, 1)
	w.waker = ringbuf.NewWaker(w.c)
	s.background(w.run)
}

func (w *follow) run() {
	var list []*follower
	for {
		select {
		case <-w.c:
		case <-w.view.end():
			return
		case <-w.view.removed: // the followers know
			return
		case <-w.srv.ctx.Done():
			return
		}
		w.waker.Take()
		w.mu.Lock()
		list = append(list[:0], w.list...)
		w.mu.Unlock()
		for i, f := range list {
			select {
			case f.wake <- struct{}{}:
			default: // its token has not been taken yet
			}
			if i%followSlice == followSlice-1 {
				runtime.Gosched()
			}
		}
		clear(list)
	}
}

// add has f woken when the ring moves. The ring's waker is attached only while
// there is someone to wake.
func (w *follow) add(f *follower) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) == 0 {
		w.view.Ring.Attach(w.waker)
	}
	w.list = append(w.list, f)
	w.view.pace.join(&f.reader)
}

func (w *follow) remove(f *follower) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.view.pace.leave(&f.reader)
	w.list = slices.DeleteFunc(w.list, func(x *follower) bool { return x == f })
	if len(w.list) == 0 {
		w.view.Ring.Detach(w.waker)
	}
}
