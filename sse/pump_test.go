package sse

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// tape is a stream for tests of the pump, and all that was ever published in it.
type tape struct {
	*publisher
	topics []string
	parts  []*taped
	clock  *int64
	rnd    *rand.Rand
	epochs bool // topics are created anew now and then
}

// taped is one partition of a tape in its present epoch.
type taped struct {
	from    int64   // the offset that the ring began with; nothing is known below
	whole   bool    // and nothing lies there
	offsets []int64 // of events
}

func newTape(events int, clock *int64, seed uint64, topics ...string) *tape {
	return &tape{publisher: newEmptyPublisher(events, position.Both), topics: topics, clock: clock, rnd: rand.New(rand.NewPCG(seed, 9)), epochs: seed%2 == 1}
}

// step changes the stream at random and does not wake.
func (s *tape) step(i int) {
	p := s.publisher
	if len(s.parts) == 0 || s.rnd.IntN(60) == 0 && len(s.parts) < 6 {
		at := s.rnd.Int64N(3) * 10
		n := len(s.parts)
		p.add(s.topics[n%len(s.topics)], int32(n/len(s.topics)), at)
		s.parts = append(s.parts, &taped{from: at, whole: at == 0})
		if s.rnd.IntN(2) == 0 {
			p.ring.Flush()
		}
		return
	}
	part := s.rnd.IntN(len(s.parts))
	next := p.ring.Position().Pos[part].Next
	switch x := s.rnd.IntN(100); {
	case x < 1 && s.epochs:
		topic := p.ring.Position().Keys[part].Topic
		var parts []int
		for n, k := range p.ring.Position().Keys {
			if k.Topic == topic {
				parts = append(parts, n)
				*s.parts[n] = taped{whole: true}
			}
		}
		p.ring.PublishEpoch(parts, fmt.Sprintf("cccccc.%06d", i), 0, ringbuf.NoTime, p.enc.Gap(ringbuf.Notice{Topic: topic, Reason: "recreated"}))
	case x < 2:
		p.ring.Retag(part, fmt.Sprintf("cccccc.r%05d", i))
	case x < 8:
		p.ring.Advance(part, next+s.rnd.Int64N(4))
		if s.rnd.IntN(2) == 0 {
			p.ring.Flush()
		}
	case x < 11:
		if err := p.ring.PublishGap(part, next+s.rnd.Int64N(5), p.enc.Gap(ringbuf.Notice{Topic: "x", Reason: "missed"})); err != nil {
			panic(err)
		}
	default:
		offset := next + s.rnd.Int64N(2)
		*s.clock += s.rnd.Int64N(3)
		s.parts[part].offsets = append(s.parts[part].offsets, offset)
		v := p.ring.Position()
		ms := *s.clock - s.rnd.Int64N(4)
		w := p.enc.Event(v, part, ringbuf.Pos{Next: offset + 1, Time: max(ms, v.Pos[part].Time)}, fmt.Appendf(nil, `{"part":%d,"offset":%d}`, part, offset))
		if err := p.ring.Publish(part, offset, ms, w); err != nil {
			panic(err)
		}
	}
}

// Whatever happens in the streams and however late the pump is: the view's
// position is the union of theirs, every id says so, and of what a position
// lacks the ring has everything, or says that it has not.
func TestPumpMirrors(t *testing.T) {
	f := func(name string, rings []int, viewBytes int64, late int) {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				clock := int64(firstTime)
				tapes := []*tape{newTape(rings[0], &clock, seed, "x", "y"), newTape(rings[1], &clock, seed+100, "y", "z")}
				s, v := unpumped(t, func(c *Config) { c.ViewsMax, c.ViewBytes, c.Log = 1, viewBytes, zerolog.Nop() }, tapes...)
				check := &pumpCheck{t: t, view: v, tapes: tapes, rnd: rand.New(rand.NewPCG(seed, 3))}
				rnd := rand.New(rand.NewPCG(seed, 4))
				for i := range 1000 {
					tapes[rnd.IntN(2)].step(i)
					if rnd.IntN(late) == 0 {
						for _, x := range tapes {
							x.ring.Flush()
						}
						v.shared.pump.round()
						check.all()
					}
				}
				s.release(v)
				if t.Failed() {
					return
				}
			}
		})
	}
	f("nothing is evicted", []int{4096, 4096}, 64<<20, 10)
	f("the view evicts", []int{4096, 4096}, 20<<10, 10)
	f("the pump falls out", []int{30, 50}, 64<<20, 40)
	f("both", []int{30, 50}, 20<<10, 40)
	f("tiny rings", []int{1, 2}, 20<<10, 3)
}

