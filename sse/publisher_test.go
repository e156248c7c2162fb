package sse

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/frame"
	"github.com/ringcast/ringcast/sse/position"
)

// epoch is the one that a publisher's partitions begin with.
const epoch = "cccccc.tttttt"

// publisher is a stream without Kafka: a ring, the encoder, and a Source whose
// answers a test sets. Its topic is "t".
type publisher struct {
	form position.Form
	ring *ringbuf.Ring
	cold atomic.Bool

	mu     sync.Mutex // guards publishing and what follows
	enc    *frame.Encoder
	live   *ringbuf.Vector
	past   func(partition int32, offset int64) (int64, bool, error)
	lookUp func(topic string) (int, bool, error)
	ask    func() // called by Warm
}

// newPublisher returns a publisher of a ring of so many events.
func newPublisher(events, partitions int) *publisher {
	p := newEmptyPublisher(events, position.Both)
	for i := range partitions {
		p.add("t", int32(i), 0)
	}
	p.ring.Flush()
	return p
}

// newEmptyPublisher returns one that knows no partition yet.
func newEmptyPublisher(events int, form position.Form) *publisher {
	return &publisher{form: form, ring: ringbuf.New(events, 256<<20), enc: frame.NewEncoder(form, frame.JSON)}
}

// add makes the ring follow one more partition, from an offset on.
func (p *publisher) add(topic string, partition int32, offset int64) {
	low := ringbuf.NoTime
	if offset > 0 {
		low = time.Now().UnixMilli()
	}
	p.ring.Add(ringbuf.Key{Topic: topic, Partition: partition, Epoch: epoch}, ringbuf.Pos{Next: offset, Time: ringbuf.NoTime}, low)
}

// publish appends one record of now and wakes.
func (p *publisher) publish(part int, offset int64, value string) {
	p.publishAt(part, offset, time.Now().UnixMilli(), value)
}

// publishAt appends one record with a time in Unix milliseconds and wakes.
func (p *publisher) publishAt(part int, offset, ms int64, value string) {
	p.mu.Lock()
	w := p.enc.Event(p.ring.Position(), part, ringbuf.Pos{Next: offset + 1, Time: max(ms, p.ring.Position().Pos[part].Time)}, []byte(value))
	err := p.ring.Publish(part, offset, ms, w)
	p.mu.Unlock()
	if err != nil {
		panic(err)
	}
	p.ring.Wake()
}

// change changes the ring under the publisher's lock and wakes.
func (p *publisher) change(f func(*ringbuf.Ring)) {
	p.mu.Lock()
	f(p.ring)
	p.mu.Unlock()
	p.ring.Wake()
}

// set changes what the Source answers.
func (p *publisher) set(f func(*publisher)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

// id is a position in the form of the publisher's ids.
func (p *publisher) id(next ...int64) string {
	v := ringbuf.Vector{Keys: p.ring.Newest().Keys()}
	for _, n := range next {
		v.Pos = append(v.Pos, ringbuf.Pos{Next: n, Time: ringbuf.NoTime})
	}
	v.Keys = v.Keys[:len(next)]
	return string(position.AppendID(nil, v, position.Offset, nil))
}

func (p *publisher) Warm() bool {
	p.mu.Lock()
	ask := p.ask
	p.mu.Unlock()
	if ask != nil {
		ask()
	}
	return !p.cold.Load()
}

func (p *publisher) Live() (ringbuf.Vector, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil {
		return ringbuf.Vector{}, false
	}
	return *p.live, true
}

func (p *publisher) PastEnd(_ context.Context, _ string, part int32, offset int64) (int64, bool, error) {
	p.mu.Lock()
	past := p.past
	p.mu.Unlock()
	if past == nil {
		return 0, false, errors.New("not asked")
	}
	return past(part, offset)
}

func (p *publisher) LookUp(_ context.Context, topic string) (int, bool, error) {
	p.mu.Lock()
	lookUp := p.lookUp
	p.mu.Unlock()
	if lookUp == nil {
		return 0, false, errors.New("away")
	}
	return lookUp(topic)
}
