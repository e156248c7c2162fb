package ringbuf

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// onProcessors runs f with n processors. With one, a goroutine is stopped only
// where the scheduler says so, and another sees what it left half done for
// milliseconds; with more than the machine has, the kernel does the same.
func onProcessors(t *testing.T, n int, f func(t *testing.T)) (passed bool) {
	return t.Run(fmt.Sprintf("processors=%d", n), func(t *testing.T) {
		old := runtime.GOMAXPROCS(n)
		defer runtime.GOMAXPROCS(old)
		f(t)
	})
}

// interrupt stops the world until stop is set. A goroutine that ran goes to the
// end of the queue wherever it was, so others run between two of its stores.
func interrupt(stop *atomic.Bool) {
	var m runtime.MemStats
	for !stop.Load() {
		runtime.ReadMemStats(&m)
		runtime.Gosched()
	}
}

// TestManyReaders: one publisher, and readers of every kind that check each
// answer against what was published. Every entry is accounted for at every
// reader, as delivered or as evicted.
func TestManyReaders(t *testing.T) {
	f := func(events int, bytes int64, entries int) {
		t.Helper()
		t.Run(fmt.Sprintf("events=%d,bytes=%d", events, bytes), func(t *testing.T) {
			h := compose(uint64(events), shape{parts: 4, entries: entries, maxBytes: 200, epochs: 0.01, advances: 0.1, gaps: 0.05, losses: 0.005})
			read := func(t *testing.T) {
				for range 2 {
					h.readConcurrently(t, New(events, bytes))
				}
			}
			_ = onProcessors(t, 1, read) && onProcessors(t, 2, read) && onProcessors(t, 4, read)
		})
	}
	n := 12000
	f(1, 1<<30, n)
	f(2, 1<<30, n)
	f(64, 1<<30, n)
	f(1<<12, 1<<30, n)
	f(1<<12, 3000, n)
}

func (h *history) readConcurrently(t *testing.T, ring *Ring) {
	h.calls[0](ring) // a partition
	var work, rest sync.WaitGroup
	var stop atomic.Bool
	rest.Go(func() { interrupt(&stop) })
	reader := func(i int) *reader { return &reader{h, ring, rand.New(rand.NewPCG(3, uint64(i)))} }
	for i := range 3 {
		work.Go(func() {
			delivered, evicted, err := reader(i).follow()
			if err != nil {
				t.Errorf("reader %d: %v", i, err)
			} else if got := delivered + evicted; got != uint64(len(h.log)) {
				t.Errorf("reader %d: %d delivered and %d evicted of %d", i, delivered, evicted, len(h.log))
			}
		})
	}
	work.Go(func() {
		if err := reader(10).chase(); err != nil {
			t.Error(err)
		}
	})
	for i := range 2 {
		work.Go(func() {
			if err := reader(20 + i).search(); err != nil {
				t.Error(err)
			}
		})
	}
	rng := rand.New(rand.NewPCG(4, 4))
	events, bytes := ring.Bounds()
	for _, call := range h.calls[1:] {
		call(ring)
		if rng.IntN(100) == 0 {
			ring.Resize(1+rng.IntN(2*events), bytes/2+rng.Int64N(bytes))
		}
		if rng.IntN(200) == 0 {
			runtime.Gosched()
		}
	}
	ring.Flush() // what no entry has carried may not hold up the readers
	work.Wait()
	stop.Store(true)
	rest.Wait()
	if _, sum := ring.inside(t); sum != ring.Bytes() {
		t.Errorf("the ring counts %d bytes and holds %d", ring.Bytes(), sum)
	}
}
