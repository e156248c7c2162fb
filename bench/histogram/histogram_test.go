package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPercentilesAgainstSortedValues(t *testing.T) {
	f := func(name string, draw func() int64) {
		t.Helper()
		var h, a, b Histogram
		values := make([]int64, 20_000)
		for i := range values {
			values[i] = draw()
			h.Record(values[i])
			if i%2 == 0 {
				a.Record(values[i])
			} else {
				b.Record(values[i])
			}
		}
		a.Add(&b)
		if a != h {
			t.Errorf("%s: two halves added differ from the whole", name)
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1} {
			want := values[max(int(math.Ceil(q*float64(len(values))))-1, 0)]
			got := h.Percentile(q)
			if got < want || float64(got) > float64(want)*(1+1.0/sub) {
				t.Errorf("%s: percentile %v = %d, sorted slice says %d", name, q, got, want)
			}
		}
		if h.Max() != values[len(values)-1] || h.Count() != uint64(len(values)) {
			t.Errorf("%s: max %d count %d, want %d and %d", name, h.Max(), h.Count(), values[len(values)-1], len(values))
		}
	}
	f("small", func() int64 { return rand.Int64N(130) })
	f("uniform", func() int64 { return rand.Int64N(10_000_000) })
	f("exponential", func() int64 { return int64(rand.ExpFloat64() * 900) })
	f("two humps", func() int64 { return []int64{300, 5_000_000}[rand.IntN(2)] + rand.Int64N(50) })
	f("constant", func() int64 { return 777 })
}

func TestEdges(t *testing.T) {
	var h Histogram
	if h.Percentile(0.5) != 0 || h.Max() != 0 {
		t.Error("an empty histogram has values")
	}
	h.Record(-5)
	h.Record(math.MaxInt64)
	if h.Percentile(0.5) != 0 || h.Percentile(1) != Max {
		t.Errorf("p50 %d, p100 %d, want 0 and %d", h.Percentile(0.5), h.Percentile(1), int64(Max))
	}
	h.Reset()
	if h.Count() != 0 {
		t.Error("Reset left values")
	}
	for v := uint64(0); v < 1<<20; v++ {
		if i := bucket(v); upper(i) < int64(v) || i > 0 && upper(i-1) >= int64(v) {
			t.Fatalf("value %d is in bucket %d, which ends at %d", v, i, upper(i))
		}
	}
	if bucket(Max) != len(h.counts)-1 {
		t.Errorf("bucket(Max) = %d of %d", bucket(Max), len(h.counts))
	}
}
