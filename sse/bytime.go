package sse

import (
	"io"
	"math"

	"github.com/ringcast/ringcast/ringbuf"
)

// placeTime starts a partition at the first offset with a record time of at
// least ms. delivered says that the client was given a record of exactly ms:
// where that is the only one, it resumes behind it (PROTOCOL.md section 3).
func (c *completion) placeTime(i int, ms int64, delivered bool) error {
	if ms < 0 {
		return c.placeEarliest(i)
	}
	e, ok := c.view.Ring.LocateTime(i, ms)
	switch {
	case !ok || e == nil && c.cold:
		return c.askTime(i, ms, delivered, e)
	case e == nil:
		c.placeLate(i, ms, delivered)
	default:
		_, all := c.view.Ring.First(i)
		c.placeEntry(i, e, ms, delivered, all)
	}
	return nil
}

// placeEntry starts a partition at e, the first record that is left with a time
// of at least ms. all: Kafka has none that is older than those of the ring.
func (c *completion) placeEntry(i int, e *ringbuf.Entry, ms int64, delivered, all bool) {
	c.want.pos[i] = timed(e.Offset, ms, delivered)
	first, _ := c.view.Ring.First(i)
	oldest := all && first > 0 && c.view.Ring.Record(i, first) == e
	switch {
	case !delivered:
	case oldest && e.Time > ms:
		c.notice(i, -1, gapExpired)
	case oldest:
		// Another one of ms, the one that was delivered, may have expired.
	case e.Time >= ms && c.behindGap(i, e):
		// The same of one that this instance never had.
	case e.Time == ms && !c.again(i, e):
		c.want.pos[i].Next = e.Offset + 1
	}
}

// behindGap reports whether e comes right behind a gap of its partition, and
// starts the partition before it.
func (c *completion) behindGap(i int, e *ringbuf.Entry) bool {
	before := e.Before().Pos
	if i >= len(before) {
		return false
	}
	want := make([]int64, i+1)
	for p := range want {
		want[p] = math.MaxInt64
	}
	want[i] = before[i].Next - 1
	seq, _ := c.view.Ring.Locate(want)
	g := c.view.Ring.At(seq)
	if g == nil || g.Seq >= e.Seq || g.Kind != ringbuf.Gap || int(g.Part) != i {
		return false
	}
	c.want.pos[i].Next = g.Before().Pos[i].Next
	return true
}

// timed is a position before the records of ms. Ids of times alone say which
// millisecond was delivered last.
func timed(offset, ms int64, delivered bool) ringbuf.Pos {
	if !delivered {
		ms--
	}
	return ringbuf.Pos{Next: offset, Time: ms}
}

// placeLate starts a partition at the live end: it has no record of ms or later.
func (c *completion) placeLate(i int, ms int64, delivered bool) {
	c.want.pos[i] = c.live.Pos[i]
	if delivered && ms > c.live.Pos[i].Time {
		// It was given a record that this instance has not read yet.
		c.want.wait(i, ms)
	}
}

// askTime is placeTime by Kafka's answer. e is what the ring has, or nil: it may
// hold what Kafka has lost.
func (c *completion) askTime(i int, ms int64, delivered bool, e *ringbuf.Entry) error {
	h, k := c.view.History, c.want.keys[i]
	if c.ctx == nil || h == nil {
		return errNeedsKafka
	}
	if e != nil && (int(e.Part) != i || e.Kind != ringbuf.Event) {
		// The record of that time has been evicted, and what the ring has comes
		// behind it: all of it, where that record was delivered.
		first, _ := c.view.Ring.First(i)
		for e = c.view.Ring.Record(i, first); e != nil && e.Time < ms && !delivered; {
			e = c.view.Ring.Record(i, e.Offset+1)
		}
	}
	offset, found, err := c.view.at(c.ctx, k, ms)
	if err != nil && c.view.noSuch(c.ctx, k) {
		found, err = false, nil
	}
	switch {
	case err != nil:
		return errNeedsKafka
	case e != nil && (!found || e.Offset < offset):
		c.placeEntry(i, e, ms, delivered, true)
		return nil
	case !found:
		c.placeLate(i, ms, delivered)
		return nil
	}
	c.want.pos[i] = timed(offset, ms, delivered)
	if delivered {
		return c.behindOnly(i, offset, ms)
	}
	return nil
}

// oldest reports whether the first record that Kafka still has is the one at a
// position, and others have expired.
func (c *completion) oldest(i int) (bool, error) {
	k := c.want.keys[i]
	earliest, err := c.view.earliest(c.ctx, k)
	if err != nil || earliest == 0 {
		return false, err
	}
	first, found, err := c.view.at(c.ctx, k, 0)
	return found && first == c.want.pos[i].Next, err
}

// behindOnly moves a position, which is that of the first record whose time is
// ms or later, behind that record if it is the only one of ms.
func (c *completion) behindOnly(i int, first, ms int64) error {
	k := c.want.keys[i]
	to, found, err := c.view.at(c.ctx, k, ms+1)
	if err != nil {
		return errNeedsKafka
	}
	if !found {
		// This instance may not have come to that record itself.
		to = max(c.live.Pos[i].Next, first+1)
		if end, past, err := c.view.Source.PastEnd(c.ctx, k.Topic, k.Partition, math.MaxInt64); err == nil && past {
			to = end
		}
	}
	oldest, err := c.oldest(i)
	switch {
	case err != nil:
		return errNeedsKafka
	case oldest && to <= first:
		c.notice(i, -1, gapExpired)
		return nil
	case oldest, to <= first:
		// Another one of ms, the one that was delivered, may have expired.
		return nil
	}
	r, err := c.view.History.Open([]Range{{Stream: c.view.streamOf(k).Name, Key: k, From: first, To: to}})
	if err != nil {
		return errNeedsKafka
	}
	defer r.Close()
	only := int64(-1)
	for {
		n, err := r.Next(c.ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return errNeedsKafka
		}
		for x := range n {
			switch it := r.Item(x); {
			case it.Kind == ringbuf.Gap && it.Reason == gapExpired:
				return nil // while it was looked at
			case it.Kind != ringbuf.Event || it.Time != ms:
			case only >= 0:
				return nil
			default:
				only = it.Next
			}
		}
	}
	c.want.pos[i].Next = max(first, only)
	return nil
}

// again reports whether another record of the partition carries the time of e,
// as far as times rise: one behind a later time is delivered in either case.
func (c *completion) again(i int, e *ringbuf.Entry) bool {
	for x := c.view.Ring.Record(i, e.Offset+1); x != nil && x.Time <= e.Time; x = c.view.Ring.Record(i, x.Offset+1) {
		if x.Time == e.Time {
			return true
		}
	}
	return false
}
