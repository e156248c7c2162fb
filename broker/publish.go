package broker

import (
	"errors"
	"math"

	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/ringbuf"
)

// errStale tells a reader that another one has taken its place.
var errStale = errors.New("another reader publishes now")

// Batch limits: whoever publishes holds the lock for no more than this.
const (
	batchRecords = 512
	batchBytes   = 1 << 20
)

// batch is what one reader has taken of one partition, checked and annotated.
type batch struct {
	checker  record.Checker
	maxEvent int64
	items    []item
	values   []byte // changed values of items, in one buffer
	bytes    int
}

// item is one record of a batch.
type item struct {
	offset, time int64
	value        []byte
	reason       record.Reason // record.OK for an event
	tooLarge     bool
}

func (s *Stream) newBatch() *batch {
	return &batch{
		checker:  record.Checker{Format: s.cfg.Format, Annotate: s.cfg.Annotate},
		maxEvent: s.cfg.MaxEvent,
		items:    make([]item, 0, batchRecords),
	}
}

func (b *batch) reset() {
	clear(b.items) // lets go of the fetch that values point into
	b.items, b.values, b.bytes = b.items[:0], b.values[:0], 0
	if cap(b.values) > 2*batchBytes {
		b.values = nil
	}
}

func (b *batch) full() bool { return len(b.items) >= batchRecords || b.bytes >= batchBytes }

// add checks one record. Its value must stay until reset.
func (b *batch) add(r record.Record) {
	it := item{offset: r.Offset, time: r.Time}
	if int64(len(r.Value)) > b.maxEvent {
		it.tooLarge = true
	} else {
		it.value, it.reason = b.check(r)
	}
	b.bytes += len(it.value)
	b.items = append(b.items, it)
}

// publish is the one place that keeps order. It puts the batch of the reader
// gen into the ring and moves the partition on to through, if that is ahead.
// Records below the position are refused one by one; when another reader has
// taken over, all of them are, and the error is errStale.
func (s *Stream) publish(gen uint64, part int, b *batch, through int64) error {
	s.mu.Lock()
	if gen != s.gen {
		s.mu.Unlock()
		s.m.stale.Add(len(b.items))
		return errStale
	}
	events := 0
	for i := range b.items {
		it := &b.items[i]
		v := s.ring.Position()
		pos := v.Pos[part]
		switch {
		case it.offset < pos.Next:
			s.m.stale.Inc()
		case it.tooLarge:
			s.jumpLocked(part, pos.Next, it.offset+1, tooLarge)
		case it.reason != record.OK:
			s.ring.Advance(part, it.offset+1)
			s.m.skipped[it.reason].Inc()
		default:
			after := ringbuf.Pos{Next: it.offset + 1, Time: max(pos.Time, it.time)}
			if s.ring.Publish(part, it.offset, it.time, s.cfg.Encoder.Event(v, part, after, it.value)) != nil {
				s.jumpLocked(part, it.offset, it.offset+1, tooLarge) // larger than the ring
				continue
			}
			events++
			s.m.lastRecord.Store(it.time)
		}
	}
	s.ring.Advance(part, through)
	s.ring.Flush()
	s.mu.Unlock()
	s.m.events.Add(events)
	s.ring.Wake()
	return nil
}

// gapReason is the reason of a notice and a label of gaps_total.
type gapReason uint8

const (
	expired      gapReason = iota // no longer in Kafka
	truncated                     // the log ends before the position
	recreated                     // the topic was deleted and created again
	tooLarge                      // a record, or a whole batch
	missed                        // a batch that cannot be decoded
	otherCluster                  // the stream has moved: the position was carried over by time
	gone                          // the same, and there is no such partition

	numGapReasons = iota
)

var gapReasonNames = [numGapReasons]string{"expired", "truncated", "recreated", "too_large", "missed", "other_cluster", "partition_gone"}

func (r gapReason) String() string { return gapReasonNames[r] }

func (s *Stream) notice(part int, asked, given int64, reason gapReason) ringbuf.Notice {
	k := s.ring.Position().Keys[part]
	s.m.gaps[reason].Inc()
	return ringbuf.Notice{Topic: k.Topic, Partition: k.Partition, Asked: asked, Given: given, Reason: reason.String()}
}

// jumpLocked tells that what lies in [asked, given) will not be delivered, and
// moves the partition behind it.
func (s *Stream) jumpLocked(part int, asked, given int64, reason gapReason) {
	if given <= s.ring.Position().Pos[part].Next {
		return
	}
	_ = s.ring.PublishGap(part, given, s.cfg.Encoder.Gap(s.notice(part, asked, given, reason)))
}

// jump is jumpLocked for the reader gen. It wakes the readers of the ring.
func (s *Stream) jump(gen uint64, part int, given int64, reason gapReason) error {
	s.mu.Lock()
	if gen != s.gen {
		s.mu.Unlock()
		return errStale
	}
	s.jumpLocked(part, s.ring.Position().Pos[part].Next, given, reason)
	s.mu.Unlock()
	s.ring.Wake()
	return nil
}

// truncateLocked takes a partition back to the end of its log, which was cut
// below the position: an unclean election. Going back is what an epoch is for;
// the tag stays, because offsets below the end still mean the same records, and
// those the ring does not hold.
func (s *Stream) truncateLocked(part int, end int64) {
	v := s.ring.Position()
	n := s.notice(part, v.Pos[part].Next, end, truncated)
	s.ring.PublishEpoch([]int{part}, v.Keys[part].Epoch, end, math.MaxInt64, s.cfg.Encoder.Gap(n))
	s.setTargetLocked(part, end)
}

// check returns a value that stays until reset.
func (b *batch) check(r record.Record) ([]byte, record.Reason) {
	value, reason := b.checker.Check(r)
	if reason != record.OK || len(value) == 0 || len(r.Value) > 0 && &value[0] == &r.Value[0] {
		return value, reason
	}
	at := len(b.values)
	b.values = append(b.values, value...)
	return b.values[at:len(b.values):len(b.values)], reason
}
