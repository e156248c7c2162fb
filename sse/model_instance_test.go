package sse

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/frame"
	"github.com/ringcast/ringcast/sse/position"
)

// modelInstance is one process: a real ring and a real Server, filled by a
// model of package broker. It is the Source of its stream.
type modelInstance struct {
	world  *modelWorld
	name   string
	kafka  *modelKafka
	away   bool // Kafka does not answer it
	ring   *ringbuf.Ring
	enc    *frame.Encoder
	cold   bool
	target []int64
	topics []*modelSeen
	srv    *Server
	view   *view
}

// modelSeen is what an instance knows of a topic.
type modelSeen struct {
	name   string
	gen    int
	exists bool
	count  int   // partitions that exist
	parts  []int // their index in the ring
}

func newModelInstance(w *modelWorld, name string, k *modelKafka, topics []string) *modelInstance {
	in := &modelInstance{world: w, name: name, kafka: k, cold: true, ring: ringbuf.New(w.ringEvents, 1<<20), enc: frame.NewEncoder(w.form, frame.JSON)}
	for _, name := range topics {
		s := &modelSeen{name: name}
		in.topics = append(in.topics, s)
		t := k.topics[name]
		if t == nil || !t.exists {
			in.add(s, 0, ringbuf.NoTime, 0)
			continue
		}
		s.gen, s.exists, s.count = t.gen, true, len(t.logs)
		for _, l := range t.logs {
			at, lowTime := w.first(l)
			in.add(s, at, lowTime, l.stable())
		}
	}
	in.ring.Flush()
	in.noteWarm()
	srv, err := New(Config{
		Streams:  []Stream{{Name: "s", Topics: topics, ID: w.form, Ring: in.ring, Source: in}},
		Limits:   Limits{MaxConnections: 100, Heartbeat: 1000 * time.Hour, SlowClientTimeout: time.Hour, LimitAsResponse: w.park},
		BasePath: "/v2/stream", SendBuffer: w.sendBuffer, NoShards: true, History: modelHistory{in}, Log: zerolog.Nop(), Metrics: metrics.NewSet(),
	})
	if err != nil {
		panic(err)
	}
	in.srv, in.view = srv, srv.catalog.Load().views[0]
	return in
}

// add follows one more partition.
func (in *modelInstance) add(s *modelSeen, at, lowTime, target int64) {
	k := ringbuf.Key{Topic: s.name, Partition: int32(len(s.parts)), Epoch: in.kafka.epoch(s.name, s.gen)}
	s.parts = append(s.parts, in.ring.Add(k, ringbuf.Pos{Next: at, Time: ringbuf.NoTime}, lowTime))
	in.target = append(in.target, target)
}

// first is where the warm-up of a partition begins, and the largest time that
// a record before it may have.
func (w *modelWorld) first(l *modelLog) (offset, lowTime int64) {
	offset = max(l.start, l.stable()-w.rng.Int64N(w.warmUp+1))
	if offset == l.start {
		return offset, ringbuf.NoTime
	}
	ms := l.records[offset-1].time + 1
	if at, ok := l.at(l.start, ms); ok && at >= offset && w.rng.IntN(2) == 0 {
		return at, ms - 1
	}
	return offset, math.MaxInt64
}

// publish puts what the consumer brings of a partition into the ring: up to n
// records, then one wake.
func (in *modelInstance) publish(s *modelSeen, p, n int) {
	l := in.kafka.log(s.name, s.gen, int32(p))
	if l == nil || in.away {
		return
	}
	part := s.parts[p]
	pos := in.ring.Position().Pos[part].Next
	if pos < l.start {
		in.jump(part, pos, l.start, gapExpired)
		pos = l.start
	}
	for ; n > 0; n-- {
		for pos < l.stable() && l.records[pos].kind == markerRecord {
			pos++ // a consumer says nothing of them
		}
		if pos >= l.stable() {
			break
		}
		v := in.ring.Position()
		switch r := l.records[pos]; r.kind {
		case goodRecord:
			after := ringbuf.Pos{Next: pos + 1, Time: max(v.Pos[part].Time, r.time)}
			k := modelKey{in.kafka.tag, s.name, s.gen, int32(p)}
			if err := in.ring.Publish(part, pos, r.time, in.enc.Event(v, part, after, k.value(pos))); err != nil {
				panic(err)
			}
		case largeRecord:
			in.jump(part, v.Pos[part].Next, pos+1, gapTooLarge)
		default:
			in.ring.Advance(part, pos+1)
		}
		pos++
	}
	in.ring.Flush()
	in.noteWarm()
	in.ring.Wake()
}

