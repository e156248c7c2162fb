package ringbuf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
)

// history is a list of calls of the publisher, and what they must lead to,
// worked out without a ring: every entry with its full vector, and for every
// partition the records in order. It is finished before the ring is used, so
// any goroutine may read it.
type history struct {
	calls []func(*Ring)
	log   []expected // of sequence 1 on
	parts [][]*run   // per partition, in order
}

// expected is what the entry of one sequence must be.
type expected struct {
	kind   Kind
	part   int32
	offset int64
	time   int64
	size   int // of Wire.Bytes
	before Vector
	after  Vector
}

// run is one partition from its Add, or from an epoch, to the next epoch.
type run struct {
	from    uint64 // its first sequence; 0 when it was added
	next    int64  // floor to begin with
	time    int64
	seqs    []uint64 // events and gaps
	offsets []int64  // of them; rising
	maxTime []int64  // largest record time up to each of them
	events  []int    // which of them are events
}

// wanted is the sequence of the first event or gap at or above an offset.
func (r *run) wanted(offset int64) uint64 {
	return r.seq(sort.Search(len(r.seqs), func(i int) bool { return r.offsets[i] >= offset }))
}

// newer is the sequence of the first event with a time of at least ms.
func (r *run) newer(ms int64) uint64 {
	return r.seq(sort.Search(len(r.seqs), func(i int) bool { return r.maxTime[i] >= ms }))
}

func (r *run) seq(i int) uint64 {
	if i == len(r.seqs) {
		return math.MaxUint64
	}
	return r.seqs[i]
}

// records are the sequences of the events at or above an offset.
func (r *run) records(offset int64) (seqs []uint64) {
	for _, i := range r.events[sort.Search(len(r.events), func(k int) bool { return r.offsets[r.events[k]] >= offset }):] {
		seqs = append(seqs, r.seqs[i])
	}
	return seqs
}

// run is the run of a partition that is in force when head is the newest sequence.
func (h *history) run(part int, head uint64) *run {
	runs := h.parts[part]
	i := sort.Search(len(runs), func(i int) bool { return runs[i].from > head })
	return runs[i-1]
}

// composer makes a history.
type composer struct {
	*history
	rng   *rand.Rand
	epoch int
	clock int64
	now   Vector // owned
	last  Vector // after the entry before
	dirty bool
}

// shape says how often things happen, per call.
type shape struct {
	parts    int     // partitions, added at random times
	entries  int     // at least so many
	maxBytes int     // of one entry
	epochs   float64 // share of the calls
	losses   float64
	advances float64
	gaps     float64
}

func compose(seed uint64, s shape) *history {
	c := &composer{history: &history{}, rng: rand.New(rand.NewPCG(seed, 1)), clock: 1000}
	c.add()
	for len(c.log) < s.entries {
		if n := len(c.now.Pos); n < s.parts && c.rng.IntN(s.entries) < 4*s.parts {
			c.add()
		}
		switch x := c.rng.Float64(); {
		case x < s.epochs:
			c.restart()
		case x < s.epochs+s.advances:
			c.advance()
		case x < s.epochs+s.advances+s.gaps:
			c.gap(s.maxBytes)
		case x < s.epochs+s.advances+s.gaps+s.losses:
			c.lose()
		default:
			c.event(s.maxBytes)
		}
	}
	return c.history
}

func (c *composer) call(f func(*Ring)) { c.calls = append(c.calls, f) }

// entry notes the entry that the call just made leads to.
func (c *composer) entry(kind Kind, part int, offset, ms int64, size int) {
	after := Vector{Keys: c.now.Keys, Pos: slices.Clone(c.now.Pos)}
	c.log = append(c.log, expected{kind, int32(part), offset, ms, size, c.last, after})
	c.last, c.dirty = after, false
	if part < 0 {
		return
	}
	runs := c.parts[part]
	r := runs[len(runs)-1]
	biggest := int64(math.MinInt64)
	if n := len(r.maxTime); n > 0 {
		biggest = r.maxTime[n-1]
	}
	if kind == Event {
		r.events = append(r.events, len(r.seqs))
		biggest = max(biggest, ms)
	}
	r.seqs = append(r.seqs, uint64(len(c.log)))
	r.offsets = append(r.offsets, offset)
	r.maxTime = append(r.maxTime, biggest)
}

// ms is a record time: it grows, and goes back now and then. Some records have none.
func (c *composer) ms() int64 {
	c.clock += c.rng.Int64N(5)
	switch c.rng.IntN(10) {
	case 0:
		return NoTime
	case 1, 2:
		return max(1, c.clock-c.rng.Int64N(200))
	}
	return c.clock
}

