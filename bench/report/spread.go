package report

import (
	"fmt"
	"slices"
)

// Spread is a figure of several rounds.
type Spread struct{ Median, Min, Max float64 }

// Over returns the spread of values; without values it is zero. The median of an even number is the mean
// of the middle two.
func Over(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// Ratios divides a by b, round by round. Rounds without a value of b are left out.
func Ratios(a, b []float64) (r []float64) {
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			r = append(r, a[i]/b[i])
		}
	}
	return r
}

// Ratio writes the spread as a ratio: "0.82 (0.79–0.90)".
func (s Spread) Ratio() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max) }

// Count writes a large number with its unit: "1.24 M".
func Count(v float64) string {
	switch {
	case v >= 1e9:
		return fmt.Sprintf("%.2f G", v/1e9)
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1f k", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

// Micros writes a time given in microseconds: "1.25 ms".
func Micros(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f s", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.2f ms", v/1e3)
	}
	return fmt.Sprintf("%.0f µs", v)
}

// Share writes a part of one processor core: "37 %".
func Share(v float64) string { return fmt.Sprintf("%.0f %%", v*100) }
