package sse

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"
	"net"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// alphabet is n streams "a", "b", … with a topic of their own each.
func alphabet(n, events int) (list []Stream, of []*publisher) {
	for i := range n {
		name := string(rune('a' + i))
		p := newTopic("t"+name, events, 1, position.Both)
		list, of = append(list, p.ofTopics(name, "t"+name)), append(of, p)
	}
	return list, of
}

// names is the set of streams whose bits are set.
func names(set int) string {
	var list []string
	for ; set > 0; set &= set - 1 {
		list = append(list, string(rune('a'+bits.TrailingZeros(uint(set)))))
	}
	return strings.Join(list, ",")
}

// A view goes with its last client: goroutines, groups of shards, places among
// the full-size ones, and what wakes it.
func TestViewsAreDropped(t *testing.T) {
	const streams, sets = 12, 1 << 12
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		list, of := alphabet(streams, 64)
		s, addr := serveStreams(t, change, list...)
		before := runtime.NumGoroutine()
		open := make(chan net.Conn, 40)
		var views []weak.Pointer[view]
		var wakers []weak.Pointer[ringbuf.Waker]
		for set := range sets {
			c := dial(t, addr, "GET /v2/stream/"+names(set+1)+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if set+1 == sets {
				break // names no stream
			}
			if set%7 != 0 { // some are gone before they are answered
				if _, err := bufio.NewReader(c).ReadString(':'); err != nil {
					t.Fatal(err)
				}
				s.composites.mu.Lock()
				if v := s.composites.list[names(set+1)]; v != nil {
					views = append(views, weak.Make(v))
					wakers = append(wakers, weak.Make(v.shared.pump.feeds[0].waker))
				}
				s.composites.mu.Unlock()
			}
			if len(open) == cap(open) {
				gone := <-open
				_ = gone.(*net.TCPConn).SetLinger(0)
				gone.Close()
			}
			open <- c
			if set%64 == 0 {
				of[set%streams].publish(0, of[set%streams].ring.Newest().At(0).Next, `{"n":1}`)
			}
		}
		if n := metric(t, s, "ringcast_view_bytes"); n <= 0 {
			t.Errorf("%v bytes", n)
		}
		for len(open) > 0 {
			(<-open).Close()
		}
		until(t, "all are gone", func() bool { return s.Connections() == 0 })
		s.composites.mu.Lock()
		left, full := len(s.composites.list), s.composites.full
		s.composites.mu.Unlock()
		if left != 0 || full != 0 {
			t.Errorf("%d views are left, %d of them full-size", left, full)
		}
		if n := metric(t, s, "ringcast_view_bytes"); n != 0 {
			t.Errorf("%v bytes are left", n)
		}
		until(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() < before+20 })
		if len(views) < sets/2 {
			t.Fatalf("%d views", len(views))
		}
		until(t, "neither a shard nor a stream holds one", func() bool {
			runtime.GC()
			for i := range views {
				if views[i].Value() != nil || wakers[i].Value() != nil {
					return false
				}
			}
			return true
		})
		for i := range of {
			if n := s.catalog.Load().views[i].connections.Load(); n != 0 {
				t.Errorf("%s counts %d", s.catalog.Load().views[i].Name, n)
			}
		}
	})
}