func (c *composer) add() {
	n := len(c.now.Pos)
	k := Key{Topic: fmt.Sprint("t", n%3), Partition: int32(n), Epoch: "first"}
	at, low := Pos{Next: 0, Time: NoTime}, NoTime
	switch c.rng.IntN(3) {
	case 0: // from the middle, up to where is known
		at.Next, low = 1+c.rng.Int64N(50), c.clock-1
	case 1: // from the middle, with a time
		at.Next, low = 1+c.rng.Int64N(50), math.MaxInt64
		at.Time = c.clock
	}
	c.call(func(r *Ring) { r.Add(k, at, low) })
	c.now = Vector{Keys: append(slices.Clone(c.now.Keys), k), Pos: append(c.now.Pos, at)}
	c.parts = append(c.parts, []*run{{next: at.Next, time: low}})
	c.dirty = true
}

func (c *composer) event(maxBytes int) {
	part := c.rng.IntN(len(c.now.Pos))
	p := &c.now.Pos[part]
	offset, ms, size := p.Next, c.ms(), c.rng.IntN(maxBytes+1)
	if c.rng.IntN(8) == 0 {
		offset += c.rng.Int64N(4) // a compacted topic
	}
	p.Next, p.Time = offset+1, max(p.Time, ms)
	c.call(func(r *Ring) { must(r.Publish(part, offset, ms, Wire{Bytes: make([]byte, size)})) })
	c.entry(Event, part, offset, ms, size)
}

func (c *composer) gap(maxBytes int) {
	part, size := c.rng.IntN(len(c.now.Pos)), c.rng.IntN(maxBytes+1)
	c.now.Pos[part].Next += 1 + c.rng.Int64N(20)
	next := c.now.Pos[part].Next
	c.call(func(r *Ring) { must(r.PublishGap(part, next, Wire{Bytes: make([]byte, size)})) })
	c.entry(Gap, part, next-1, NoTime, size)
}

// advance moves a partition, or names another epoch for it. What follows
// carries it, or an entry of its own.
func (c *composer) advance() {
	part := c.rng.IntN(len(c.now.Pos))
	if c.rng.IntN(10) == 0 {
		c.epoch++
		tag := fmt.Sprint("retag", c.epoch)
		c.call(func(r *Ring) { r.Retag(part, tag) })
		c.now.Keys = slices.Clone(c.now.Keys)
		c.now.Keys[part].Epoch = tag
		c.dirty = true
	} else {
		next := c.now.Pos[part].Next + c.rng.Int64N(10) - 2
		c.call(func(r *Ring) { r.Advance(part, next) })
		if next > c.now.Pos[part].Next {
			c.now.Pos[part].Next = next
			c.dirty = true
		}
	}
	if c.rng.IntN(2) == 0 {
		c.call((*Ring).Flush)
		if c.dirty {
			c.entry(Advance, -1, -1, NoTime, 0)
		}
	}
}

// restart is an epoch of one partition or of several.
func (c *composer) restart() {
	c.epoch++
	tag := fmt.Sprint("epoch", c.epoch)
	parts := c.rng.Perm(len(c.now.Pos))[:1+c.rng.IntN(len(c.now.Pos))]
	c.call(func(r *Ring) { r.PublishEpoch(parts, tag, 0, NoTime, Wire{Bytes: make([]byte, 10)}) })
	c.now.Keys = slices.Clone(c.now.Keys)
	for _, p := range parts {
		c.now.Keys[p].Epoch = tag
		c.now.Pos[p] = Pos{Next: 0, Time: NoTime}
		c.parts[p] = append(c.parts[p], &run{from: uint64(len(c.log) + 1), time: NoTime})
	}
	c.entry(Epoch, -1, -1, NoTime, 10)
}

// lose is a Restart: every partition goes on from somewhere else, some in
// another epoch and perhaps further back.
func (c *composer) lose() {
	c.epoch++
	c.now.Keys = slices.Clone(c.now.Keys)
	c.log = append(c.log, expected{}) // the sequence that is left out
	from := uint64(len(c.log) + 1)
	var low []int64
	for p := range c.now.Pos {
		at := &c.now.Pos[p]
		if c.rng.IntN(4) == 0 {
			c.now.Keys[p].Epoch = fmt.Sprint("epoch", c.epoch)
			*at = Pos{Next: c.rng.Int64N(20), Time: NoTime}
		} else {
			at.Next += c.rng.Int64N(20)
		}
		lowest := at.Time // a position with a time has a record of it behind it
		if lowest != NoTime {
			lowest = max(lowest, c.clock)
		}
		low = append(low, []int64{lowest, math.MaxInt64}[c.rng.IntN(2)])
		c.parts[p] = append(c.parts[p], &run{from: from, next: at.Next, time: low[p]})
	}
	keys, at := c.now.Keys, slices.Clone(c.now.Pos)
	c.call(func(r *Ring) { r.Restart(keys, at, low) })
	c.entry(Epoch, -1, -1, NoTime, 0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
