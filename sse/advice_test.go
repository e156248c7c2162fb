package sse

import (
	"testing"
	"time"
)

// TestAdvice: the advice covers 99 % of the resumes of the last hour, and not
// much more.
func TestAdvice(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := func(name string, fill func(*depths), resumes int, share, least, most float64) {
		t.Helper()
		var d depths
		fill(&d)
		a := d.advice(now)
		if a.Resumes != resumes || a.FromRing != share || a.Seconds < least || a.Seconds > most {
			t.Errorf("%s: %+v, want %d resumes, %v from the ring and %v to %v seconds", name, a, resumes, share, least, most)
		}
	}
	many := func(d *depths, at time.Time, n int, seconds float64, ring bool) {
		for range n {
			d.observe(at, seconds, ring)
		}
	}
	f("none", func(*depths) {}, 0, 1, 0, 0)
	f("nothing lacking", func(d *depths) { many(d, now, 10, 0, true) }, 10, 1, 0, 0)
	f("one of a hundred is deep", func(d *depths) {
		many(d, now, 99, 60, true)
		many(d, now, 1, 86400, false)
	}, 100, 0.99, 60, 75)
	f("two of a hundred are deep", func(d *depths) {
		many(d, now, 98, 60, true)
		many(d, now, 2, 86400, false)
	}, 100, 0.98, 86400, 86400*1.2)
	f("what is older than an hour counts no more", func(d *depths) {
		many(d, now.Add(-61*time.Minute), 50, 86400, false)
		many(d, now.Add(-20*time.Minute), 10, 5, true)
	}, 10, 1, 5, 6.2)
	f("deeper than there are buckets", func(d *depths) { many(d, now, 1, 1e12, false) }, 1, 0, 1e7, 2e7)
}
