package sim

import (
	"fmt"
	"time"
)

// schedule draws what happens and does it.
func (w *world) schedule() error {
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
			return fmt.Errorf("%s: %w", deeds[i].name, err)
		}
		switch n := w.rng.IntN(40); {
		case n < 16: // at once
		case n < 39:
			time.Sleep(between(w.rng, time.Millisecond, 10*time.Second))
		default:
			time.Sleep(between(w.rng, 10*time.Second, w.plan.quiet))
		}
	}
	return nil
}
