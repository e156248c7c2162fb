package replay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringcast/ringcast/broker/raw"
)

// turnstile counts the reads that are under way in all its clients, and lets them wait.
type turnstile struct {
	now, top atomic.Int64
	ended    atomic.Int64                  // reads whose context had ended
	closed   atomic.Pointer[chan struct{}] // reads wait for it, nil: they do not
}

type client struct {
	Kafka
	t *turnstile
}

func (c client) Fetch(ctx context.Context, tp raw.TP, offset int64, opt raw.FetchOptions) (raw.Fetched, error) {
	n := c.t.now.Add(1)
	defer c.t.now.Add(-1)
	for top := c.t.top.Load(); n > top && !c.t.top.CompareAndSwap(top, n); top = c.t.top.Load() {
	}
	if ch := c.t.closed.Load(); ch != nil {
		select {
		case <-*ch:
		case <-ctx.Done():
			c.t.ended.Add(1)
			return raw.Fetched{}, ctx.Err()
		}
	}
	return c.Kafka.Fetch(ctx, tp, offset, opt)
}

func (t *turnstile) shut() (open func()) {
	ch := make(chan struct{})
	t.closed.Store(&ch)
	return sync.OnceFunc(func() { t.closed.Store(nil); close(ch) })
}

func through(t *turnstile) func(*Config) {
	return func(cfg *Config) {
		for i, k := range cfg.Clients {
			cfg.Clients[i] = client{k, t}
		}
	}
}

func TestPermits(t *testing.T) {
	const permits, n = 3, 20 * grid
	k := startKafka(t, 1)
	fill(t, newProducer(t, k), 0, n, 20, 1000)
	var turns turnstile
	c, _ := newCache(t, k, permits, through(&turns))
	open := turns.shut()
	defer open()
	var wg sync.WaitGroup
	for i := range 20 {
		from := int64(i) * grid
		r := c.Open([]Range{whole(0, from, from+grid)})
		wg.Go(func() {
			if got, err := drain(t.Context(), r, nil); err != nil || got != grid {
				t.Errorf("%d events, %v", got, err)
			}
		})
	}
	eventually(t, "all permits are used", func() bool { return turns.now.Load() == permits })
	eventually(t, "the others wait", func() bool { return c.stats.Queued.Load() >= 20-2*permits })
	open()
	wg.Wait()
	if top := turns.top.Load(); top != permits {
		t.Fatalf("%d reads at a time, want %d", top, permits)
	}
}

// TestSlowReaderHoldsNothing: between two calls of Next a reader has no permit, and others go on.
func TestSlowReaderHoldsNothing(t *testing.T) {
	const n = 6 * grid
	k := startKafka(t, 1)
	fill(t, newProducer(t, k), 0, n, 200, 500)
	c, _ := newCache(t, k, 1, func(cfg *Config) { cfg.Bytes = 1 << 20 })
	var slow []*Reader
	for i := range 64 {
		r := c.Open([]Range{whole(0, int64(i)*n/64, n)})
		defer r.Close()
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Release()
		slow = append(slow, r)
	}
	eventually(t, "all reads have ended", func() bool { return c.stats.Active.Load() == 0 })
	if got := events(readAll(t, c.Open([]Range{whole(0, 0, n)})), 0); len(got) != n {
		t.Fatalf("%d events, want %d", len(got), n)
	}
	for i := 0; i < len(slow); i += 20 {
		r := slow[i]
		pos := r.Position(0)
		if items, err := r.Next(t.Context()); err != nil || items[0].Offset != pos {
			t.Fatalf("slow reader %d at %d: %v %v", i, pos, items, err)
		}
	}
	if used := c.stats.CacheBytes.Load(); used > c.bytes {
		t.Fatalf("%d bytes in a cache of %d", used, c.bytes)
	}
}

