package replay

import (
	"context"
	"sync"
	"testing"
	"time"
)

// BenchmarkOne is one reader of 64 MB that nobody has read before.
func BenchmarkOne(b *testing.B) {
	const n = 64_000
	k := startKafka(b, 1)
	fill(b, newProducer(b, k), 0, n, 1000, 500)
	b.SetBytes(n * 1000)
	var first time.Duration
	for b.Loop() {
		c, _ := newCache(b, k, 4, nil)
		r := c.Open([]Range{whole(0, 0, n)})
		begin := time.Now()
		if _, err := r.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
		first += time.Since(begin)
		if _, err := drain(b.Context(), r, nil); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
	b.ReportMetric(float64(first.Microseconds())/float64(b.N), "µs/first")
}

// BenchmarkHerd is a thousand readers of 64 MB that begin in the first tenth, with a cache of a quarter.
func BenchmarkHerd(b *testing.B) {
	const n, readers = 64_000, 1000
	k := startKafka(b, 1)
	fill(b, newProducer(b, k), 0, n, 1000, 500)
	var read int64
	for b.Loop() {
		c, w := newCache(b, k, 16, func(cfg *Config) { cfg.Bytes = n * 1000 / 4 })
		var wg sync.WaitGroup
		for i := range readers {
			r := c.Open([]Range{whole(0, int64(i*n/10/readers), n)})
			wg.Go(func() {
				if _, err := drain(context.Background(), r, nil); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		read += w.bytes.Load()
		c.Close()
	}
	b.ReportMetric(float64(read)/float64(b.N)/(n*1000), "ranges/op")
}
