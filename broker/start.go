package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/ringbuf"
)

// start gives the ring its first position, or one of this cluster, as soon as
// Kafka can be asked. It reports false when the context ended before.
func (s *Stream) start(ctx context.Context) bool {
	var wait backoff
	for ctx.Err() == nil {
		cluster, err := s.b.meta.now(ctx)
		if err == nil {
			if err = s.beginOrCarry(ctx, cluster); err == nil {
				return true
			}
			s.failed("cannot find where to start", err)
		}
		wait.sleep(ctx)
	}
	return false
}

// beginOrCarry begins with an empty ring, or goes on with one that another
// broker has fed.
func (s *Stream) beginOrCarry(ctx context.Context, cluster raw.Cluster) error {
	s.mu.Lock()
	was := s.cluster
	s.mu.Unlock()
	switch was {
	case "":
		return s.begin(ctx, cluster)
	case ClusterTag(cluster.ID):
		s.goOn(cluster)
		return nil
	}
	return s.carryOver(ctx, cluster)
}

// begin sets where every partition starts. A topic that does not exist is
// followed as partition 0 from offset 0, so that positions name it and nothing
// of it is missed when it appears.
func (s *Stream) begin(ctx context.Context, cluster raw.Cluster) error {
	var all []raw.TP
	for _, name := range s.cfg.Topics {
		t := cluster.Topics[name]
		switch {
		case errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition):
			continue
		case t.Err != nil && len(t.Partitions) == 0:
			return fmt.Errorf("cannot use topic %q: %w", name, t.Err)
		}
		for p := range partitionCount(t) {
			all = append(all, raw.TP{Topic: name, Partition: int32(p)})
		}
	}
	from, err := s.firstPositions(ctx, all)
	if err != nil {
		return err
	}

	s.mu.Lock()
	var targets []int64
	add := func(t *topic, at first) {
		s.addLocked(t, ringbuf.Pos{Next: at.offset, Time: ringbuf.NoTime}, at.lowTime)
		targets = append(targets, at.newest)
	}
	for _, t := range s.topics {
		answer := cluster.Topics[t.name]
		t.exists = answer.Err == nil || len(answer.Partitions) > 0
		t.setID(answer.ID)
		t.epoch = EpochTag(cluster.ID, answer.ID)
		if !t.exists {
			add(t, first{lowTime: ringbuf.NoTime})
			continue
		}
		t.count = partitionCount(answer)
		for p := range t.count {
			add(t, from[raw.TP{Topic: t.name, Partition: int32(p)}])
		}
		t.leaderEpochs(answer)
	}
	s.targets.Store(&targets)
	s.beginLocked(cluster)
	s.ring.Flush()
	missing := s.missingLocked()
	s.mu.Unlock()

	s.ring.Wake()
	s.log.Info().Int("partitions", len(targets)).Strs("missing", missing).Msg("stream starts")
	return nil
}

// beginLocked says that the position is one of this cluster from here on.
func (s *Stream) beginLocked(cluster raw.Cluster) {
	s.cluster, s.since, s.begun = ClusterTag(cluster.ID), s.b.cfg.Now().UnixMilli(), true
	close(s.ready)
}

// first is where one partition starts.
type first struct {
	offset  int64
	newest  int64
	lowTime int64 // as in ringbuf.Ring.Add
}