// Beyond [views] max the ring is small, and nothing else is different: a burst
// of far more than it holds reaches everyone, in all lanes, exactly once.
func TestBurstsInSmallViews(t *testing.T) {
	const events = 1200 // which a socket takes whether its client reads or not
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		list, of := alphabet(3, events)
		s, addr := serveStreams(t, func(c *Config) {
			change(c)
			c.ViewsMax, c.ViewBytes, c.SendBuffer, c.writePatience = 1, 100<<10, 1<<20, patience
		}, list...)
		var readers []*bufio.Reader
		for _, set := range []string{"a,b", "a,b", "a,c", "b,c,a"} {
			_, r := get(t, addr, "/v2/stream/"+set, "")
			block(t, r)
			readers = append(readers, r)
		}
		if n := metric(t, s, "ringcast_views"); n != 1 {
			t.Errorf("%v views", n)
		}
		for set, want := range map[string]int{"a,b": 100 << 10 / leastPerEvent, "a,c": smallEvents, "a,b,c": smallEvents} {
			s.composites.mu.Lock()
			got, _ := s.composites.list[set].Ring.Bounds()
			s.composites.mu.Unlock()
			if got != want {
				t.Errorf("%s has %d events, want %d", set, got, want)
			}
		}
		of[0].mu.Lock()
		for i := range int64(events) {
			p := of[0]
			w := p.enc.Event(p.ring.Position(), 0, ringbuf.Pos{Next: i + 1, Time: 1}, fmt.Appendf(nil, `{"n":%d}`, i))
			if err := p.ring.Publish(0, i, 1, w); err != nil {
				t.Error(err)
			}
		}
		of[0].mu.Unlock()
		of[0].ring.Wake()
		done := make(chan error, len(readers))
		for _, r := range readers {
			go func() { done <- numbered(r, events) }()
		}
		for range readers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		until(t, "deliveries are counted for their stream", func() bool {
			return metric(t, s, `ringcast_deliveries_total{stream="a"}`) == float64(events*len(readers))
		})
		if n := metric(t, s, `ringcast_deliveries_total{stream="b"}`); n != 0 {
			t.Errorf("b counts %v", n)
		}
		for stream, want := range map[string]float64{"a": 4, "b": 3, "c": 2} {
			if n := metric(t, s, fmt.Sprintf("ringcast_connections_total{stream=%q}", stream)); n != want {
				t.Errorf("%s counts %v connections, want %v", stream, n, want)
			}
		}
	})
}

// numbered reads events whose data are {"n":0}, {"n":1}, … and nothing else.
func numbered(r *bufio.Reader, n int) error {
	for i := 0; i < n; {
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("after %d events: %w", i, err)
		}
		data, ok := strings.CutPrefix(line, "data: ")
		switch {
		case ok && data != fmt.Sprintf("{\"n\":%d}\n", i):
			return fmt.Errorf("event %d is %q", i, data)
		case ok:
			i++
		case strings.HasPrefix(line, ": "):
			return fmt.Errorf("after %d events: %q", i, line)
		}
	}
	return nil
}

// An event that is larger than the view's ring passes all the same.
func TestLargeEventsInSmallViews(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		list, of := alphabet(2, 1000)
		_, addr := serveStreams(t, func(c *Config) {
			change(c)
			c.ViewsMax, c.ViewBytes, c.SendBuffer, c.writePatience = 1, 10<<10, 1<<20, patience
		}, list...)
		_, r := get(t, addr, "/v2/stream/a,b", "")
		block(t, r)
		const n = 12 // which a socket takes, too
		for i := range int64(n) {
			of[i%2].publish(0, i/2, fmt.Sprintf(`{"n":%d,"fill":%q}`, i, strings.Repeat("x", 15<<10)))
			of[i%2].change(func(*ringbuf.Ring) {})
		}
		var got [2]int
		for range n {
			e := block(t, r)
			var i int
			if _, err := fmt.Sscanf(e[strings.Index(e, "data: "):], `data: {"n":%d,`, &i); err != nil {
				t.Fatal(err)
			}
			if i != 2*got[i%2]+i%2 {
				t.Errorf("event %d", i)
			}
			got[i%2]++
		}
	})
}

// A view that has missed entries sends everybody away by the position of each,
// and passes nothing over.
func TestPumpFallsOut(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		list, of := alphabet(2, 8)
		s, addr := serveStreams(t, func(c *Config) { change(c) }, list...)
		v := s.composites.use(s, s.catalog.Load().views)
		v.shared.made.Do(func() { // without the pump's goroutine
			v.waker.start(s, v)
			v.shared.pump.start()
		})
		defer v.shared.pump.stop()
		defer s.release(v)
		_, live := get(t, addr, "/v2/stream/a,b", "")
		block(t, live)
		of[0].publish(0, 0, `{"n":0}`)
		v.shared.pump.round()
		last := block(t, live)
		for i := range int64(20) {
			of[1].publish(0, i, fmt.Sprintf(`{"n":%d}`, i))
		}
		v.shared.pump.round()
		if b, _ := io.ReadAll(live); !strings.HasSuffix(string(b), ": slow\n") || strings.Contains(string(b), "data:") {
			t.Errorf("%q", b)
		}
		if res, _ := get(t, addr, "/v2/stream/a,b", idIn(t, last)); res.StatusCode != 503 {
			t.Errorf("%d for a position that is gone", res.StatusCode)
		}
		// What is still in the streams' rings is in the view's too.
		_, r := get(t, addr, "/v2/stream/a,b", compositeIDOf("ta", 1, "tb", 12))
		block(t, r)
		for i := 12; i < 20; i++ {
			if e := block(t, r); !strings.Contains(e, fmt.Sprintf("data: {\"n\":%d}\n", i)) {
				t.Errorf("event %d: %q", i, e)
			}
		}
	})
}