// unpumped returns a server of tapes "a", "b", … and the view of all of them,
// whose pump works only when the test says so.
func unpumped(t *testing.T, change func(*Config), tapes ...*tape) (*Server, *view) {
	t.Helper()
	s, _ := serve(t, newPublisher(1, 1), func(c *Config) {
		c.Streams = nil
		for i, x := range tapes {
			c.Streams = append(c.Streams, Stream{Name: string(rune('a' + i)), Topics: x.topics, ID: x.form, Ring: x.ring, Source: x})
		}
		change(c)
	})
	v := s.composites.use(s, s.catalog.Load().views)
	v.shared.made.Do(func() {
		v.waker.start(s, v)
		v.shared.pump.start()
	})
	t.Cleanup(v.shared.pump.stop)
	return s, v
}

// pumpCheck compares a view with the tapes behind it.
type pumpCheck struct {
	t     *testing.T
	view  *view
	tapes []*tape
	rnd   *rand.Rand
}

func (c *pumpCheck) all() {
	c.t.Helper()
	newest := c.view.Ring.Newest()
	if newest == nil {
		for _, x := range c.tapes {
			if x.ring.Newest() == nil {
				return
			}
		}
		c.t.Fatal("the view has no position")
	}
	w := newest.Vector()
	keys, parts := c.union()
	if len(keys) != len(w.Keys) {
		c.t.Fatalf("%d partitions of %d: %v", len(w.Keys), len(keys), w.Keys)
	}
	for i, k := range w.Keys {
		if want := keys[partition{k.Topic, k.Partition}]; want.key != k || want.pos != w.Pos[i] {
			c.t.Fatalf("%v at %v, want %v at %v", k, w.Pos[i], want.key, want.pos)
		}
	}
	c.entries()
	for range 20 {
		c.locate(w, parts)
	}
	for i, k := range w.Keys {
		p := parts[partition{k.Topic, k.Partition}]
		first, ok := c.view.Ring.First(i)
		if ok && (!p.whole || len(p.offsets) > 0 && p.offsets[0] < first) {
			c.t.Fatalf("%v begins at %d, and nothing is below: %+v", k, first, p)
		}
	}
}

type keyAt struct {
	key ringbuf.Key
	pos ringbuf.Pos
}

// union is what the view should know: every topic from the first stream that
// has it.
func (c *pumpCheck) union() (map[partition]keyAt, map[partition]*taped) {
	keys, parts := make(map[partition]keyAt), make(map[partition]*taped)
	owner := map[string]int{"x": 0, "y": 0, "z": 1}
	for n, x := range c.tapes {
		v := x.ring.Newest().Vector()
		for i, k := range v.Keys {
			if owner[k.Topic] == n {
				keys[partition{k.Topic, k.Partition}] = keyAt{k, v.Pos[i]}
				parts[partition{k.Topic, k.Partition}] = x.parts[i]
			}
		}
	}
	return keys, parts
}

// entries checks that an event's id is its position, and that it shares its bytes.
func (c *pumpCheck) entries() {
	c.t.Helper()
	r := c.view.Ring
	for seq := r.Tail(); seq <= r.Head(); seq++ {
		e := r.At(seq)
		if e == nil {
			c.t.Fatalf("entry %d is missing", seq)
		}
		if e.Kind != ringbuf.Event {
			continue
		}
		if id := string(c.view.id(e.Vector())); e.Wire.ID != id {
			c.t.Fatalf("id %s, position %s", e.Wire.ID, id)
		}
		k := e.Keys()[e.Part]
		stream := c.view.streamOf(k)
		for i, own := range stream.Ring.Newest().Keys() {
			if own.Topic != k.Topic || own.Partition != k.Partition {
				continue
			}
			if x := stream.Ring.Record(i, e.Offset); x != nil && x.Offset == e.Offset && &x.Wire.Bytes[0] != &e.Wire.Bytes[0] {
				c.t.Fatalf("%v at %d is a copy", k, e.Offset)
			}
		}
	}
}

