package sse

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// start is where the bytes of a connection begin.
type start struct {
	id      []byte         // for the greeting; empty while no position is known
	private []byte         // what this client gets under its own ids, before the shared bytes
	at      *ringbuf.Entry // the shared bytes begin behind this entry; nil: nowhere yet
	want    *want          // what it waits for while at is nil
	from    resumeFrom
	gaps    []ringbuf.Notice // what private tells
	events  int              // in private
	given   tally            // of it, where there are several streams
	oldest  int64            // time of the first record it lacked, Unix milliseconds; 0: none was here
}

// resumeFrom is a label of ringcast_resumes_total.
type resumeFrom int

// Where a connection's first bytes came from.
const (
	fromLive resumeFrom = iota
	fromRing
	fromKafka
)

var resumeNames = []string{"live", "ring", "kafka"}

// want is a position that this instance has not reached, or has not joined
// yet: complete over the partitions known here (DESIGN.md, resume, step 0).
type want struct {
	pos     []ringbuf.Pos    // by the ring's index
	keys    []ringbuf.Key    // of pos; a shared slice of the ring's
	absent  []position.Entry // partitions that this instance does not know, or cannot place yet; kept as ahead
	late    map[int]int64    // of those the ones that it knows, by index: the record time waited for
	notices []ringbuf.Notice // to be told before the next event
	cold    bool             // a live connection from before Kafka was reached: no position at all
	long    bool             // what it lacks is here, and is more than maxPrivate
	deep    bool             // what it lacks is no longer in the ring
	parked  *parked          // Kafka has to say first where this is
}

// parked is what a request asked for that could not be placed without Kafka.
type parked struct {
	id    position.ID
	since *int64
}

// alone reports whether a client needs a goroutine of its own for this.
func (w *want) alone() bool { return w.long || w.deep || w.parked != nil }

// waitTime is how long a client that is ahead of this instance waits in its
// shard; then it gets a goroutine that may ask Kafka.
const waitTime = time.Second

// ahead reports whether the ring, which is at this position, cannot have
// what is waited for.
func (w *want) ahead(ring ringbuf.Vector) bool {
	if w.cold || !sameKeys(ring.Keys, w.keys) {
		return false
	}
	for i, ms := range w.late {
		if ring.Pos[i].Time < ms {
			return true
		}
	}
	return len(w.absent) > len(w.late) || len(w.late) == 0 && !ring.Covers(ringbuf.Vector{Pos: w.pos})
}

var (
	errBeforeRing = errors.New("position is no longer in the ring")
	errNeedsKafka = errors.New("position needs Kafka's answer")
)

// live starts a connection without a position.
func (v *view) live() start {
	if !v.Source.Warm() {
		// Nobody is fed the warm-up: it is a resume at what was newest when it began.
		w, ok := v.Source.Live()
		if !ok {
			return start{want: &want{cold: true}}
		}
		return start{id: v.id(w), want: &want{pos: w.Pos, keys: w.Keys}}
	}
	e := v.Ring.Newest()
	if e == nil {
		return start{want: &want{cold: true}}
	}
	return start{id: v.idOf(e), at: e}
}

// resume starts a connection at an id. Errors are errBeforeRing, errNeedsKafka
// and *refusal.
func (v *view) resume(ctx context.Context, id position.ID, since *int64, ln lane) (start, error) {
	for {
		w, err := v.complete(ctx, id, since, false)
		if err != nil {
			return start{}, err
		}
		s, err := v.settle(w, ln)
		if err != errAgain {
			return s, err
		}
	}
}

// again starts a position anew whose partitions or epochs have changed, or of
// which some were not known, without asking Kafka. Notices not told yet stay
// with it.
func (v *view) again(w *want, ln lane) (start, error) {
	for {
		n, err := v.complete(nil, w.entries(), nil, true) //nolint:staticcheck // nil: no questions
		if err != nil {
			return start{}, err
		}
		n.notices = append(w.notices[:len(w.notices):len(w.notices)], n.notices...)
		s, err := v.settle(n, ln)
		if err != errAgain {
			return s, err
		}
	}
}

