package sim

import (
	"math/rand/v2"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/sse/position"
)

// maxPartitions is how far topics grow.
const maxPartitions = 5

// longOnes is one in how many seeds that has silences of hours.
const longOnes = 100

// plan is what a seed draws before its world begins.
type plan struct {
	topics     []string
	partitions map[string]int32 // at the beginning
	form       position.Form
	ring       int           // events
	cache      int64         // of replays, bytes; there is room for a chunk (64 KiB) of every partition
	nodes      int           // of Kafka
	quiet      time.Duration // the longest silence, outage or absence
	splice     bool          // a topic is created again while instances are away, or do not know yet
	instances  int
	clients    int
	steps      int
}

func newPlan(rng *rand.Rand) plan {
	p := plan{
		topics: []string{"a", "b"}[:1+rng.IntN(2)], partitions: map[string]int32{},
		form: position.Both, ring: 16 << rng.IntN(3), cache: 1 << (20 + rng.IntN(4)),
		nodes: 1 + rng.IntN(3), quiet: 4 * time.Minute, splice: rng.IntN(4) == 0,
		instances: 1 + rng.IntN(3), clients: 2 + rng.IntN(5), steps: 20 + rng.IntN(40),
	}
	for _, t := range p.topics {
		p.partitions[t] = 1 + rng.Int32N(3)
	}
	if rng.IntN(longOnes) == 0 {
		p.quiet = 6 * time.Hour
	}
	switch rng.IntN(10) {
	case 0, 1:
		p.form = position.Offset
	case 2:
		p.form = position.Compact
	}
	return p
}

// allowed are the differences that are none. Records of a topic that was created
// again come under the old epoch too until an instance has noticed, within a
// second; who goes from there to an instance that has not gets both logs mixed,
// and after the notice everything of the new one. While a topic is away see
// mayBeAway.
func (p plan) allowed() []ledger.Kind {
	if p.splice {
		return []ledger.Kind{ledger.Gap, ledger.OutOfOrder, ledger.IDBehind, ledger.Double}
	}
	return []ledger.Kind{ledger.Gap}
}

// start is where clients start whose ids do not tell: they connect before the
// first record, and no partition is added.
func (p plan) start() ledger.Positions {
	if p.form != position.Compact {
		return nil
	}
	start := ledger.Positions{}
	for _, t := range p.topics {
		for i := range p.partitions[t] {
			start[ledger.TopicPartition{Topic: t, Partition: i}] = 0
		}
	}
	return start
}
