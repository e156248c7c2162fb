package sse

import (
	"io"

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
	if !ok || e == nil && c.cold {
		return c.askTime(i, e, ms, delivered)
	}
	if e == nil {
		c.placeLate(i, ms, delivered)
		return nil
	}
	c.want.pos[i] = ringbuf.Pos{Next: e.Offset, Time: ms}
	if _, whole := c.view.Ring.First(i); delivered {
		c.skipHeld(i, e, ms, whole)
	}
	return nil
}

// skipHeld is skipDelivered for a partition that stands at the record e of the
// ring. whole says that Kafka has nothing older than the ring.
func (c *completion) skipHeld(i int, e *ringbuf.Entry, ms int64, whole bool) {
	switch first, _ := c.view.Ring.First(i); {
	case e.Time == ms:
		if !c.again(i, e) {
			c.want.pos[i].Next++
		}
	case whole && first > 0 && c.view.Ring.Record(i, first) == e:
		c.notice(i, -1, gapExpired)
	}
}

// placeLate starts a partition at the live end: it has no record of ms or later.
func (c *completion) placeLate(i int, ms int64, delivered bool) {
	c.want.pos[i] = c.live.Pos[i]
	if delivered && ms > c.live.Pos[i].Time {
		// It was given a record that this instance has not read yet.
		c.want.wait(i, ms)
	}
}

// askTime is placeTime by Kafka's answer. e is where the ring's own times reach
// ms: what Kafka has lost may still be there.
func (c *completion) askTime(i int, e *ringbuf.Entry, ms int64, delivered bool) error {
	h, k := c.view.History, c.want.keys[i]
	if c.ctx == nil || h == nil {
		return errNeedsKafka
	}
	offset, found, err := h.At(c.ctx, k.Topic, k.Partition, ms)
	if err != nil && !c.view.gone(c.ctx, k.Topic) {
		return errNeedsKafka
	}
	found = found && err == nil
	if held := c.held(i, e, ms); held != nil && (!found || held.Offset < offset) {
		c.want.pos[i] = ringbuf.Pos{Next: held.Offset, Time: ms}
		if delivered {
			c.skipHeld(i, held, ms, true)
		}
		return nil
	}
	if !found {
		c.placeLate(i, ms, delivered)
		return nil
	}
	c.want.pos[i] = ringbuf.Pos{Next: offset, Time: ms}
	if delivered {
		return c.skipDelivered(i, ms)
	}
	return nil
}

// held returns the first record of partition i in the ring, from e on, with a
// time of at least ms.
func (c *completion) held(i int, e *ringbuf.Entry, ms int64) *ringbuf.Entry {
	if e != nil && (e.Kind != ringbuf.Event || int(e.Part) != i) {
		e = c.view.Ring.Record(i, e.At(i).Next)
	}
	for e != nil && e.Time < ms {
		e = c.view.Ring.Record(i, e.Offset+1)
	}
	return e
}

// skipDelivered moves partition i, which stands at the first record with a time
// of at least ms, behind it if it is the only one of ms. Where there is none of
// ms the client's last record has expired, and perhaps more with it.
func (c *completion) skipDelivered(i int, ms int64) error {
	k, p := c.want.keys[i], &c.want.pos[i]
	to, found, err := c.view.History.At(c.ctx, k.Topic, k.Partition, ms+1)
	if err != nil {
		return errNeedsKafka
	}
	if !found {
		to = c.live.Pos[i].Next
	}
	if to > p.Next {
		p.Next, err = c.behindOnly(i, p.Next, to, ms)
		return err
	}
	earliest, err := c.view.History.Earliest(c.ctx, k.Topic, k.Partition)
	if err != nil {
		return errNeedsKafka
	}
	if p.Next <= earliest {
		c.notice(i, -1, gapExpired)
	}
	return nil
}

// behindOnly returns the offset behind the one record in [first, to) whose time
// is ms, or first itself if there are several, or none.
func (c *completion) behindOnly(i int, first, to, ms int64) (int64, error) {
	k := c.want.keys[i]
	r, err := c.view.History.Open([]Range{{Stream: c.view.streamOf(k).Name, Key: k, From: first, To: to}})
	if err != nil {
		return 0, errNeedsKafka
	}
	defer r.Close()
	only := int64(-1)
	for {
		n, err := r.Next(c.ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, errNeedsKafka
		}
		for x := range n {
			switch it := r.Item(x); {
			case it.Kind != ringbuf.Event || it.Time != ms:
			case only >= 0:
				return first, nil
			default:
				only = it.Next
			}
		}
	}
	return max(first, only), nil
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
