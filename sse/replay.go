package sse

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// maxReplays is how often a client may read from Kafka within one catch-up: a
// ring that has moved on each time moves faster than the client.
const maxReplays = 3

var (
	errReopen  = errors.New("other ranges are to be read")
	errTrouble = errors.New("history cannot be read now")
)

// replay is a follower's way from a position that the ring has left behind to
// one a little above the ring's oldest entry.
type replay struct {
	f *follower
	w *want          // where it begins
	u ringbuf.Vector // what the client has: the partitions of w, then those that are not known here

	ids    *position.Encoder
	inRing map[int]bool // partitions of which Kafka has lost what the ring still holds
	parts  []int        // index in u, by range of the reader
	next   time.Time    // when the byte rate allows the next write
	begun  bool         // the first event was given
	given  tally        // since it was counted
}

// replay reads from Kafka what the ring does not hold of f.want, and moves
// f.want on. errAgain: f.want, wherever it stands, has to be completed again,
// for partitions or epochs have changed.
func (f *follower) replay(ask *asker) error {
	s := f.srv
	if f.view.History == nil || f.replays == maxReplays {
		return errSlow
	}
	if err := f.takePlace(); err != nil {
		return err
	}
	defer f.owner.leavePlace()
	s.replaying.Add(1)
	defer s.replaying.Add(-1)
	w := *f.want
	s.stats.gapsOf(f.view, w.notices)
	if err := f.write(f.lane.appendNotices(nil, w.notices)); err != nil {
		return err
	}
	w.notices = nil
	p := &replay{f: f, w: &w, u: w.whole(), ids: f.view.newEncoder(), inRing: make(map[int]bool)}
	err := p.run()
	if err == errTrouble {
		if err = f.rest(ask); err == nil {
			err = errAgain
		}
	}
	w.pos = p.u.Pos[:len(w.pos)]
	f.want, f.out = &w, nil
	if err == nil {
		f.replays++
	}
	return err
}

// passGone leaves to the ring what it has of topics that do not exist any more,
// and moves the position to that: they must not hold up the others. errTrouble:
// there are none.
func (p *replay) passGone() error {
	if p.changed() {
		return errAgain
	}
	ctx, cancel := p.f.askContext()
	defer cancel()
	err := errTrouble
	for _, i := range p.parts {
		if !p.f.view.noSuch(ctx, p.u.Keys[i]) {
			continue
		}
		floor, _ := p.f.view.Ring.First(i)
		if err := p.jump(i, floor, gapGone); err != nil {
			return err
		}
		p.inRing[i], err = true, errReopen
	}
	return err
}

// whole is the want as a vector: its partitions by their index, then those
// that are not known here.
func (w *want) whole() ringbuf.Vector {
	u := ringbuf.Vector{Keys: w.keys[:len(w.pos):len(w.pos)], Pos: append([]ringbuf.Pos(nil), w.pos...)}
	for i := range w.absent {
		e := &w.absent[i]
		p := ringbuf.Pos{Next: e.Offset, Time: ringbuf.NoTime}
		if e.HasTime {
			p.Time = e.Timestamp - 1
		}
		if known, late := w.lateIndex(e); late {
			u.Keys = slices.Clone(u.Keys)
			u.Keys[known].Epoch, u.Pos[known] = e.Epoch, p
			continue
		}
		u.Keys = append(u.Keys, ringbuf.Key{Topic: e.Topic, Partition: e.Partition, Epoch: e.Epoch})
		u.Pos = append(u.Pos, p)
	}
	return u
}

// run reads until the ring holds everything behind the position.
func (p *replay) run() error {
	for {
		ranges, err := p.ranges()
		if err != nil || len(ranges) == 0 {
			return err
		}
		r, err := p.f.view.open(ranges)
		if err != nil {
			return errTrouble
		}
		err = p.read(r)
		r.Close()
		if err == errTrouble {
			err = p.passGone()
		}
		if err != errReopen {
			return err
		}
	}
}

// open returns a reader of ranges: from memory, or from Kafka.
func (v *view) open(ranges []Range) (HistoryReader, error) {
	if m := v.remember(ranges); m != nil {
		return m, nil
	}
	return v.History.Open(ranges)
}

// ranges are what lies between the position and an entry above the ring's
// oldest one: so far above that the ring has hardly left it behind when the
// client comes there.
func (p *replay) ranges() (list []Range, _ error) {
	ring := p.f.view.Ring
	var to *ringbuf.Entry
	for to == nil {
		tail := ring.Tail()
		to = ring.At(tail + (ring.Head()-tail)/4)
	}
	if p.changed() {
		return nil, errAgain
	}
	p.parts = p.parts[:0]
	for i, end := range to.Vector().Pos {
		if i >= len(p.w.pos) {
			break // found since: its first record is in the ring
		}
		if _, late := p.w.late[i]; late || p.inRing[i] || p.u.Pos[i].Next >= end.Next {
			continue
		}
		if err := p.limit(i, end.Next); err != nil {
			return nil, err
		}
		if from := p.u.Pos[i].Next; from < end.Next {
			list = append(list, Range{Stream: p.f.view.streamOf(p.u.Keys[i]).Name, Key: p.u.Keys[i], From: from, To: end.Next})
			p.parts = append(p.parts, i)
		}
	}
	return list, nil
}

// changed reports whether the ring's partitions or epochs are others than
// those of the position.
func (p *replay) changed() bool {
	newest := p.f.view.Ring.Newest()
	return newest == nil || !sameKeys(newest.Keys(), p.w.keys)
}

