package ringbuf

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lost is how long a wake-up may take before it counts as lost.
const lost = 3 * time.Second

func attached(rings ...*Ring) (wakers []*Waker, c chan struct{}) {
	c = make(chan struct{}, 1)
	for _, r := range rings {
		w := NewWaker(c)
		r.Attach(w)
		wakers = append(wakers, w)
	}
	return wakers, c
}

func (r *Ring) publishAndWake() uint64 {
	must(r.Publish(0, r.pos[0].Next, 1, Wire{}))
	r.Wake()
	return r.Head()
}

func TestNewWakerRefusesOtherCapacities(t *testing.T) {
	for _, n := range []int{0, 2} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a waker on a channel of capacity %d", n)
				}
			}()
			NewWaker(make(chan struct{}, n))
		}()
	}
}

// TestTokens: one token, however often the ring moves, until it is taken; none
// after Detach; and a token for each waker of its own channel.
func TestTokens(t *testing.T) {
	r := filled(10, 1<<20, 1)
	w, c := attached(r)
	other, d := attached(r)
	f := func(name string, marked, token bool) {
		t.Helper()
		if len(c) == 1 != token || w[0].Take() != marked {
			t.Errorf("%s: marked %v, %d tokens", name, !marked, len(c))
		}
	}
	f("nothing came", false, false)
	r.publishAndWake()
	r.publishAndWake()
	f("two came", true, true)
	f("taken", false, true)
	r.publishAndWake() // finds the channel full
	f("another", true, true)
	<-c
	f("taken again", false, false)
	w[0].Mark()
	f("marked by hand", true, true)
	<-c
	r.Detach(w[0])
	r.Detach(w[0])
	r.publishAndWake()
	f("detached", false, false)
	if len(d) != 1 || !other[0].Take() {
		t.Error("the other waker was not woken")
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	r := filled(10, 1<<20, 1)
	w, c := attached(r)
	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := r.Wait(ctx, w[0], c, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	r.publishAndWake()
	if err := r.Wait(ctx, w[0], c, 0); err != nil {
		t.Errorf("what is there needs no waiting: %v", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() { done <- r.Wait(ctx, w[0], c, 1) }()
	w[0].Mark() // with nothing new: it goes on waiting
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	cancel(cause)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestPingPong: two goroutines and two rings. Each publishes only when it has
// seen the other's entry, so a wake-up that is lost is never made up for.
func TestPingPong(t *testing.T) {
	f := func(t *testing.T) {
		const rounds = 30000
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		watch := time.AfterFunc(lost, cancel)
		defer watch.Stop()
		ping, pong := filled(2, 1<<20, 1), filled(2, 1<<20, 1)
		play := func(in, out *Ring, w *Waker, c chan struct{}) {
			for seq := range uint64(rounds) {
				if err := in.Wait(ctx, w, c, seq); err != nil {
					t.Errorf("the wake-up of round %d of %d is lost: %v", seq, rounds, err)
					return
				}
				watch.Reset(lost)
				out.publishAndWake()
			}
		}
		w, c := attached(ping)
		v, d := attached(pong)
		var wg sync.WaitGroup
		wg.Go(func() { play(ping, pong, w[0], c) })
		wg.Go(func() { play(pong, ping, v[0], d) })
		ping.publishAndWake()
		wg.Wait()
	}
	_ = onProcessors(t, 1, f) && onProcessors(t, 2, f) && onProcessors(t, 4, f)
}

// duel plays rounds of one publication and one answer. The waiter calls found
// for every entry that it sees. It comes back after a time that varies, so
// that the two meet at every point of their ways.
func duel(t *testing.T, publish func(), wait func(ctx context.Context, found func())) {
	t.Helper()
	const rounds = 30000
	ctx, cancel := context.WithCancel(t.Context())
	watch := time.AfterFunc(lost, cancel)
	defer watch.Stop()
	found := make(chan struct{}, 1)
	var waiter, rest sync.WaitGroup
	rng := rand.New(rand.NewPCG(5, 5))
	waiter.Go(func() {
		wait(ctx, func() {
			found <- struct{}{}
			for range rng.IntN(64) {
				rng.Uint64()
			}
		})
	})
	var stop atomic.Bool
	if runtime.GOMAXPROCS(0) > 2 {
		rest.Go(func() { interrupt(&stop) })
	}
	for n := range rounds {
		publish()
		if !token(ctx, found) {
			t.Errorf("the wake-up of round %d of %d is lost", n, rounds)
			break
		}
		watch.Reset(lost)
	}
	cancel()
	waiter.Wait()
	stop.Store(true)
	rest.Wait()
}

// TestWaitMeetsWake: Wait is called just before, while and just after the ring moves.
func TestWaitMeetsWake(t *testing.T) {
	f := func(t *testing.T) {
		r := filled(2, 1<<20, 1)
		w, c := attached(r)
		duel(t, func() { r.publishAndWake() }, func(ctx context.Context, found func()) {
			for seq := uint64(0); r.Wait(ctx, w[0], c, seq) == nil; seq++ {
				found()
			}
		})
	}
	_ = onProcessors(t, 1, f) && onProcessors(t, 2, f) && onProcessors(t, 4, f)
}

// TestSharedChannel: one goroutine, many rings, one channel. A token does not
// say which ring it was, the marks do.
func TestSharedChannel(t *testing.T) {
	f := func(t *testing.T) {
		rings := []*Ring{filled(2, 1<<20, 1), filled(2, 1<<20, 1), filled(2, 1<<20, 1)}
		wakers, c := attached(rings...)
		pick := rand.New(rand.NewPCG(7, 7))
		publish := func() { rings[pick.IntN(len(rings))].publishAndWake() }
		duel(t, publish, func(ctx context.Context, found func()) {
			at := make([]uint64, len(rings))
			for token(ctx, c) {
				for i, w := range wakers {
					if w.Take() && rings[i].Head() > at[i] {
						at[i]++
						found()
					}
				}
			}
		})
	}
	_ = onProcessors(t, 1, f) && onProcessors(t, 2, f) && onProcessors(t, 4, f)
}

// token takes one from c, at first without going to sleep. It is false when
// the context ends first.
func token(ctx context.Context, c <-chan struct{}) bool {
	for range 300 {
		select {
		case <-c:
			return true
		default:
		}
	}
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// TestAttachAndDetachMeetWake: wakers come and go while the ring moves, and
// those that are there are woken.
func TestAttachAndDetachMeetWake(t *testing.T) {
	r := filled(2, 1<<20, 1)
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 10*lost)
	defer cancel()
	var waiting atomic.Int64
	waiting.Store(4)
	for range 4 {
		wg.Go(func() {
			defer waiting.Add(-1)
			for range 500 {
				w, c := attached(r)
				if err := r.Wait(ctx, w[0], c, r.Head()); err != nil {
					t.Error(err)
				}
				r.Detach(w[0])
			}
		})
	}
	for waiting.Load() > 0 {
		r.publishAndWake()
		runtime.Gosched()
	}
	wg.Wait()
	if n := len(*r.wakers.Load()); n != 0 {
		t.Errorf("%d wakers are left", n)
	}
}
