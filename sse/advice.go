package sse

import (
	"math"
	"sync"
	"time"
)

// Advice says how large a stream's ring should be, by the resumes of the last
// hour: connections with a position, and clients that fell out of the ring.
type Advice struct {
	Resumes  int     // of the last hour
	FromRing float64 // share of them that the ring served, 0 to 1; 1 when there were none
	// Seconds is how far back the ring would have to go to serve 99 % of them,
	// up to 20 % too much; 0 when there were none.
	Seconds float64
}

const (
	depthSlots   = 6
	depthTime    = 10 * time.Minute // of a slot
	depthBuckets = 96               // up to 2^24 s, more than six months
)

// depthSlot is what was seen in ten minutes.
type depthSlot struct {
	number  int64 // of these ten minutes, since 1970
	ring    int   // served by the ring
	buckets [depthBuckets]int
}

// depths counts resumes by how far back they went, over the last hour.
type depths struct {
	mu    sync.Mutex
	slots [depthSlots]depthSlot // guarded by mu
}

// depthBucket counts depths of up to 2^(i/4) - 1 seconds in bucket i.
func depthBucket(seconds float64) int {
	return min(int(math.Ceil(4*math.Log2(1+max(0, seconds)))), depthBuckets-1)
}

func (d *depths) observe(now time.Time, seconds float64, fromRing bool) {
	number := now.UnixNano() / int64(depthTime)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.slots[number%depthSlots]
	if s.number != number {
		*s = depthSlot{number: number}
	}
	if fromRing {
		s.ring++
	}
	s.buckets[depthBucket(seconds)]++
}

func (d *depths) advice(now time.Time) (a Advice) {
	a.FromRing = 1
	number := now.UnixNano() / int64(depthTime)
	var sum [depthBuckets]int
	ring := 0
	d.mu.Lock()
	for i := range d.slots {
		s := &d.slots[i]
		if s.number <= number-depthSlots {
			continue
		}
		ring += s.ring
		for b, n := range s.buckets {
			sum[b] += n
			a.Resumes += n
		}
	}
	d.mu.Unlock()
	if a.Resumes == 0 {
		return a
	}
	a.FromRing = float64(ring) / float64(a.Resumes)
	for b, seen := 0, 0; b < depthBuckets; b++ {
		if seen += sum[b]; float64(seen) >= 0.99*float64(a.Resumes) {
			a.Seconds = math.Exp2(float64(b)/4) - 1
			break
		}
	}
	return a
}

// Advice tells how large the ring of a stream should be.
func (s *Server) Advice(stream string) Advice {
	if v := s.catalog.Load().byName[stream]; v != nil {
		return v.depths.advice(time.Now())
	}
	return Advice{FromRing: 1}
}
