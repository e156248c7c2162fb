package proc

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSlope(t *testing.T) {
	f := func(name string, x, y []float64, rise, deviation float64) {
		t.Helper()
		r, d := Slope(x, y)
		if math.Abs(r-rise) > 1e-9 || d != deviation && math.Abs(d-deviation) > 1e-9 {
			t.Errorf("%s: %v ± %v, want %v ± %v", name, r, d, rise, deviation)
		}
	}
	f("a line", []float64{0, 1, 2, 3}, []float64{5, 7, 9, 11}, 2, 0)
	f("flat", []float64{0, 10, 20}, []float64{3, 3, 3}, 0, 0)
	f("one off the line", []float64{-1, 0, 1}, []float64{0, 3, 0}, 0, math.Sqrt(3))
	f("too few", []float64{1, 2}, []float64{1, 2}, 0, math.Inf(1))
	f("one x", []float64{4, 4, 4}, []float64{1, 2, 3}, 0, math.Inf(1))
}

// TestSlopeOfNoise: the error says how far noise alone moves the slope.
func TestSlopeOfNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	outside := 0
	for range 1000 {
		var x, y []float64
		for i := range 100 {
			x, y = append(x, float64(i)), append(y, 5+rng.NormFloat64())
		}
		if rise, deviation := Slope(x, y); math.Abs(rise) > 2*deviation {
			outside++
		}
	}
	if outside < 20 || outside > 90 { // 5 % are expected
		t.Errorf("%d of 1000 slopes of noise are beyond twice their error, want about 50", outside)
	}
}
