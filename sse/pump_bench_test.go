package sse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
)

// benchView is a view of two streams of three partitions each, and a function
// that publishes n events in them.
func benchView(b *testing.B) (*Server, func(n int)) {
	x, y := newTopic("tx", 1<<14, 3, 0), newTopic("ty", 1<<14, 3, 0)
	s, _ := serveStreams(b, nil, x.ofTopics("x", "tx"), y.ofTopics("y", "ty"))
	value := []byte(fmt.Sprintf(`{"fill":%q}`, strings.Repeat("x", 1000)))
	i := int64(0)
	return s, func(n int) {
		for range n {
			p, part := []*publisher{x, y}[i%2], int(i/2%3)
			w := p.enc.Event(p.ring.Position(), part, ringbuf.Pos{Next: i/6 + 1, Time: firstTime + i}, value)
			if err := p.ring.Publish(part, i/6, firstTime+i, w); err != nil {
				b.Fatal(err)
			}
			i++
		}
	}
}

// What the pump adds to an event, beside what the streams cost.
func BenchmarkPump(b *testing.B) {
	s, publish := benchView(b)
	v := s.composites.use(s, s.catalog.Load().views)
	v.shared.pump.start()
	const events = 64
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		publish(events)
		b.StartTimer()
		v.shared.pump.round()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
	v.shared.pump.stop()
	s.release(v)
}

// What the first request for a set of streams waits for.
func BenchmarkViewBegins(b *testing.B) {
	s, publish := benchView(b)
	publish(1 << 14)
	for b.Loop() {
		v := s.composites.use(s, s.catalog.Load().views)
		v.shared.pump.start()
		v.shared.pump.stop()
		s.release(v)
	}
}