// limit moves a position up to the configured age, and tells so.
func (p *replay) limit(i int, end int64) error {
	s := p.f.srv
	if s.limits().ReplayAge <= 0 {
		return nil
	}
	// Whole seconds, so that a herd asks one question.
	oldest := s.cfg.Now().Add(-s.limits().ReplayAge).Truncate(time.Second).UnixMilli()
	if t := p.u.Pos[i].Time; t != ringbuf.NoTime && t >= oldest {
		return nil
	}
	ctx, cancel := p.f.askContext()
	defer cancel()
	k := p.u.Keys[i]
	first, found, err := p.f.view.at(ctx, k, oldest)
	if err != nil {
		return errTrouble
	}
	if !found || first > end {
		first = end
	}
	return p.jump(i, first, gapMaxAge)
}

// jump moves the position of a partition over what it does not get.
func (p *replay) jump(i int, to int64, reason string) error {
	from, k := p.u.Pos[i].Next, p.u.Keys[i]
	if to <= from {
		return nil
	}
	p.u.Pos[i].Next = to
	p.f.srv.stats.gap(p.f.view, k.Topic, reason)
	return p.f.write(p.f.lane.appendNotices(nil, []ringbuf.Notice{{Topic: k.Topic, Partition: k.Partition, Asked: from, Given: to, Reason: reason}}))
}

// read gives everything that r finds. errReopen: a partition goes on in the ring.
func (p *replay) read(r HistoryReader) error {
	for {
		// Reading for a long time must not keep it from its other duties.
		ctx, cancel := context.WithTimeout(p.f.srv.ctx, p.f.srv.unit)
		err := p.take(ctx, r)
		late := ctx.Err() != nil
		cancel()
		if err != errTrouble || !late {
			return err
		}
		if err := p.f.tick(); err != nil {
			return err
		}
	}
}

// take gives what r finds until the context ends, which is errTrouble too. nil:
// that was all.
func (p *replay) take(ctx context.Context, r HistoryReader) error {
	for {
		n, err := r.Next(ctx)
		switch {
		case p.changed():
			return errAgain
		case err == io.EOF:
			return nil
		case err == errReopen:
			return err
		case err != nil:
			return errTrouble
		}
		size, reopen, err := p.turn(r, n)
		if err != nil {
			return err
		}
		if reopen {
			return errReopen
		}
		if err := p.pace(size); err != nil {
			return err
		}
	}
}

// turn gives n items, and returns the bytes that were written. Encoding and the
// first write wait for their turn: of a thousand clients that replay few run at a
// time, so that the shards find a processor, and they come in order, so that they
// stay together in the cache (measured with 1,000: p99 of live clients 20 instead
// of 890 ms, and 1.2 instead of 13 times the range read where the cache holds a
// quarter of it).
func (p *replay) turn(r HistoryReader, n int) (size int, reopen bool, _ error) {
	f := p.f
	buf := buffers.Get().(*[]byte)
	events, taken := 0, 0
	f.srv.turns.take(func() {
		f.out = (*buf)[:0]
		for i := 0; i < n && !reopen; i++ {
			it := r.Item(i)
			if it.Kind == ringbuf.Event {
				events++
			}
			reopen = p.give(&it)
		}
		r.Release() // the values keep their chunks in memory, and the write may take long
		taken = f.tryWrite(f.out)
	})
	size = len(f.out)
	err := f.written(taken, f.out[taken:])
	f.srv.stats.gavePrivate(f.view, size, events, p.given)
	p.given = nil
	*buf, f.out = f.out, nil
	buffers.Put(buf)
	return size, reopen, err
}

// buffers are for what is being written: a client that has nothing in hand
// needs none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// give moves the position over an item and appends what the client gets of it
// to f.out. It reports true when the ring has what Kafka lost.
func (p *replay) give(it *HistoryItem) (reopen bool) {
	f, i := p.f, p.parts[it.Range]
	at := &p.u.Pos[i]
	switch it.Kind {
	case ringbuf.Event:
		if !p.begun {
			p.begun = true
			f.srv.stats.depthOf(f.view, it.Time, false)
		}
		at.Next, at.Time = it.Next, max(at.Time, it.Time)
		id := p.ids.Append(f.id[:0], p.u, -1, ringbuf.Pos{})
		f.id = id
		k, before := p.u.Keys[i], len(f.out)
		if it.Wire != nil {
			f.out = f.lane.appendEvent(f.out, id, it.Wire)
		} else {
			f.out = f.lane.appendRecord(f.out, id, it.Value, f.view.streamOf(k).Format)
		}
		p.given = p.given.add(f.view, k.Topic, 1, len(f.out)-before)
	case ringbuf.Gap:
		if it.Wire != nil {
			at.Next = it.Next
			f.out = f.lane.appendNotice(f.out, it.Wire)
			break
		}
		given := it.Next
		if it.Reason == gapExpired {
			if floor, _ := f.view.Ring.First(i); floor < given {
				given, p.inRing[i], reopen = max(it.Offset, floor), true, true
			}
		}
		if at.Next = given; given > it.Offset {
			k := p.u.Keys[i]
			f.srv.stats.gap(f.view, k.Topic, it.Reason)
			f.out = f.lane.appendNotices(f.out, []ringbuf.Notice{{Topic: k.Topic, Partition: k.Partition, Asked: it.Offset, Given: given, Reason: it.Reason}})
		}
	default:
		at.Next = it.Next
	}
	return reopen
}

// pace waits for as long as the byte rate demands after n bytes.
func (p *replay) pace(n int) error {
	rate := p.f.srv.limits().ReplayRate
	if rate <= 0 {
		return nil
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	return p.f.pause(p.next.Sub(now))
}
