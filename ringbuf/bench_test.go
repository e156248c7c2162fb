package ringbuf

import (
	"runtime"
	"sync/atomic"
	"testing"
)

func BenchmarkPublish(b *testing.B) {
	r := filled(1<<14, 1<<30, 16)
	wire := Wire{Bytes: make([]byte, 1000)}
	w, _ := attached(r)
	b.ReportAllocs()
	for part := 0; b.Loop(); part = (part + 1) % 16 {
		must(r.Publish(part, r.pos[part].Next, 1, wire))
		r.Wake()
	}
	w[0].Take()
}

// BenchmarkRead is a reader that moves its own position, as fast as it can.
func BenchmarkRead(b *testing.B) {
	r := filled(1<<14, 1<<30, 16)
	for i := range 1 << 14 {
		r.next(b, i%16, 1, 0)
	}
	seq, v := r.Tail(), r.Oldest().Before()
	for b.Loop() {
		if seq > r.Head() {
			seq, v = r.Tail(), r.Oldest().Before()
		}
		v = r.At(seq).Apply(v)
		seq++
	}
}

// BenchmarkReadWhilePublishing takes entries from a publisher that does not
// wait: a reader that has fallen out goes on at the tail. It is the slower of
// the two that is measured.
func BenchmarkReadWhilePublishing(b *testing.B) {
	r := filled(1<<14, 1<<30, 16)
	r.next(b, 0, 1, 0)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for part := 0; !stop.Load(); part = (part + 1) % 16 {
			must(r.Publish(part, r.pos[part].Next, 1, Wire{}))
		}
	}()
	fell, seq := 0, uint64(1)
	for b.Loop() {
		for r.At(seq) == nil {
			if seq < r.Tail() {
				fell++
				seq = r.Tail()
			}
			runtime.Gosched()
		}
		seq++
	}
	stop.Store(true)
	<-done
	b.ReportMetric(float64(fell), "fell-out")
}

func BenchmarkLocate(b *testing.B) {
	r := filled(1<<14, 1<<30, 16)
	for i := range 1 << 14 {
		r.next(b, i%16, 1, 0)
	}
	want := make([]int64, 16)
	for i, p := range r.At(r.Head() - 1000).Before().Pos {
		want[i] = p.Next
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Locate(want); !ok {
			b.Fatal("not in the ring")
		}
	}
}

func BenchmarkVector(b *testing.B) {
	r := filled(256, 1<<30, 40)
	for i := range 256 {
		r.next(b, i%40, 1, 0)
	}
	e := r.At(r.Tail() + 200)
	b.ReportAllocs()
	for b.Loop() {
		e.Vector()
	}
}
