package ringbuf

import (
	"context"
	"slices"
	"sync/atomic"
)

// Waker tells one goroutine that a ring has moved. Several wakers may share a
// channel: the goroutine then asks each with Take which ring it was.
//
// State first, wake second: the publisher moves head, then marks the waker,
// then sends. The waiter clears the mark first and looks at the ring second,
// so that whatever it does not see marks it again. A send that finds the
// channel full is not needed: the token in it has not been taken yet.
type Waker struct {
	c      chan<- struct{}
	marked atomic.Bool
}

// NewWaker returns a waker that sends to c, which must have a capacity of one.
func NewWaker(c chan<- struct{}) *Waker {
	if cap(c) != 1 {
		panic("BUG: the channel of a waker must have a capacity of one")
	}
	return &Waker{c: c}
}

// Take clears the mark and reports whether it was set. Call it before looking
// at the ring.
func (w *Waker) Take() bool { return w.marked.Load() && w.marked.Swap(false) }

// Mark marks the waker and wakes its goroutine, as a ring that moved does.
func (w *Waker) Mark() {
	if w.marked.Swap(true) {
		return
	}
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// Attach makes Wake reach w.
func (r *Ring) Attach(w *Waker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append(slices.Clone(*r.wakers.Load()), w)
	r.wakers.Store(&list)
}

// Detach ends what Attach began.
func (r *Ring) Detach(w *Waker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*r.wakers.Load()), func(x *Waker) bool { return x == w })
	r.wakers.Store(&list)
}

// Wake tells every attached waker that the ring has moved. Call it once after
// everything that has arrived was published, and outside any lock.
func (r *Ring) Wake() {
	for _, w := range *r.wakers.Load() {
		w.Mark()
	}
}

// Wait returns when the ring has an entry behind seq. w must be attached to r
// and c be its channel, and no other goroutine may wait on it. It returns the
// context's error when that ends first.
func (r *Ring) Wait(ctx context.Context, w *Waker, c <-chan struct{}, seq uint64) error {
	for {
		w.Take()
		if r.head.Load() > seq {
			return nil
		}
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
