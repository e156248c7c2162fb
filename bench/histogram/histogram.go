// Package histogram counts durations in log-linear buckets, like HdrHistogram: constant memory, and every
// percentile at most 1/64 above the true value.
package histogram

import "math/bits"

const (
	subBits = 6 // 64 buckets for each power of two
	sub     = 1 << subBits
	octaves = 34 // values up to 2^40
)

// Max is the largest value that a histogram tells apart; larger ones count as it.
const Max = 1<<(subBits+octaves) - 1

// Histogram holds the counts. Its zero value is empty and ready. It is not safe for concurrent use.
type Histogram struct {
	counts [(octaves + 1) * sub]uint64
	count  uint64
	max    int64
}

// Record counts one value. A negative value counts as 0.
func (h *Histogram) Record(v int64) {
	v = min(max(v, 0), Max)
	h.counts[bucket(uint64(v))]++
	h.count++
	h.max = max(h.max, v)
}

// Add adds the counts of o.
func (h *Histogram) Add(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.count += o.count
	h.max = max(h.max, o.max)
}

// Reset forgets everything.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count returns the number of values.
func (h *Histogram) Count() uint64 { return h.count }

// Max returns the largest value, exactly; 0 without values.
func (h *Histogram) Max() int64 { return h.max }

// Percentile returns a value that at least the share q (0 to 1) of all values does not exceed: the upper
// edge of the bucket in which the q-th value lies. Without values it is 0.
func (h *Histogram) Percentile(q float64) int64 {
	if h.count == 0 {
		return 0
	}
	rank := uint64(q * float64(h.count))
	if float64(rank) < q*float64(h.count) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen >= rank {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// bucket returns the index for v. Below 64 every value has its own; above, the 7 leading bits decide.
func bucket(v uint64) int {
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift*sub + int(v>>shift)
}

// upper returns the largest value of bucket i.
func upper(i int) int64 {
	if i < 2*sub {
		return int64(i)
	}
	shift := i/sub - 1
	return int64(i-shift*sub+1)<<shift - 1
}