// locate asks for a random position at or below w.
func (c *pumpCheck) locate(w ringbuf.Vector, parts map[partition]*taped) {
	c.t.Helper()
	r := c.view.Ring
	want := make([]int64, len(w.Pos))
	inStreams := !c.tapes[0].epochs // an epoch of one stream empties the view for all
	for i, pos := range w.Pos {
		want[i] = max(0, pos.Next-c.rnd.Int64N(1+c.rnd.Int64N(30)))
		k := w.Keys[i]
		stream := c.view.streamOf(k)
		for n, own := range stream.Ring.Newest().Keys() {
			if own.Topic == k.Topic && own.Partition == k.Partition {
				floor, _ := stream.Ring.Floor(n, 0)
				inStreams = inStreams && want[i] >= floor
			}
		}
	}
	seq, ok := r.Locate(want)
	if !ok {
		if _, bytes := r.Bounds(); inStreams && bytes == 64<<20 {
			c.t.Fatalf("%v is refused, and the streams have it", want)
		}
		return
	}
	for i, k := range w.Keys {
		p := parts[partition{k.Topic, k.Partition}]
		if want[i] < p.from {
			c.t.Fatalf("%v at %d is located, the stream began at %d", k, want[i], p.from)
		}
		found := make(map[int64]bool)
		for s := seq; s <= r.Head(); s++ {
			if e := r.At(s); e.Kind == ringbuf.Event && int(e.Part) == i {
				found[e.Offset] = true
			}
		}
		for _, offset := range p.offsets {
			if offset >= want[i] && !found[offset] {
				c.t.Fatalf("%v wants %d, located at %d: offset %d is not there", k, want[i], seq, offset)
			}
		}
	}
}

// A view is warm when its pump has what its streams had when they were.
func TestViewIsWarm(t *testing.T) {
	a, b := newTopic("x", 64, 1, position.Both), newTopic("z", 64, 1, position.Both)
	b.cold.Store(true)
	_, v := unpumped(t, func(*Config) {}, &tape{publisher: a, topics: []string{"x"}}, &tape{publisher: b, topics: []string{"z"}})
	f := func(name string, want bool) {
		t.Helper()
		if got := v.Source.Warm(); got != want {
			t.Errorf("%s: warm is %v", name, got)
		}
	}
	f("a stream is cold", false)
	if _, ok := v.Source.Live(); ok {
		t.Error("a position, and a stream has none")
	}
	target := ringbuf.Vector{Keys: b.ring.Newest().Keys(), Pos: []ringbuf.Pos{{Next: 5, Time: ringbuf.NoTime}}}
	b.set(func(*publisher) { b.live = &target })
	if w, ok := v.Source.Live(); !ok || len(w.Pos) != 2 || w.Pos[0].Next != 0 || w.Pos[1].Next != 5 {
		t.Errorf("begins at %v", w)
	}
	b.publish(0, 0, `{}`)
	b.cold.Store(false)
	f("the pump has not come there", false)
	b.publish(0, 1, `{}`)
	v.shared.pump.round()
	f("it has", true)
	b.publish(0, 2, `{}`)
	f("it stays", true)
}

// Only where ids are times alone do times decide whether a client can join.
func TestCompositeCoversTimes(t *testing.T) {
	a, b := newTopic("x", 64, 1, position.Offset), newTopic("z", 64, 1, position.Timestamp)
	_, v := unpumped(t, func(*Config) {}, &tape{publisher: a, topics: []string{"x"}}, &tape{publisher: b, topics: []string{"z"}})
	keys := v.Ring.Newest().Keys()
	f := func(x, z int64, want bool) {
		t.Helper()
		w := ringbuf.Vector{Keys: keys, Pos: []ringbuf.Pos{{Next: 1, Time: 10}, {Next: 1, Time: 10}}}
		u := ringbuf.Vector{Keys: keys, Pos: []ringbuf.Pos{{Next: 1, Time: x}, {Next: 1, Time: z}}}
		// A ring that has not moved since the client began may still come to its time.
		if c := (&catchUp{view: v, w: w, u: u, from: []int64{1, 1}, next: v.Ring.Head() + 1}); c.coversTimes() != want {
			t.Errorf("%d and %d: %v", x, z, !want)
		}
	}
	f(10, 10, true)
	f(11, 10, true)
	f(10, 11, false)
}
