package sse

import "time"

// drainStep is how often the drain sends the next clients away.
const drainStep = 20 * time.Millisecond

// drainer ends a shard's clients one after the other, spread over the drain time.
type drainer struct {
	sh    *shard
	begun time.Time
	over  time.Duration
	total int // clients when the drain began
	next  int // the first that has not been sent away
}

func newDrainer(sh *shard) *drainer {
	sh.takeInbox()
	return &drainer{sh: sh, begun: time.Now(), over: time.Duration(drainShare * float64(sh.srv.drainTime)), total: len(sh.clients)}
}

// tick sends away those whose time has come, and returns when to come again;
// nil when none is left.
func (d *drainer) tick() <-chan time.Time {
	upTo := d.total
	if passed := time.Since(d.begun); passed < d.over {
		upTo = int(float64(d.total) * float64(passed) / float64(d.over))
	}
	for ; d.next < upTo; d.next++ {
		if d.sh.clients[d.next].state != stateFree {
			d.sh.end(uint32(d.next), closedDrain)
		}
	}
	if d.next == d.total {
		return nil
	}
	return time.After(drainStep)
}
