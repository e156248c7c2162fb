//go:build kafka

package blackbox

import (
	"sync"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// pauses measures the longest time without a record of a partition, by watcher:
// what stands still is seen also while everything beside it flows. A partition
// that nothing comes from any more has no pause, so ask when all of them flow.
type pauses struct {
	mu       sync.Mutex
	watchers int
	last     map[flow]time.Time
	most     time.Duration
	since    time.Time // of the measurement; zero: it never began
	first    time.Time // what came first since then; zero: nothing
	ignored  map[ledger.TopicPartition]bool
}

// flow is one partition as one watcher sees it.
type flow struct {
	watcher int
	tp      ledger.TopicPartition
}

func (p *pauses) note(f flow, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ignored[f.tp] {
		return
	}
	if p.last == nil {
		p.last = map[flow]time.Time{}
	}
	if p.first.IsZero() {
		p.first = at
	}
	last, ok := p.last[f]
	if !ok {
		last = p.since
	}
	if !last.IsZero() {
		p.most = max(p.most, at.Sub(last))
	}
	p.last[f] = at
}

// watch makes a client's configuration report to p.
func (p *pauses) watch(config ledger.Config) ledger.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watchers++
	watcher := p.watchers
	config.OnEvent = func(e ledger.Event) {
		if topic, partition, _, ok := ledger.IdentifyValue(e.Data); ok {
			p.note(flow{watcher, ledger.TopicPartition{Topic: topic, Partition: partition}}, e.Received)
		}
	}
	return config
}

// reset begins a new measurement. A pause that has begun before counts from its
// beginning, and a partition that was never seen from now on.
func (p *pauses) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most, p.since, p.first = 0, time.Now(), time.Time{}
}

func (p *pauses) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most.Round(time.Millisecond)
}

// begun is when the first record came since reset, zero while none has.
func (p *pauses) begun() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}

// ignore leaves partitions out that are quiet by themselves.
func (p *pauses) ignore(all ...ledger.TopicPartition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ignored = map[ledger.TopicPartition]bool{}
	for _, tp := range all {
		p.ignored[tp] = true
	}
}
