package sim

import (
	"fmt"
	"sync"

	"github.com/ringcast/ringcast/bench/ledger"
)

// fate is what has happened to the logs: it tells which gaps there may be.
type fate struct {
	mu        sync.Mutex
	expired   map[ledger.TopicPartition]int64 // highest log start ever, over all lives of the topic
	recreated map[string]int                  // how often
}

func newFate() *fate {
	return &fate{expired: map[ledger.TopicPartition]int64{}, recreated: map[string]int{}}
}

func (f *fate) expire(tp ledger.TopicPartition, start int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expired[tp] = max(f.expired[tp], start)
}

func (f *fate) recreate(topic string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recreated[topic]++
}

// excuses returns "" where a gap has a cause, else what is wrong with it.
func (f *fate) excuses(g ledger.GapNotice) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := f.expired[ledger.TopicPartition{Topic: g.Topic, Partition: g.Partition}]
	switch g.Reason {
	case "expired":
		if g.Given > start {
			return fmt.Sprintf("the log starts at %d", start)
		}
	case "recreated", "partition_gone", "truncated": // while it was away, and before its new id was seen
		if f.recreated[g.Topic] == 0 {
			return "the topic was never created again"
		}
	default:
		return "nothing causes such"
	}
	return ""
}
