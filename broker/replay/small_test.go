package replay

import (
	"slices"
	"testing"
)

// TestSmallCaches: a reader comes to its end, in few reads, also where the cache
// holds less than a chunk of each of its partitions would take.
func TestSmallCaches(t *testing.T) {
	const partitions, n = 12, 400
	k := startKafka(t, partitions)
	p := newProducer(t, k)
	var ranges []Range
	for part := range int32(partitions) {
		fill(t, p, part, n, 400, 20)
		ranges = append(ranges, whole(part, 0, n))
	}
	for _, bytes := range []int64{1, 32 << 10, 256 << 10, 1 << 20} {
		c, _ := newCache(t, k, 4, func(cfg *Config) { cfg.Bytes = bytes })
		r := c.Open(ranges)
		all := readAll(t, r)
		for i, g := range ranges {
			if got, want := events(all, i), numbers(g.Partition, 0, n); !slices.Equal(got, want) {
				t.Errorf("cache of %d: %d events of partition %d, want %d", bytes, len(got), i, len(want))
			}
		}
		r.Close()
		if reads := c.stats.Misses.Load(); reads > partitions*n/4 {
			t.Errorf("cache of %d: %d reads for %d records", bytes, reads, partitions*n)
		}
		t.Logf("cache of %d: %d reads, %d bytes", bytes, c.stats.Misses.Load(), c.stats.BytesRead.Load())
	}
}