// place starts the position of a client that is connected: what has to be asked
// of Kafka waits, in want.
func (v *view) place(w *want, ln lane) (start, error) {
	s, err := start{}, errAgain
	if len(w.absent) == 0 {
		s, err = v.settle(w, ln)
	}
	if err == errAgain {
		s, err = v.again(w, ln)
	}
	if err == errNeedsKafka {
		return start{want: w}, nil
	}
	return s, err
}

// settle finds the entry at which a position joins the shared bytes, and what
// it has to be sent privately until then. While the position is ahead, or the
// ring has left it behind, want is set instead.
func (v *view) settle(w *want, ln lane) (start, error) {
	s := start{id: v.id(w.vector()), from: fromRing}
	c, err := v.catchUp(w)
	if err == errBeforeRing && v.History != nil {
		w.deep = true
		s.want, s.from = w, fromKafka
		return s, nil
	}
	if err != nil {
		return start{}, err
	}
	if len(w.absent) > 0 {
		s.want = w
		return s, nil
	}
	if first := v.Ring.At(c.next); first != nil && first.Kind == ringbuf.Event {
		s.oldest = first.Time
	}
	s.private = ln.appendNotices(nil, w.notices)
	for {
		var joined bool
		s.private, joined, err = c.step(s.private, ln)
		switch {
		case err == errHead || len(s.private) > maxPrivate:
			// Not there yet. Nothing of it has been sent: a later attempt
			// begins again from the same position.
			w.long = err != errHead
			s.private, s.want = nil, w
			return s, nil
		case err != nil:
			return start{}, err
		case joined:
			s.at, s.gaps, s.events, s.given = c.at, w.notices, c.events, c.given
			return s, nil
		}
	}
}

// maxPrivate bounds the bytes that are worked out before a connection starts.
// A longer private part is written by a follower as it goes, bytes.
const maxPrivate = 256 << 10

var (
	errHead  = errors.New("nothing more in the ring yet")
	errAgain = errors.New("the ring has changed under the position")
)

// catchUp is a reader with ids of its own: it gives what lies at or above its
// position and follows the ring until the ring's position covers its own.
type catchUp struct {
	view *view
	u    ringbuf.Vector // what the client has, once it got everything given so far
	w    ringbuf.Vector // the ring's position after at
	at   *ringbuf.Entry // taken last; nil before the oldest entry
	next uint64         // sequence to take next
	from []int64        // where it began, by partition
	// known is the newest sequence with which u.Keys were compared. Entries up
	// to it may know fewer partitions than the client, and an id that left one
	// out would have it read again from its first record.
	known  uint64
	id     []byte // scratch
	names  naming
	events int   // given
	given  tally // by stream, where there are several
}

// catchUp begins where the ring holds the first record that w still needs.
func (v *view) catchUp(w *want) (*catchUp, error) {
	next := make([]int64, len(w.pos))
	for i := range w.pos {
		next[i] = w.pos[i].Next
	}
	seq, ok := v.Ring.Locate(next)
	newest := v.Ring.Newest()
	if newest == nil || !sameKeys(newest.Keys(), w.keys) {
		// Partitions or epochs have changed since w was completed.
		return nil, errAgain
	}
	if !ok {
		return nil, errBeforeRing
	}
	c := &catchUp{view: v, next: seq, from: next, known: newest.Seq, u: ringbuf.Vector{Keys: w.keys, Pos: append([]ringbuf.Pos(nil), w.pos...)}}
	if seq > v.Ring.Tail() {
		c.at = v.Ring.At(seq - 1)
	} else if e := v.Ring.At(seq); e != nil && e.Kind == ringbuf.Epoch {
		// The position is of this epoch; nothing before it counts.
		c.at, c.next = e, seq+1
	} else if e != nil {
		c.w = e.Before()
		return c, nil
	}
	if c.at == nil {
		return nil, errAgain // evicted meanwhile
	}
	c.w = c.at.Vector()
	return c, nil
}

