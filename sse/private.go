package sse

import (
	"errors"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

const (
	// firstAsk is how long a follower that is ahead of this instance waits
	// before it asks Kafka; then twice as long each time, up to lastAsk.
	firstAsk = 500 * time.Millisecond
	lastAsk  = 30 * time.Second
	lastTry  = 5 * time.Second // the same while Kafka does not answer
)

// asker is when a follower that is ahead asks Kafka next.
type asker struct {
	timer    *time.Timer
	patience time.Duration
}

func newAsker() *asker { return &asker{time.NewTimer(firstAsk), firstAsk} }

// asked doubles the time until the next question, up to most.
func (a *asker) asked(most time.Duration) {
	a.patience = min(2*a.patience, most)
	a.timer.Reset(a.patience)
}

// rest waits until it is time to ask again what could not be answered.
func (f *follower) rest(ask *asker) error {
	for {
		asked, err := f.wait(ask.timer.C)
		if err != nil {
			return err
		}
		if asked {
			ask.asked(lastTry)
			return nil
		}
	}
}

// catchUp writes events under the client's own ids until the shared bytes
// behind f.at are exactly what it lacks. Its end does not depend on new
// records: what keeps it ahead is asked of Kafka.
func (f *follower) catchUp() error {
	s := f.srv
	s.private.Add(1)
	defer s.private.Add(-1)
	ask := newAsker()
	defer ask.timer.Stop()
	for {
		c, err := f.begin(ask)
		if err != nil {
			return err
		}
		f.owner.leavePlace()
		if f.at != nil {
			return nil
		}
		s.stats.gapsOf(f.view, f.want.notices)
		if err := f.write(f.lane.appendNotices(nil, f.want.notices)); err != nil {
			return err
		}
		err = f.walk(c, ask)
		if err == nil {
			f.at, f.want = c.at, nil
			return nil
		}
		if err != errAgain {
			return err
		}
		// Everything given so far is in the reader's own position.
		f.want = &want{pos: c.u.Pos, keys: c.u.Keys}
	}
}

// begin returns a reader at the position that f wants, once all of it is known
// here. For a connection without a position f.at may be set instead.
func (f *follower) begin(ask *asker) (*catchUp, error) {
	look := true // ask Kafka about what is not known here: at once, then when it is time
	for {
		w := f.want
		if w.cold {
			st := f.view.live()
			if f.at = st.at; f.at != nil {
				return nil, nil
			}
			if f.want = st.want; !f.want.cold {
				continue
			}
			asked, err := f.wait(ask.timer.C)
			if err != nil {
				return nil, err
			}
			if asked {
				ask.asked(lastTry)
			}
			continue
		}
		if w.parked != nil {
			if err := f.unpark(ask); err != nil {
				return nil, err
			}
			continue
		}
		if len(w.absent) > 0 && look {
			if err := f.lookUp(w); err != nil {
				return nil, err
			}
		}
		look = false
		c, err := f.view.catchUp(w)
		if err == errBeforeRing && f.view.overtaken(w) {
			err = errAgain
		}
		if err == errBeforeRing {
			if err = f.replay(ask); err == nil {
				continue
			}
		}
		if err == errAgain || err == nil && len(w.absent) > 0 {
			err = f.recomplete()
		}
		switch {
		case err == errNeedsKafka, err == nil && len(f.want.absent) > 0:
			// It exists and has not been found yet, or Kafka is away.
			if look, err = f.wait(ask.timer.C); err != nil {
				return nil, err
			}
			if look {
				ask.asked(lastAsk)
			}
		case err != nil:
			return nil, err
		case f.want == w:
			return c, nil
		}
	}
}

// recomplete makes the position whole over the partitions known now.
func (f *follower) recomplete() error {
	w := f.want
	ctx, cancel := f.askContext()
	defer cancel()
	n, err := f.view.complete(ctx, w.entries(), nil, true)
	if err != nil {
		return err
	}
	n.notices = append(w.notices[:len(w.notices):len(w.notices)], n.notices...)
	f.want = n
	return nil
}

// unpark places what could not be placed while Kafka was away.
func (f *follower) unpark(ask *asker) error {
	p := f.want.parked
	ctx, cancel := f.askContext()
	defer cancel()
	n, err := f.view.complete(ctx, p.id, p.since, false)
	if err == nil {
		f.want = n
		return nil
	}
	var r *refusal
	if errors.As(err, &r) {
		f.refused = r
		return errRefused
	}
	return f.rest(ask)
}

// walk gives what the reader finds until it is joined to the shared bytes, in
// turns. errAgain: the ring has changed under it.
func (f *follower) walk(c *catchUp, ask *asker) error {
	for {
		joined, err := false, error(nil)
		given, taken := c.events, 0
		f.srv.turns.take(func() {
			f.out = f.out[:0]
			for !joined && err == nil && len(f.out) < followerBatch {
				f.out, joined, err = c.step(f.out, f.lane)
			}
			taken = f.tryWrite(f.out)
		})
		f.owner.guest.log().add(c.events-given, 0)
		if werr := f.written(taken, f.out[taken:]); werr != nil {
			return werr
		}
		f.srv.stats.gavePrivate(f.view, len(f.out), c.events-given, c.given)
		c.given = nil
		switch {
		case joined:
			return nil
		case err == errHead:
			asked, err := f.wait(ask.timer.C)
			if err != nil {
				return err
			}
			if asked {
				err := f.askEnd(c)
				ask.asked(lastAsk)
				if err != nil {
					return err
				}
			}
		case err != nil:
			return err
		}
	}
}

// lookUp asks whether the partitions exist that this instance has not found.
// Those that do not are dropped, and the client is told.
func (f *follower) lookUp(w *want) error {
	var left []position.Entry
	for _, e := range w.absent {
		i, late := w.lateIndex(&e)
		if late && w.late[i] != unfound {
			if f.comes(w.keys[i], w.pos[i].Next) {
				left = append(left, e)
			} else {
				delete(w.late, i) // it starts at the live end
			}
			continue
		}
		ctx, cancel := f.askContext()
		n, exists, err := f.view.Source.LookUp(ctx, e.Topic)
		cancel()
		if err != nil || exists && int(e.Partition) < n {
			left = append(left, e)
			continue
		}
		if late {
			delete(w.late, i) // what comes under this name is read from its first record
		}
		asked := e.Offset
		if !e.HasOffset {
			asked = -1
		}
		w.notices = append(w.notices, ringbuf.Notice{Topic: e.Topic, Partition: e.Partition, Asked: asked, Given: -1, Reason: gapGone})
	}
	w.absent = left
	return f.due()
}

// overtaken reports whether the ring has left behind a partition that was
// waiting for a time: it is found by that time again.
func (v *view) overtaken(w *want) bool {
	for i := range w.late {
		if first, _ := v.Ring.First(i); w.pos[i].Next < first {
			return true
		}
	}
	return false
}

// lateIndex returns the index of an absent entry whose partition is known.
func (w *want) lateIndex(e *position.Entry) (int, bool) {
	for i := range w.late {
		if k := w.keys[i]; k.Topic == e.Topic && k.Partition == e.Partition {
			return i, true
		}
	}
	return 0, false
}

// comes reports whether a partition may still bring a record that the client has
// been given elsewhere: not if the log ends at next, where this instance stands.
func (f *follower) comes(k ringbuf.Key, next int64) bool {
	ctx, cancel := f.askContext()
	defer cancel()
	_, past, err := f.view.Source.PastEnd(ctx, k.Topic, k.Partition, next+1)
	return !past && (err == nil || !f.view.noSuch(ctx, k))
}

// deleted reports whether there is no such partition, by Kafka's word.
func (f *follower) deleted(k ringbuf.Key) bool {
	ctx, cancel := f.askContext()
	defer cancel()
	return f.view.noSuch(ctx, k)
}

// askEnd asks the leaders of the partitions in which the client is ahead
// whether its position lies behind the end. Where it does, the client goes on
// at the end there is now, and is told. errAgain: the ring's partitions or epochs
// have changed.
func (f *follower) askEnd(c *catchUp) error {
	var notices []ringbuf.Notice
	changed := false
	for i := range c.u.Pos {
		next := c.u.Pos[i].Next
		k := c.u.Keys[i]
		if i < len(c.w.Pos) && c.w.Pos[i].Next >= next {
			if c.timeAhead(i) && !f.comes(k, c.w.Pos[i].Next) {
				c.u.Pos[i].Time = c.w.Pos[i].Time
			}
			continue
		}
		ctx, cancel := f.askContext()
		end, past, err := f.view.Source.PastEnd(ctx, k.Topic, k.Partition, next)
		cancel()
		if changed = !sameKeys(f.view.Ring.Newest().Keys(), c.w.Keys); changed {
			break // this answer may be about another log
		}
		if err != nil && i < len(c.w.Pos) && f.deleted(k) {
			// Nothing comes any more that it could have been given already.
			c.u.Pos[i].Next = c.w.Pos[i].Next
			continue
		}
		if err != nil || !past {
			continue
		}
		c.u.Pos[i].Next = end
		notices = append(notices, ringbuf.Notice{Topic: k.Topic, Partition: k.Partition, Asked: next, Given: end, Reason: gapTruncated})
		f.srv.stats.gap(f.view, k.Topic, gapTruncated)
	}
	if err := f.write(f.lane.appendNotices(nil, notices)); err != nil || !changed {
		return err
	}
	return errAgain
}