func compositeIDOf(a string, aNext int, b string, bNext int) string {
	return fmt.Sprintf(`[{"topic":%q,"partition":0,"offset":%d,"epoch":%q},{"topic":%q,"partition":0,"offset":%d,"epoch":%q}]`, a, aNext, epoch, b, bNext, epoch)
}

// While a stream has no position there is none of the union; nobody is fed the
// warm-up.
func TestCompositeStartsCold(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		a, b := newTopic("ta", 1000, 1, position.Both), newEmptyPublisher(1000, position.Both)
		b.cold.Store(true)
		a.publish(0, 0, `{"old":1}`)
		s, addr := serveStreams(t, change, a.ofTopics("a", "ta"), b.ofTopics("b", "tb"))
		_, r := get(t, addr, "/v2/stream/a,b", "")
		if g := block(t, r); g != ":ok\n\n" {
			t.Errorf("%q", g)
		}
		if res, _ := get(t, addr, "/v2/stream/a,b", compositeIDOf("ta", 1, "tb", 0)); res.StatusCode != 503 {
			t.Errorf("%d", res.StatusCode)
		}
		until(t, "it waits", func() bool {
			return metric(t, s, `ringcast_clients{state="waiting"}`)+metric(t, s, `ringcast_clients{state="private"}`) == 1
		})
		b.set(func(*publisher) {
			b.add("tb", 0, 0)
			b.ring.Flush()
			live := b.ring.Newest().Vector()
			live.Pos = []ringbuf.Pos{{Next: 5, Time: ringbuf.NoTime}}
			b.live = &live
		})
		b.ring.Wake()
		for i := range int64(5) {
			b.publish(0, i, `{"warm-up":1}`)
		}
		until(t, "it stands where the stream was when it started", func() bool {
			return metric(t, s, `ringcast_clients{state="waiting"}`)+metric(t, s, `ringcast_clients{state="private"}`) == 0
		})
		b.cold.Store(false)
		b.publish(0, 5, `{"n":1}`)
		if e := block(t, r); !strings.Contains(e, `{"n":1}`) {
			t.Errorf("%q", e)
		}
		a.publish(0, 1, `{"n":2}`)
		if e := block(t, r); !strings.Contains(e, `{"n":2}`) {
			t.Errorf("%q", e)
		}
	})
}

// What a stream has learned when Kafka was asked, the view knows when it was told so.
func TestCompositeLookUp(t *testing.T) {
	list, of := alphabet(2, 64)
	s, _ := serveStreams(t, nil, list...)
	v := s.viewOf(s.catalog.Load().views)
	defer s.release(v)
	for i := range 50 {
		tag := fmt.Sprintf("cccccc.%06d", i)
		of[1].set(func(p *publisher) {
			p.lookUp = func(string) (int, bool, error) {
				p.change(func(r *ringbuf.Ring) { r.PublishEpoch([]int{0}, tag, 0, ringbuf.NoTime, ringbuf.Wire{}) })
				return 1, true, nil
			}
		})
		if n, exists, err := v.Source.LookUp(t.Context(), "tb"); n != 1 || !exists || err != nil {
			t.Fatalf("%d %v %v", n, exists, err)
		}
		if k := v.Ring.Newest().Keys()[1]; k.Topic != "tb" || k.Epoch != tag {
			t.Fatalf("%v, want epoch %s", k, tag)
		}
	}
}
