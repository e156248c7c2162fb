package replay

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// drain reads to the end and returns how many events came. pause is called after every Next.
func drain(ctx context.Context, r *Reader, pause func()) (n int64, err error) {
	defer r.Close()
	for {
		items, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		for _, it := range items {
			if it.Kind == Event {
				n++
			}
		}
		if pause != nil {
			r.Release()
			pause()
		}
	}
}

// TestHerd: a thousand readers of one range cost Kafka that range once. So do a few of which some are three times as
// quick as others: they would have the whole cache between them after a third of the range.
func TestHerd(t *testing.T) {
	k := startKafka(t, 2)
	p := newProducer(t, k)
	const n, size = 2000, 1000
	for part := range int32(2) {
		fill(t, p, part, n, size, 30)
	}
	const stored = 2 * n * size
	f := func(name string, readers int, bytes int64, maxRatio float64, from func(i int) int64, pause func(i int) func()) {
		t.Run(name, func(t *testing.T) {
			c, w := newCache(t, k, 4, func(cfg *Config) { cfg.Bytes = bytes })
			ctx, cancel := context.WithTimeout(t.Context(), 3*patient)
			defer cancel()
			var wg sync.WaitGroup
			var bad, top atomic.Int64
			begin := time.Now()
			for i := range readers {
				wg.Go(func() {
					from := from(i)
					r := c.Open([]Range{whole(0, from, n), whole(1, from, n)})
					got, err := drain(ctx, r, pause(i))
					if err != nil || got != 2*(n-from) {
						bad.Add(1)
						t.Errorf("reader %d: %d events, want %d, %v", i, got, 2*(n-from), err)
					}
					top.Store(max(top.Load(), c.stats.CacheBytes.Load()))
				})
			}
			wg.Wait()
			ratio := float64(w.bytes.Load()) / stored
			t.Logf("%v, %.2f x the range, hits %d, misses %d, evicted %d, forced %d", time.Since(begin), ratio,
				c.stats.Hits.Load(), c.stats.Misses.Load(), c.stats.Evicted.Load(), c.stats.Forced.Load())
			if ratio > maxRatio {
				t.Errorf("read %.2f x the range, want at most %.2f", ratio, maxRatio)
			}
			if max := top.Load(); max > 2*c.bytes {
				t.Errorf("%d bytes in a cache of %d", max, c.bytes)
			}
		})
	}
	const crowd, few = 1000, 40
	same := func(int) int64 { return 0 }
	tenth := func(i int) int64 { return int64(i) * (n / 10) / crowd }
	quick := func(int) func() { return nil }
	uneven := func(i int) func() {
		d := time.Duration(10+i%3*10) * time.Millisecond
		return func() { time.Sleep(d) }
	}
	f("same range", crowd, 64<<20, 1.2, same, quick)
	f("four times the cache", crowd, stored/4, 1.5, tenth, quick)
	f("four times the cache, uneven readers", few, stored/4, 1.5, tenth, uneven)
}