// step gives the next entry to dst if the client needs it. joined reports that
// the shared bytes behind at are exactly what is missing. Errors are errHead
// and errAgain.
func (c *catchUp) step(dst []byte, ln lane) (_ []byte, joined bool, _ error) {
	if c.at != nil && c.w.Covers(c.u) && c.coversTimes() {
		return dst, true, nil
	}
	e := c.view.Ring.At(c.next)
	if e == nil {
		if c.next > c.view.Ring.Head() {
			return dst, false, errHead
		}
		return dst, false, errAgain
	}
	c.next, c.at = e.Seq+1, e
	c.w = e.Apply(c.w)
	if e.Kind == ringbuf.Epoch {
		return dst, false, errAgain
	}
	for len(c.u.Pos) < len(c.w.Pos) {
		// Found since: read from its first record.
		c.u.Pos = append(c.u.Pos, ringbuf.Pos{Next: 0, Time: ringbuf.NoTime})
	}
	if e.Seq > c.known {
		c.u.Keys = c.w.Keys
	}
	if e.Part < 0 || e.Offset < c.u.Pos[e.Part].Next {
		return dst, false, nil
	}
	for i, p := range c.w.Pos {
		if u := &c.u.Pos[i]; u.Next <= p.Next { // else the time is that of an older position
			*u = ringbuf.Pos{Next: p.Next, Time: max(u.Time, p.Time)}
		}
	}
	if e.Kind == ringbuf.Gap {
		return ln.appendNotice(dst, &e.Wire), false, nil
	}
	c.events++
	c.id = c.view.appendID(c.id[:0], c.u, &c.names)
	before := len(dst)
	dst = ln.appendEvent(dst, c.id, &e.Wire)
	c.given = c.given.add(c.view, c.u.Keys[e.Part].Topic, 1, len(dst)-before)
	return dst, false, nil
}

// sameKeys reports whether two slices of a ring's keys are one and the same.
func sameKeys(a, b []ringbuf.Key) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// coversTimes reports whether shared ids, where they are times alone, do not go
// back behind the client's own: they would send it further back with every cut.
func (c *catchUp) coversTimes() bool {
	if !c.view.timed {
		return true
	}
	for i := range c.u.Pos {
		if c.timeAhead(i) {
			return false
		}
	}
	return true
}

// timeAhead reports whether the client's time of partition i is one that the
// ring still comes to. Where the ring knows none ids carry the offset. Times may
// go back: at the end of the ring, what it has read since the client began does
// not bring that time any more.
func (c *catchUp) timeAhead(i int) bool {
	w := c.w.Pos[i]
	if w.Time >= c.u.Pos[i].Time || w.Time == ringbuf.NoTime || c.view.formOf(c.u.Keys[i]) != position.Timestamp {
		return false
	}
	return c.next <= c.view.Ring.Head() || i < len(c.from) && w.Next <= c.from[i]
}

// startCache remembers the starts of ids, so that a herd with one id costs one
// start. A start stays right as long as its entry is in the ring.
type startCache struct {
	mu    sync.Mutex
	m     map[startKey]start // guarded by mu
	bytes int64              // of private parts and entries, which may have left the ring; guarded by mu
}

type startKey struct {
	id   string
	lane lane
}

// The bounds of the cache: starts, and what they keep alive. The last one is kept
// however large it is.
const (
	maxStarts     = 64
	maxStartBytes = 2 * maxPrivate
)

// size is what the start keeps alive, bytes.
func (s *start) size() int64 {
	if s.at == nil {
		return 0
	}
	return int64(len(s.private)) + s.at.Size()
}

func (c *startCache) get(k startKey, tail uint64) (start, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.m[k]
	return s, ok && s.at.Seq >= tail
}

func (c *startCache) put(k startKey, s start) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.m[k]
	c.bytes += s.size() - before.size()
	if c.m == nil || len(c.m) >= maxStarts || c.bytes > maxStartBytes {
		c.m, c.bytes = make(map[startKey]start), s.size()
	}
	c.m[k] = s
}
