package ringbuf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
)

// reader checks what one goroutine sees of a ring against its history, while
// the publisher is at work.
type reader struct {
	*history
	ring *Ring
	rng  *rand.Rand
}

// pause lets others run, once in n calls.
func (r *reader) pause(n int) {
	if r.rng.IntN(n) == 0 {
		runtime.Gosched()
	}
}

// follow takes every entry in turn. Each is delivered, or the tail says that
// it was evicted; it returns how many of each.
func (r *reader) follow() (delivered, evicted uint64, err error) {
	for next := uint64(1); next <= uint64(len(r.log)); {
		head := r.ring.Head()
		e := r.ring.At(next)
		switch {
		case e == nil && next > head:
			r.pause(2)
		case e == nil:
			tail := r.ring.Tail()
			if tail <= next {
				return 0, 0, fmt.Errorf("entry %d is missing at head %d and tail %d", next, head, tail)
			}
			evicted += tail - next
			next = tail
		default:
			if got := r.ring.Head(); e.Seq != next || got < next {
				return 0, 0, fmt.Errorf("entry %d is number %d at head %d", next, e.Seq, got)
			}
			if err := r.log[next-1].check(e); err != nil {
				return 0, 0, err
			}
			delivered++
			next++
		}
	}
	return delivered, evicted, nil
}

// chase looks at both ends of the ring, where entries come and go.
func (r *reader) chase() error {
	for {
		tail := r.ring.Tail()
		head := r.ring.Head()
		if head >= uint64(len(r.log)) {
			return nil
		}
		r.pause(16)
		for _, s := range [2]uint64{tail, head} {
			if s < tail || s > head || s == 0 {
				continue // an epoch empties the ring for a moment
			}
			if e := r.ring.At(s); e == nil {
				if now := r.ring.Tail(); now <= s {
					return fmt.Errorf("entry %d is missing between %d and %d at tail %d", s, tail, head, now)
				}
			}
		}
	}
}

// search asks for positions near the tail and checks that no answer hides a
// loss, and that none refuses what was there all the time.
func (r *reader) search() error {
	for {
		head := r.ring.Head()
		if head >= uint64(len(r.log)) {
			return nil
		}
		r.pause(8)
		e := r.ring.Oldest()
		if e == nil {
			continue
		}
		var err error
		part := r.rng.IntN(len(r.log[e.Seq-1].after.Pos))
		switch r.rng.IntN(6) {
		default:
			err = r.locate(e)
		case 0:
			err = r.locateTime(part, max(1, r.log[e.Seq-1].time+r.rng.Int64N(5)-2))
		case 1:
			err = r.record(part, r.log[e.Seq-1].after.Pos[part].Next+r.rng.Int64N(5)-2)
		case 2:
			err = r.first(part)
		}
		if err != nil {
			return err
		}
	}
}

// some reports whether f holds for one of the times between two heads: they
// differ by the epochs between them.
func (r *reader) some(part int, head0, head1 uint64, f func(*run) bool) bool {
	if f(r.run(part, head0)) {
		return true
	}
	for _, x := range r.parts[part] {
		if x.from > head0 && x.from <= head1 && f(x) {
			return true
		}
	}
	return false
}

// locate wants e, and mostly a little more. What it wants begins no earlier
// than the answer. A refusal means that something it wants is gone, or just
// about to go (entry tail).
func (r *reader) locate(e *Entry) error {
	var want []int64
	for _, p := range r.log[e.Seq-1].before.Pos {
		next := p.Next
		if r.rng.IntN(8) == 0 {
			next = max(0, next-r.rng.Int64N(3))
		}
		want = append(want, next)
	}
	head0 := r.ring.Head()
	seq, ok := r.ring.Locate(want)
	head1, tail1 := r.ring.Head(), r.ring.Tail()
	if ok && seq > head1+1 {
		return fmt.Errorf("located %v at %d, head %d", want, seq, head1)
	}
	refusable := false
	for p, next := range want {
		if ok && !r.some(p, head0, head1, func(x *run) bool { return next >= x.next && seq <= x.wanted(next) }) {
			return fmt.Errorf("located %v at %d: partition %d, offset %d is below, at %d", want, seq, p, next, r.run(p, head0).wanted(next))
		}
		refusable = refusable || r.some(p, head0, head1, func(x *run) bool { return next < x.next || x.wanted(next) <= tail1 })
	}
	if !ok && !refusable {
		return fmt.Errorf("%v is refused, nothing of it is gone at tail %d", want, tail1)
	}
	return nil
}

func (r *reader) locateTime(part int, ms int64) error {
	head0 := r.ring.Head()
	e, ok := r.ring.LocateTime(part, ms)
	head1, tail1 := r.ring.Head(), r.ring.Tail()
	var sound bool
	switch {
	case !ok:
		sound = r.some(part, head0, head1, func(x *run) bool { return ms <= x.time || x.newer(ms) <= tail1 })
	case e == nil:
		sound = r.some(part, head0, head1, func(x *run) bool { return ms > x.time && x.newer(ms) > head0 })
	default:
		x := r.run(part, e.Seq)
		sound = ms > x.time && x.newer(ms) == e.Seq
	}
	if !sound {
		return fmt.Errorf("%d ms of partition %d is at %d, %v; it is at %d, tail %d", ms, part, seqOf(e), ok, r.run(part, head0).newer(ms), tail1)
	}
	return nil
}

func (r *reader) record(part int, offset int64) error {
	head0 := r.ring.Head()
	e := r.ring.Record(part, offset)
	head1, tail1 := r.ring.Head(), r.ring.Tail()
	// Everything up to limit that would have been an answer must be gone.
	limit := head0
	gone := func(x *run) bool {
		for _, s := range x.records(offset) {
			if s > limit {
				break
			}
			if s > tail1 {
				return false
			}
		}
		return true
	}
	var sound bool
	if e == nil {
		sound = r.some(part, head0, head1, gone)
	} else {
		limit = e.Seq - 1
		sound = int(e.Part) == part && e.Kind == Event && e.Offset >= offset && gone(r.run(part, e.Seq))
	}
	if !sound {
		return fmt.Errorf("offset %d of partition %d is at %d, tail %d", offset, part, seqOf(e), tail1)
	}
	return nil
}

func (r *reader) first(part int) error {
	head0 := r.ring.Head()
	offset, ok := r.ring.First(part)
	head1, tail1 := r.ring.Head(), r.ring.Tail()
	// An epoch shows in the floors just before it shows in the head, and so
	// does a restart, which moves the head by two.
	if !r.some(part, head0, head1+2, func(x *run) bool {
		event, low := uint64(math.MaxUint64), int64(math.MaxInt64)
		if len(x.events) > 0 {
			event, low = x.seqs[x.events[0]], x.offsets[x.events[0]]
		}
		if ok {
			return x.time == NoTime && offset <= low
		}
		return x.time != NoTime || event <= tail1
	}) {
		return fmt.Errorf("first of partition %d is %d, %v at tail %d", part, offset, ok, tail1)
	}
	return nil
}
