package broker

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/ringbuf"
)

// goOn goes on at the position: it is the cluster that it is of.
func (s *Stream) goOn(cluster raw.Cluster) {
	s.mu.Lock()
	since := s.since
	s.beginLocked(cluster)
	s.since = since
	s.mu.Unlock()
	s.takeIn(cluster)
	s.log.Info().Msg("stream goes on at its position")
}

// carryOver goes on in another cluster, at the times that the position has come
// to. Nobody publishes meanwhile, so the position stays as it is.
func (s *Stream) carryOver(ctx context.Context, cluster raw.Cluster) error {
	c, err := s.newCarry(cluster)
	if err == nil {
		err = c.ask(ctx)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	c.publishLocked()
	missing := s.missingLocked()
	s.mu.Unlock()
	s.ring.Wake()
	s.log.Warn().Str("cluster", ClusterTag(cluster.ID)).Int("partitions", len(c.moves)).Strs("missing", missing).
		Msg("stream goes on in another cluster, by time")
	return nil
}

// carry is a position on its way to another cluster.
type carry struct {
	s       *Stream
	cluster raw.Cluster
	was     ringbuf.Vector
	latest  int64 // largest record time of the stream, or ringbuf.NoTime

	since          map[raw.TP]int64 // where each partition goes on: the first record of that time
	oldest, newest map[raw.TP]int64
	at             map[raw.TP]int64 // of since; -1: no record is that new

	moves   []ringbuf.Move
	notices []ringbuf.Notice
	targets []int64 // by ring index
}

// fromOldest is before every record time.
const fromOldest = math.MinInt64

// newCarry finds out what has to be asked.
func (s *Stream) newCarry(cluster raw.Cluster) (*carry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &carry{s: s, cluster: cluster, was: s.ring.Position(), latest: ringbuf.NoTime, since: make(map[raw.TP]int64)}
	for _, p := range c.was.Pos {
		c.latest = max(c.latest, p.Time)
	}
	for _, t := range s.topics {
		answer := cluster.Topics[t.name]
		switch {
		case errors.Is(answer.Err, sarama.ErrUnknownTopicOrPartition):
			continue
		case answer.Err != nil && len(answer.Partitions) == 0:
			return nil, fmt.Errorf("cannot use topic %q: %w", t.name, answer.Err)
		}
		for p := range partitionCount(answer) {
			c.since[raw.TP{Topic: t.name, Partition: int32(p)}] = c.sinceLocked(t, p)
		}
	}
	return c, nil
}

// clockSlack is by how much a record may be older than the moment at which it
// came to Kafka, milliseconds.
const clockSlack = 60_000

// sinceLocked is the time from which on a partition of the other cluster has
// what was not delivered: every record of that time or later.
func (c *carry) sinceLocked(t *topic, p int) int64 {
	if p >= len(t.parts) {
		if c.latest == ringbuf.NoTime {
			return fromOldest
		}
		return c.latest // it is more than there was
	}
	part := t.parts[p]
	switch at := c.was.Pos[part]; {
	case at.Time != ringbuf.NoTime:
		return at.Time
	case at.Next == 0:
		return fromOldest // it never had a record
	}
	// Nothing was delivered. What lies before is at most as new as the floor says.
	if _, low := c.s.ring.Floor(part, 0); low < math.MaxInt64 {
		return low + 1
	}
	began := c.s.since - clockSlack
	if c.latest != ringbuf.NoTime {
		began = min(began, c.latest)
	}
	return began
}

// ask asks the other cluster. Newest comes before the times: a record that comes
// between the two questions is found by its time then, not jumped.
func (c *carry) ask(ctx context.Context) (err error) {
	if len(c.since) == 0 {
		return nil
	}
	all := make([]raw.TP, 0, len(c.since))
	at := make(map[raw.TP]int64)
	for tp, ms := range c.since {
		all = append(all, tp)
		if ms != fromOldest {
			at[tp] = max(0, ms)
		}
	}
	if c.newest, err = c.s.offsets(ctx, all, sarama.OffsetNewest); err != nil {
		return err
	}
	if c.oldest, err = c.s.offsets(ctx, all, sarama.OffsetOldest); err != nil {
		return err
	}
	c.at, err = c.s.offsetsByTime(ctx, at)
	return err
}

// given is where a partition of the other cluster goes on, and the largest time
// that a record before may have, as in ringbuf.Ring.Add.
func (c *carry) given(tp raw.TP) (offset, lowTime int64) {
	offset, lowTime = c.oldest[tp], ringbuf.NoTime
	if ms := c.since[tp]; ms != fromOldest {
		at := c.at[tp]
		if at < 0 {
			at = c.newest[tp]
		}
		if at > offset {
			offset, lowTime = at, ms-1
		}
	}
	return offset, lowTime
}

// publishLocked moves the ring, and tells so.
func (c *carry) publishLocked() {
	s := c.s
	s.gen++
	c.targets = make([]int64, len(c.was.Pos))
	for _, t := range s.topics {
		c.topicLocked(t)
	}
	// Not above a position of the old cluster: Live loads them behind that.
	s.targets.Store(&[]int64{})
	s.carried.Store(true)
	s.ring.PublishMoves(c.moves, s.cfg.Encoder.Gap(c.notices...))
	s.targets.Store(&c.targets)
	s.m.epochs.Inc()
	s.beginLocked(c.cluster)
}

// topicLocked makes a topic the one of the other cluster.
func (c *carry) topicLocked(t *topic) {
	s, answer := c.s, c.cluster.Topics[t.name]
	t.exists = answer.Err == nil || len(answer.Partitions) > 0
	t.had = map[[16]byte]bool{}
	t.setID(answer.ID)
	t.epoch = EpochTag(c.cluster.ID, answer.ID)
	t.count = 0
	if t.exists {
		t.count = partitionCount(answer)
	}
	for p, part := range t.parts {
		t.leader[p], t.told[p] = -1, -1
		s.ends[part] = -1
		was := c.was.Pos[part]
		// The time stays in any case: it is needed on the way back.
		m := ringbuf.Move{Part: part, Epoch: t.epoch, At: ringbuf.Pos{Time: was.Time}, LowTime: ringbuf.NoTime}
		if s.cfg.Timed && was.Time > 0 {
			m.At.Time-- // the records of that time were not delivered here
		}
		n := ringbuf.Notice{Topic: t.name, Partition: int32(p), Asked: was.Next, Reason: otherCluster.String()}
		switch {
		case p < t.count:
			tp := raw.TP{Topic: t.name, Partition: int32(p)}
			m.At.Next, m.LowTime = c.given(tp)
			n.Given, c.targets[part] = m.At.Next, c.newest[tp]
			s.m.gaps[otherCluster].Inc()
		case t.exists:
			n.Given, n.Reason = -1, gone.String()
			s.m.gaps[gone].Inc()
		default: // read from its first record when it appears
			s.m.gaps[otherCluster].Inc()
		}
		c.moves, c.notices = append(c.moves, m), append(c.notices, n)
	}
	for p := len(t.parts); p < t.count; p++ {
		tp := raw.TP{Topic: t.name, Partition: int32(p)}
		at, lowTime := c.given(tp)
		s.addLocked(t, ringbuf.Pos{Next: at, Time: ringbuf.NoTime}, lowTime)
		c.targets = append(c.targets, c.newest[tp])
	}
	t.leaderEpochs(answer)
}