func TestCancellation(t *testing.T) {
	k := startKafka(t, 1)
	fill(t, newProducer(t, k), 0, 100, 20, 100)
	var turns turnstile
	c, _ := newCache(t, k, 1, through(&turns))
	open := turns.shut()
	defer open()

	first, second := c.Open([]Range{whole(0, 0, 100)}), c.Open([]Range{whole(0, 50, 100)})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := first.Next(ctx); gone <- err }()
	done := make(chan []string)
	go func() { done <- events(readAll(t, second), 0) }()
	eventually(t, "both wait for one read", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.active) == 1 && len(c.active[0].waiting) == 2
	})
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	first.Close()
	if turns.ended.Load() != 0 {
		t.Fatal("the read ended although somebody waits for it")
	}
	open()
	if got := <-done; !slices.Equal(got, numbers(0, 50, 100)) {
		t.Fatalf("got %q", got)
	}
	second.Close()

	open = turns.shut()
	defer open()
	third := c.Open([]Range{{Rules: anything, Topic: topic, TopicID: [16]byte{1}, To: 100}})
	go func() { _, err := third.Next(t.Context()); gone <- err }()
	eventually(t, "it is being read", func() bool { return turns.now.Load() == 1 })
	third.Close()
	if err := <-gone; !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
	eventually(t, "the read ends when nobody waits", func() bool { return turns.ended.Load() == 1 && c.stats.Active.Load() == 0 })
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) != 0 || len(c.free) != 1 || c.stats.Readers.Load() != 0 {
		t.Fatalf("left over: %d in the queue, %d permits free", len(c.queue), len(c.free))
	}
}

func TestCloseOfTheCache(t *testing.T) {
	k := startKafka(t, 1)
	var turns turnstile
	c, _ := newCache(t, k, 1, through(&turns))
	defer turns.shut()()
	r := c.Open([]Range{whole(0, 0, 10)})
	defer r.Close()
	gone := make(chan error)
	go func() { _, err := r.Next(t.Context()); gone <- err }()
	eventually(t, "it is being read", func() bool { return turns.now.Load() == 1 })
	c.Close()
	if err := <-gone; !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.End(t.Context(), raw.TP{Topic: topic}); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestMergedByTime(t *testing.T) {
	k := startKafka(t, 3)
	p := newProducer(t, k)
	for part := range int32(3) {
		fill(t, p, part, 3000, 30, 500)
	}
	c, _ := newCache(t, k, 2, nil)
	r := c.Open([]Range{whole(0, 0, 3000), whole(1, 100, 2900), whole(2, 5, 5)})
	defer r.Close()
	last := int64(0)
	for _, it := range readAll(t, r) {
		if it.Time < last {
			t.Fatalf("%d after %d", it.Time, last)
		}
		last = it.Time
	}
}

func TestAsks(t *testing.T) {
	k := startKafka(t, 1)
	p := newProducer(t, k)
	fill(t, p, 0, 100, 30, 10)
	deleteRecords(t, p, 0, 20)
	c, _ := newCache(t, k, 1, nil)
	tp := raw.TP{Topic: topic}
	f := func(name string, want int64, ask func() (int64, error)) {
		t.Helper()
		if got, err := ask(); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", name, got, err, want)
		}
	}
	at := func(ms int64) func() (int64, error) {
		return func() (int64, error) {
			o, found, err := c.At(t.Context(), tp, ms)
			if found != (o >= 0) {
				t.Errorf("found %v, offset %d", found, o)
			}
			return o, err
		}
	}
	f("earliest", 20, func() (int64, error) { return c.Earliest(t.Context(), tp) })
	f("end", 100, func() (int64, error) { return c.End(t.Context(), tp) })
	f("at", 50, at(1_700_000_000_050))
	f("at, before all", 20, at(5))
	f("at, negative", 20, at(-1))
	f("at, after all", -1, at(time.Now().Add(time.Hour).UnixMilli()))
}

// asked counts the questions.
type asked struct {
	kafka Offsets
	n     atomic.Int64
}

func (a *asked) Offsets(ctx context.Context, parts []raw.TP, at int64, readCommitted bool) (map[raw.TP]raw.Offset, error) {
	a.n.Add(1)
	return a.kafka.Offsets(ctx, parts, at, readCommitted)
}

func TestHerdAsksOnce(t *testing.T) {
	k := startKafka(t, 1)
	fill(t, newProducer(t, k), 0, 100, 30, 10)
	var a asked
	c, _ := newCache(t, k, 1, func(cfg *Config) { a.kafka, cfg.Asks = cfg.Asks, &a })
	begin := time.Now()
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if o, found, err := c.At(t.Context(), raw.TP{Topic: topic}, 1_700_000_000_050); o != 50 || !found || err != nil {
				t.Errorf("got %d, %v, %v", o, found, err)
			}
		})
	}
	wg.Wait()
	if n, most := a.n.Load(), 1+int64(time.Since(begin)/remember); n > most {
		t.Errorf("%d questions in %v", n, time.Since(begin))
	}
}
