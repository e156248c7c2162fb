package replay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func numbers(part int32, from, to int64) (want []string) {
	for n := from; n < to; n++ {
		want = append(want, fmt.Sprintf("%d/%d", part, n))
	}
	return want
}

func TestRandomRanges(t *testing.T) {
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	const n = 5000
	k := startKafka(t, int32(len(codecs)))
	for part, codec := range codecs {
		p := newProducer(t, k, kgo.ProducerBatchCompression(codec))
		fill(t, p, int32(part), n, 20+part*100, 1+part*150+n/100)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for bytes, rounds := range map[int64]int{0: 30, 512 << 10: 8} { // a cache that holds all, and one that holds nothing
		c, _ := newCache(t, k, 3, func(cfg *Config) { cfg.Bytes = bytes })
		for range rounds {
			var ranges []Range
			for range 1 + rnd.IntN(4) {
				from := rnd.Int64N(n)
				ranges = append(ranges, whole(rnd.Int32N(int32(len(codecs))), from, from+rnd.Int64N(n-from)+1))
			}
			r := c.Open(ranges)
			all := readAll(t, r)
			for i, g := range ranges {
				if got, want := events(all, i), numbers(g.Partition, g.From, g.To); !slices.Equal(got, want) {
					t.Fatalf("%+v: got %d events, want %d", g, len(got), len(want))
				}
				if r.Position(i) != g.To {
					t.Fatalf("position %d, want %d", r.Position(i), g.To)
				}
			}
			r.Close()
		}
		// Beside the bound lives what is being read at this moment.
		eventually(t, fmt.Sprintf("the cache is not as small as %d bytes again", c.bytes), func() bool { return c.stats.CacheBytes.Load() <= c.bytes })
	}
}
