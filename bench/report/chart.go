package report

// Chart is one panel of a scenario's picture. Series have a value for each label, or for each place on the x axis.
type Chart struct {
	Title string
	// X and Y say what the axes show, with the unit: "latency, ms".
	X, Y string
	// Labels are categories, at equal distances.
	Labels []string
	// At are numbers on the x axis, rising, instead of Labels; points are joined by lines.
	At     []float64
	Series []Series
	// Lines joins points instead of drawing bars.
	Lines bool
	// Log makes the y axis logarithmic; values that are not above 0 are left out.
	Log bool
}

// Series is what one server showed. A value whose Min and Max differ is drawn with a whisker.
type Series struct {
	Name   string
	Values []Spread
}

// Exactly is a series of values that have no spread.
func Exactly(name string, values ...float64) Series {
	s := Series{Name: name}
	for _, v := range values {
		s.Values = append(s.Values, Spread{v, v, v})
	}
	return s
}

// bounds are the least and the largest value that is drawn; ok is false when there is none.
func (c *Chart) bounds() (low, high float64, ok bool) {
	for _, s := range c.Series {
		for _, v := range s.Values {
			if c.Log && v.Min <= 0 {
				continue
			}
			if !ok {
				low, high, ok = v.Min, v.Max, true
			}
			low, high = min(low, v.Min), max(high, v.Max)
		}
	}
	return low, high, ok
}

// lines says whether the points are joined.
func (c *Chart) lines() bool { return c.Lines || c.At != nil }
