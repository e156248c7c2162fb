package replay

import (
	"context"
	"sync"
	"testing"

	"github.com/ringcast/ringcast/broker/raw"
)

// patientKafka answers when all that came before has been taken by the reader, which waits for more.
type patientKafka struct {
	Kafka
	t    *testing.T
	c    **Cache
	r    **Reader
	mu   *sync.Mutex
	asks *[]int32 // bytes asked for, guarded by mu
}

func (k patientKafka) Fetch(ctx context.Context, tp raw.TP, offset int64, opt raw.FetchOptions) (raw.Fetched, error) {
	k.mu.Lock()
	*k.asks = append(*k.asks, opt.MaxBytes)
	k.mu.Unlock()
	eventually(k.t, "the reader waits", func() bool {
		(*k.c).mu.Lock()
		defer (*k.c).mu.Unlock()
		return ctx.Err() != nil || (*k.r).blocked && (*k.r).cursors[0].pos >= offset
	})
	return k.Kafka.Fetch(ctx, tp, offset, opt)
}

// TestStarvedReader: a reader that is quicker than Kafka is served by one run of reads with large fetches, and no batch
// comes twice. Fetches stay small where the other permits may be needed, or the cache is small.
func TestStarvedReader(t *testing.T) {
	const n, size = 10*grid + 100, 1000
	k := startKafka(t, 1)
	fill(t, newProducer(t, k), 0, n, size, 25)
	f := func(permits int, bytes int64, wantLarge bool) {
		t.Helper()
		var c *Cache
		var r *Reader
		var mu sync.Mutex
		var asks []int32
		c, w := newCache(t, k, permits, func(cfg *Config) {
			cfg.Bytes = bytes
			for i, kafka := range cfg.Clients {
				cfg.Clients[i] = patientKafka{kafka, t, &c, &r, &mu, &asks}
			}
		})
		r = c.Open([]Range{whole(0, 0, n)})
		if got, err := drain(t.Context(), r, nil); err != nil || got != n {
			t.Fatalf("%d events, want %d, %v", got, n, err)
		}
		mu.Lock()
		defer mu.Unlock()
		large := int32(0)
		for _, ask := range asks {
			large = max(large, ask)
		}
		if large > maxStarved || large > maxFetch != wantLarge {
			t.Errorf("%d permits, %d bytes: the largest of %d fetches is of %d bytes", permits, bytes, len(asks), large)
		}
		if got := w.bytes.Load(); got > n*size*11/10 {
			t.Errorf("%d permits, %d bytes: %d bytes read of a range of %d", permits, bytes, got, n*size)
		}
		eventually(t, "all permits are free", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.free) == permits && len(c.active) == 0 && c.stats.Active.Load() == 0
		})
	}
	f(16, 128<<20, true)
	f(1, 128<<20, false)
	f(16, 16<<20, false)
}
