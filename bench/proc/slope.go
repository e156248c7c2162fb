package proc

import "math"

// Slope fits a line through points by least squares and returns its rise for each unit of x, with the standard error of
// that: what lies within twice the error of 0 is noise. Fewer than three points, or points of one x, have a slope of 0
// with an infinite error.
func Slope(x, y []float64) (rise, deviation float64) {
	n := float64(len(x))
	if n < 3 {
		return 0, math.Inf(1)
	}
	var meanX, meanY float64
	for i := range x {
		meanX += x[i] / n
		meanY += y[i] / n
	}
	var xx, xy float64
	for i := range x {
		xx += (x[i] - meanX) * (x[i] - meanX)
		xy += (x[i] - meanX) * (y[i] - meanY)
	}
	if xx == 0 {
		return 0, math.Inf(1)
	}
	rise = xy / xx
	var rest float64
	for i := range x {
		d := y[i] - meanY - rise*(x[i]-meanX)
		rest += d * d
	}
	return rise, math.Sqrt(rest / (n - 2) / xx)
}