// firstPositions asks for oldest, newest and the offset at warm_up ago.
func (s *Stream) firstPositions(ctx context.Context, all []raw.TP) (map[raw.TP]first, error) {
	if len(all) == 0 {
		return nil, nil
	}
	oldest, err := s.offsets(ctx, all, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	newest, err := s.offsets(ctx, all, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	events, warmUp := s.cfg.Events, s.cfg.WarmUp
	s.mu.Unlock()
	ago := s.b.cfg.Now().Add(-warmUp).UnixMilli()
	var then map[raw.TP]int64
	if warmUp > 0 {
		if then, err = s.offsets(ctx, all, ago); err != nil {
			return nil, err
		}
	}
	from := make(map[raw.TP]first, len(all))
	for _, tp := range all {
		f := first{offset: newest[tp], newest: newest[tp], lowTime: math.MaxInt64}
		if warmUp > 0 {
			at := then[tp]
			if at < 0 {
				at = newest[tp] // no record is that new
			}
			f.offset = max(oldest[tp], newest[tp]-int64(events), min(at, newest[tp]))
			if f.offset == at {
				f.lowTime = ago - 1
			}
		}
		if f.offset == oldest[tp] {
			f.lowTime = ringbuf.NoTime
		}
		from[tp] = f
	}
	return from, nil
}

// offsets is raw.Client.Offsets for partitions that all have to answer.
func (s *Stream) offsets(ctx context.Context, all []raw.TP, at int64) (map[raw.TP]int64, error) {
	answers, err := s.asks.get().Offsets(ctx, all, at, s.b.cfg.ReadCommitted)
	if err != nil {
		return nil, err
	}
	return allOf(answers, all)
}

// offsetsByTime is offsets with a time for each partition.
func (s *Stream) offsetsByTime(ctx context.Context, at map[raw.TP]int64) (map[raw.TP]int64, error) {
	answers, err := s.asks.get().OffsetsByTime(ctx, at, s.b.cfg.ReadCommitted)
	if err != nil {
		return nil, err
	}
	return allOf(answers, slices.Collect(maps.Keys(at)))
}

// allOf returns the offsets of answers, which all have to be there.
func allOf(answers map[raw.TP]raw.Offset, all []raw.TP) (map[raw.TP]int64, error) {
	offsets := make(map[raw.TP]int64, len(all))
	for _, tp := range all {
		a, ok := answers[tp]
		if !ok {
			return nil, fmt.Errorf("cannot find offsets of %s/%d: no answer", tp.Topic, tp.Partition)
		}
		if a.Err != nil {
			return nil, fmt.Errorf("cannot find offsets of %s/%d: %w", tp.Topic, tp.Partition, a.Err)
		}
		offsets[tp] = a.Offset
	}
	return offsets, nil
}

// knownOffsets is raw.Client.Offsets without the partitions that have no leader.
func (s *Stream) knownOffsets(ctx context.Context, all []raw.TP, at int64) (map[raw.TP]int64, error) {
	answers, err := s.asks.get().Offsets(ctx, all, at, s.b.cfg.ReadCommitted)
	if err != nil {
		return nil, err
	}
	offsets := make(map[raw.TP]int64, len(all))
	for _, tp := range all {
		switch a, ok := answers[tp]; {
		case ok && a.Err == nil:
			offsets[tp] = a.Offset
		case ok && !errors.Is(a.Err, sarama.ErrLeaderNotAvailable):
			return nil, fmt.Errorf("cannot find offsets of %s/%d: %w", tp.Topic, tp.Partition, a.Err)
		}
	}
	return offsets, nil
}

// addLocked makes the ring follow the next partition of a topic.
func (s *Stream) addLocked(t *topic, at ringbuf.Pos, lowTime int64) {
	k := ringbuf.Key{Topic: t.name, Partition: int32(len(t.parts)), Epoch: t.epoch}
	t.parts = append(t.parts, s.ring.Add(k, at, lowTime))
	t.leader, t.told = append(t.leader, -1), append(t.told, -1)
	s.ends = append(s.ends, -1)
}

// setTargetLocked changes what the position must reach until the stream is warm.
func (s *Stream) setTargetLocked(part int, target int64) {
	targets := append([]int64(nil), *s.targets.Load()...)
	for len(targets) <= part {
		targets = append(targets, 0)
	}
	targets[part] = target
	s.targets.Store(&targets)
}

// Warm reports whether the ring has been filled up to what was newest when the
// stream started, or when it moved to another cluster: until then a connection
// without a position starts at Live, and Kafka knows more of times than the ring.
func (s *Stream) Warm() bool { return s.warm.Load() && !s.carried.Load() }

// Live is where a connection without a position begins while the stream is not
// warm: at what was newest when the stream started, or at the position where
// that is ahead. ok is false until Kafka was reached for the first time.
func (s *Stream) Live() (v ringbuf.Vector, ok bool) {
	e := s.ring.Newest()
	if e == nil {
		return ringbuf.Vector{}, false
	}
	v = e.Vector()
	// The targets come last: those of an old epoch are lowered before a new
	// one is published. They are raised behind that.
	targets := *s.targets.Load()
	if now := s.ring.Newest().Keys(); len(v.Keys) > 0 && &now[0] != &v.Keys[0] {
		return s.Live()
	}
	for part, target := range targets {
		if part < len(v.Pos) && v.Pos[part].Next < target {
			v.Pos[part] = ringbuf.Pos{Next: target, Time: ringbuf.NoTime}
		}
	}
	return v, true
}

// noteWarm makes the stream warm once every existing partition has reached its
// target.
func (s *Stream) noteWarm() {
	if s.Warm() {
		return
	}
	s.mu.Lock()
	warm := s.begun
	targets := *s.targets.Load()
	for _, p := range s.placesLocked() {
		warm = warm && (p.part >= len(targets) || p.next >= targets[p.part])
	}
	if warm {
		s.carried.Store(false)
	}
	s.mu.Unlock()
	if warm && !s.warm.Swap(true) {
		s.log.Info().Uint64("events", s.ring.Head()).Int64("bytes", s.ring.Bytes()).Msg("ring is warm")
	}
}