func (in *modelInstance) jump(part int, asked, given int64, reason string) {
	k := in.ring.Position().Keys[part]
	n := ringbuf.Notice{Topic: k.Topic, Partition: k.Partition, Asked: asked, Given: given, Reason: reason}
	if err := in.ring.PublishGap(part, given, in.enc.Gap(n)); err != nil {
		panic(err)
	}
}

// checkEnds passes the markers at the ends of logs.
func (in *modelInstance) checkEnds() {
	if in.away {
		return
	}
	for _, s := range in.topics {
		for p := range s.count {
			l := in.kafka.log(s.name, s.gen, int32(p))
			if l == nil {
				continue
			}
			next := max(in.ring.Position().Pos[s.parts[p]].Next, l.start)
			for next < l.stable() && l.records[next].kind == markerRecord {
				next++
			}
			if in.ring.Position().Pos[s.parts[p]].Next >= l.start {
				in.ring.Advance(s.parts[p], next)
			}
		}
	}
	in.ring.Flush()
	in.noteWarm()
	in.ring.Wake()
}

// discover takes in what Kafka says of the topics.
func (in *modelInstance) discover() {
	if in.away {
		return
	}
	for _, s := range in.topics {
		t := in.kafka.topics[s.name]
		if t == nil || !t.exists {
			s.exists = false
			continue
		}
		switch {
		case s.gen == 0:
			s.gen = t.gen
			for _, part := range s.parts {
				in.ring.Retag(part, in.kafka.epoch(s.name, s.gen))
			}
		case s.gen != t.gen:
			var notices []ringbuf.Notice
			v := in.ring.Position()
			for p, part := range s.parts {
				notices = append(notices, ringbuf.Notice{Topic: s.name, Partition: int32(p), Asked: v.Pos[part].Next, Given: 0, Reason: gapRecreated})
				in.target[part] = 0
			}
			s.gen = t.gen
			in.ring.PublishEpoch(s.parts, in.kafka.epoch(s.name, s.gen), 0, ringbuf.NoTime, in.enc.Gap(notices...))
		}
		s.exists, s.count = true, len(t.logs)
		for len(s.parts) < s.count {
			in.add(s, 0, ringbuf.NoTime, 0)
		}
	}
	in.ring.Flush()
	in.noteWarm()
	in.ring.Wake()
}

func (in *modelInstance) noteWarm() {
	pos := in.ring.Position().Pos
	for _, s := range in.topics {
		for _, part := range s.parts[:s.count] {
			if pos[part].Next < in.target[part] {
				return
			}
		}
	}
	in.cold = false
}

func (in *modelInstance) topic(name string) *modelSeen {
	for _, s := range in.topics {
		if s.name == name {
			return s
		}
	}
	return nil
}

// holds reports whether the ring has a record.
func (in *modelInstance) holds(k modelKey, offset int64) bool {
	s := in.topic(k.topic)
	if s == nil || s.gen != k.gen || in.kafka.tag != k.cluster || int(k.part) >= len(s.parts) {
		return false
	}
	e := in.ring.Record(s.parts[k.part], offset)
	return e != nil && e.Offset == offset
}

// live is where a connection without a position starts.
func (in *modelInstance) live(part int) int64 {
	return max(in.ring.Newest().At(part).Next, in.target[part])
}

func (in *modelInstance) Warm() bool {
	in.world.meet()
	return !in.cold
}

func (in *modelInstance) Live() (ringbuf.Vector, bool) {
	in.world.meet()
	v := in.ring.Newest().Vector()
	for part := range v.Pos {
		if v.Pos[part].Next < in.target[part] {
			v.Pos[part] = ringbuf.Pos{Next: in.target[part], Time: ringbuf.NoTime}
		}
	}
	return v, true
}

func (in *modelInstance) PastEnd(_ context.Context, topic string, part int32, offset int64) (int64, bool, error) {
	_, ok := in.world.pass(fmt.Sprintf("asks %s end %s/%d %d", in.name, topic, part, offset))
	s := in.topic(topic)
	if !ok || s == nil || in.away {
		return 0, false, errModelAway
	}
	l := in.kafka.log(topic, s.gen, part)
	if l == nil {
		return 0, false, errModelAway
	}
	return l.stable(), offset > l.end(), nil
}

func (in *modelInstance) LookUp(_ context.Context, topic string) (int, bool, error) {
	if _, ok := in.world.pass(fmt.Sprintf("has %s look up %s", in.name, topic)); !ok || in.away {
		return 0, false, errModelAway
	}
	in.discover()
	if s := in.topic(topic); s != nil && s.exists {
		return s.count, true, nil
	}
	return 0, false, nil
}

var modelForms = []position.Form{position.Both, position.Offset, position.Timestamp, position.Compact}
