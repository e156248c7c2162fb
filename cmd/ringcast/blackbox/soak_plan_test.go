//go:build kafka && faults

package blackbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// part is what a deed needs whole, or breaks until it is mended.
type part int

const (
	nodes     part = 1 << iota // of Kafka
	instances                  // all but the elder, which lives the whole time
)

// deed is one thing that may happen in a soak.
type deed struct {
	name   string
	weight int
	needs  part // must be whole when it begins
	breaks part // until mend
	least  time.Duration
	most   time.Duration // between do and mend
	do     func(*soak, step)
	mended string
	mend   func(*soak, step)
}

var soakDeeds = []deed{
	{name: "node is killed", weight: 8, needs: nodes, breaks: nodes, most: 12 * time.Second, do: (*soak).killNode, mended: "node is restarted", mend: (*soak).restartNode},
	{name: "node is stopped", weight: 5, needs: nodes, breaks: nodes, most: 8 * time.Second, do: (*soak).stopNode, mended: "node is restarted", mend: (*soak).restartNode},
	{name: "node is frozen", weight: 5, needs: nodes, breaks: nodes, least: time.Second, most: 30 * time.Second, do: (*soak).freezeNode, mended: "node goes on", mend: (*soak).thawNode},
	{name: "two nodes are killed", weight: 1, needs: nodes, breaks: nodes, most: 8 * time.Second, do: (*soak).killTwo, mended: "nodes are restarted", mend: (*soak).restartTwo},
	{name: "all nodes are killed", weight: 1, needs: nodes, breaks: nodes, most: 5 * time.Second, do: (*soak).killAll, mended: "nodes are restarted", mend: (*soak).restartAll},
	{name: "preferred leaders are elected", weight: 4, needs: nodes, do: (*soak).elect},
	{name: "records are deleted", weight: 4, needs: nodes, do: (*soak).deleteRecords},
	{name: "partition is added", weight: 2, needs: nodes, do: (*soak).addPartition},
	{name: "topic is created again", weight: 2, needs: nodes | instances, do: (*soak).recreate},
	{name: "transactions", weight: 6, needs: nodes, do: (*soak).transactions},
	{name: "instance is killed", weight: 6, needs: instances, breaks: instances, most: 10 * time.Second, do: (*soak).killInstance, mended: "instance is started", mend: (*soak).startInstance},
	{name: "instance drains", weight: 4, needs: instances, breaks: instances, least: 3 * time.Second, most: 10 * time.Second, do: (*soak).drainInstance, mended: "instance is started", mend: (*soak).startInstance},
	{name: "instance is frozen", weight: 4, needs: instances, breaks: instances, most: 5 * time.Second, do: (*soak).freezeInstance, mended: "instance goes on", mend: (*soak).thawInstance},
	{name: "instances are replaced in turn", weight: 1, needs: nodes | instances, do: (*soak).roll},
	{name: "configuration is reloaded", weight: 6, needs: instances, do: (*soak).reload},
	{name: "clients are reset", weight: 6, do: (*soak).resetClients},
	{name: "clients come and vanish", weight: 4, do: (*soak).storm},
	{name: "records come in a burst", weight: 8, do: (*soak).burst},
}

// step is a deed, or its mending, at its time after the beginning.
type step struct {
	at     time.Duration
	name   string
	which  int    // node or instance, counted from 0
	number uint64 // what else is drawn
	breaks part   // until it is mended
	mends  bool
	do     func(*soak, step)
}

func (st step) String() string {
	return fmt.Sprintf("%s (%d, %d)", st.name, st.which+1, st.number%1000)
}

// soakPause is the most between two steps that are not mendings.
const soakPause = 4 * time.Second

// drawSteps draws what happens in so long a time. Of each kind of part one is
// broken at a time, and all is mended in the end.
func drawSteps(seed uint64, long time.Duration) (steps []step) {
	rng := rand.New(rand.NewPCG(seed, 0))
	free := map[part]time.Duration{} // when it is whole again
	for at := drawTime(rng, 0, soakPause); at < long; at += drawTime(rng, 200*time.Millisecond, soakPause) {
		var may []deed
		for _, d := range soakDeeds {
			if (d.needs&nodes == 0 || free[nodes] <= at) && (d.needs&instances == 0 || free[instances] <= at) {
				may = append(may, slices.Repeat([]deed{d}, d.weight)...)
			}
		}
		d := may[rng.IntN(len(may))]
		st := step{at: at, name: d.name, which: rng.IntN(hosts), number: rng.Uint64(), breaks: d.breaks, do: d.do}
		if d.needs&instances != 0 {
			st.which = (elder(seed) + 1 + rng.IntN(hosts-1)) % hosts
		}
		steps = append(steps, st)
		if d.mend == nil {
			continue
		}
		st.at, st.name, st.mends, st.do = at+drawTime(rng, d.least, d.most), d.mended, true, d.mend
		steps = append(steps, st)
		free[d.breaks] = st.at + time.Millisecond
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	return steps
}

// elder is the instance that lives the whole time.
func elder(seed uint64) int { return int(seed % hosts) }

func drawTime(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1))
}
