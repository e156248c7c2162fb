package sim

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// deed is one thing that may happen, with its weight among the others.
type deed struct {
	name   string
	weight int
	do     func(w *world, rng *rand.Rand) error
}

var deeds = []deed{
	{"produce", 40, (*world).produce},
}

// schedule draws what happens and does it.
func (w *world) schedule(ctx context.Context) error {
	total := 0
	for _, d := range deeds {
		total += d.weight
	}
	for range w.plan.steps {
		n := w.rng.IntN(total)
		i := 0
		for ; n >= deeds[i].weight; i++ {
			n -= deeds[i].weight
		}
		w.trace.add("%s", deeds[i].name)
		if err := deeds[i].do(w, w.rng); err != nil {
			return err
		}
		switch n := w.rng.IntN(20); {
		case n < 8: // at once
		case n < 19:
			time.Sleep(between(w.rng, time.Millisecond, 10*time.Second))
		default:
			time.Sleep(between(w.rng, time.Minute, time.Hour))
		}
	}
	return nil
}

// produce writes a burst to partitions at random.
func (w *world) produce(rng *rand.Rand) error {
	var records []*kgo.Record
	for range 1 << rng.IntN(8) {
		records = append(records, w.producer.draw(rng))
	}
	return w.producer.write(records...)
}
