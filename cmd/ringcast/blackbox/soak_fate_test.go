//go:build kafka && faults

package blackbox

import (
	"sync"

	"github.com/ringcast/ringcast/bench/ledger"
)

// fate is what was done to the logs: it tells which gaps there may be.
type fate struct {
	fails func(format string, args ...any)

	mu        sync.Mutex
	starts    map[ledger.TopicPartition]int64 // of the log; guarded by mu
	highest   map[ledger.TopicPartition]int64 // the same over all lives of the topic; guarded by mu
	recreated map[string]int                  // how often; guarded by mu
}

func newFate(fails func(string, ...any)) *fate {
	return &fate{fails: fails, starts: map[ledger.TopicPartition]int64{}, highest: map[ledger.TopicPartition]int64{}, recreated: map[string]int{}}
}

func (f *fate) start(tp ledger.TopicPartition) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts[tp]
}

func (f *fate) expire(tp ledger.TopicPartition, start int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts[tp], f.highest[tp] = start, max(f.highest[tp], start)
}

func (f *fate) recreate(topic string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recreated[topic]++
	for tp := range f.starts {
		if tp.Topic == topic {
			delete(f.starts, tp)
		}
	}
}

// judge demands that a gap has a cause.
func (f *fate) judge(n ledger.Notice) {
	if n.Gap == nil {
		return
	}
	g := *n.Gap
	f.mu.Lock()
	defer f.mu.Unlock()
	start := f.highest[ledger.TopicPartition{Topic: g.Topic, Partition: g.Partition}]
	switch g.Reason {
	case "expired":
		if g.Given > start {
			f.fails("a client was told %v, and the log began at %d at most", g, start)
		}
	case "recreated", "partition_gone", "truncated": // while it was away, and before its new id was seen
		if f.recreated[g.Topic] == 0 {
			f.fails("a client was told %v, and the topic was never created again", g)
		}
	default:
		f.fails("a client was told %v, and nothing causes such", g)
	}
}
