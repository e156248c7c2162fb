package broker

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

// catchUpBytes is what one partition may have in hand, read but not published,
// and once more what is being read behind it.
const catchUpBytes = 256 << 10

// catchUpPatience is how long the last partitions of a catch-up may fail.
const catchUpPatience = 10 * time.Second

const (
	bridgeAfter = 200 * time.Millisecond // a group that is joined by then needs no bridge
	bridgeEvery = 100 * time.Millisecond
)

// bridge follows the partitions without the group while that is being joined,
// over as many attempts as it takes: with the defaults of Kafka a new group waits
// three seconds for more members, and a coordinator that has died is replaced
// after some more. The zero value does not run.
type bridge struct {
	ctx   context.Context
	stop  context.CancelFunc
	ended chan struct{} // closed when it has ended
}

// begin starts it, unless it runs.
func (b *bridge) begin(ctx context.Context, s *Stream) {
	if b.ended != nil && b.ctx.Err() == nil {
		return
	}
	b.end()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	*b = bridge{ctx, stop, ended}
	go func() {
		defer close(ended)
		defer stop()
		sleep(ctx, bridgeAfter)
		if ctx.Err() != nil {
			return
		}
		m := s.newMerge(func(place) int64 { return math.MaxInt64 })
		m.bridge = true
		_ = m.run(ctx)
	}()
}

// end waits until it has ended.
func (b *bridge) end() {
	if b.ended == nil {
		return
	}
	b.stop()
	<-b.ended
	*b = bridge{}
}

// catchUp fills the ring up to what was newest at the start.
func (s *Stream) catchUp(ctx context.Context) {
	s.catchUpTo(ctx, func(p place) int64 {
		if targets := *s.targets.Load(); p.part < len(targets) {
			return targets[p.part]
		}
		return 0
	})
	s.noteWarm()
}

// passTrouble reads up to the present end without the group, which takes the
// stream past a batch that has stopped the group.
func (s *Stream) passTrouble(ctx context.Context) {
	var ends map[raw.TP]int64
	var wait backoff
	for ctx.Err() == nil {
		s.mu.Lock()
		places := s.placesLocked()
		s.mu.Unlock()
		all := make([]raw.TP, len(places))
		for i, p := range places {
			all[i] = p.tp
		}
		var err error
		if ends, err = s.knownOffsets(ctx, all, sarama.OffsetNewest); err == nil {
			break
		}
		s.failed("cannot ask for the ends of partitions", err)
		if errors.Is(err, raw.ErrUnknownTopic) {
			return // a session without that topic comes first
		}
		wait.sleep(ctx)
	}
	s.catchUpTo(ctx, func(p place) int64 { return ends[p.tp] })
}

// catchUpTo reads without the group, from the position up to the targets,
// merged by record time over the partitions: a ring that held the history of
// one partition after the other would have no use as a timeline.
func (s *Stream) catchUpTo(ctx context.Context, target func(place) int64) {
	s.catching.Store(true)
	defer s.catching.Store(false)
	for ctx.Err() == nil {
		if s.newMerge(target).run(ctx) == nil {
			return
		}
	}
}

// merge is one attempt at catching up. It ends with errStale when the
// partitions or their positions have changed under it.
type merge struct {
	s     *Stream
	gen   uint64
	lanes []*lane
	batch *batch

	bridge  bool // there is no target, and nothing new is no failure
	patient time.Duration
}

// lane is one partition of a merge.
type lane struct {
	place
	target  int64
	records []raw.Record // in hand; place.next is the position before them
	through int64        // the position after them
	wait    backoff
	retryAt time.Time
	failing time.Time // since when nothing could be read, zero: it could

	ahead   chan fetched // what is being read behind the records in hand, nil: nothing
	aheadAt int64        // from this offset
}

// fetched is the answer to a fetch.
type fetched struct {
	raw.Fetched
	err error
}

func (s *Stream) newMerge(target func(place) int64) *merge {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	m := &merge{s: s, gen: s.gen, batch: s.newBatch(), patient: s.b.times.patient}
	for _, p := range s.placesLocked() {
		m.lanes = append(m.lanes, &lane{place: p, target: target(p)})
	}
	return m
}

// run publishes until every lane has reached its target. A lane that stands
// there is not waited for, and those that cannot be read are given up when
// they are the only ones left for too long: the group goes on with the others.
func (m *merge) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer m.letGo()
	defer cancel()
	for ctx.Err() == nil {
		var first *lane
		limit, retryAt := int64(math.MaxInt64), time.Time{}
		open, failing := 0, 0
		for _, l := range m.lanes {
			if len(l.records) == 0 && l.next < l.target && !time.Now().Before(l.retryAt) {
				if err := m.fill(ctx, l); err != nil {
					return err
				}
			}
			if len(l.records) > 0 || l.next < l.target {
				open++
			}
			switch {
			case len(l.records) > 0:
				t := l.records[0].Time
				if first == nil || t < first.records[0].Time {
					if first != nil {
						limit = min(limit, first.records[0].Time)
					}
					first = l
				} else {
					limit = min(limit, t)
				}
			case l.next < l.target:
				if retryAt.IsZero() || l.retryAt.Before(retryAt) {
					retryAt = l.retryAt
				}
				if !l.failing.IsZero() && time.Since(l.failing) >= m.patient {
					failing++
				}
			}
		}
		switch {
		case first != nil:
			if err := m.publish(first, limit); err != nil {
				return err
			}
		case !retryAt.IsZero() && (m.bridge || failing < open || open == len(m.lanes)):
			sleep(ctx, time.Until(retryAt))
		default:
			return nil
		}
	}
	return ctx.Err()
}

// publish takes records of a lane up to the time at which another lane is due.
func (m *merge) publish(l *lane, limit int64) error {
	b := m.batch
	b.reset()
	n := 0
	for n < len(l.records) && !b.full() && (n == 0 || l.records[n].Time <= limit) {
		r := l.records[n]
		b.add(record.Record{
			Topic: l.tp.Topic, Partition: l.tp.Partition,
			Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value,
		})
		n++
	}
	next := l.records[n-1].Offset + 1
	l.records = l.records[n:]
	if len(l.records) == 0 {
		l.records, next = nil, max(next, l.through)
	}
	l.next = next
	return m.s.publish(m.gen, l.part, b, next)
}

// fill reads what is next of a lane. Its error is errStale or nil: what cannot
// be read now is tried again later.
func (m *merge) fill(ctx context.Context, l *lane) error {
	s := m.s
	f, err := m.fetch(ctx, l)
	var out *raw.OutOfRangeError
	switch {
	case err == nil && f.Next > l.next:
		l.wait, l.failing = backoff{}, time.Time{}
		l.records, l.through = f.Records, f.Next
		if len(f.Records) > 0 {
			m.readAhead(ctx, l)
			return nil
		}
		l.next = f.Next
		m.batch.reset()
		return s.publish(m.gen, l.part, m.batch, l.next)
	case err == nil && m.bridge:
		l.retryAt = time.Now().Add(bridgeEvery)
		return nil
	case err == nil:
		l.later() // the end has gone back, or a follower lags
		return nil
	case isBatch(err):
		return m.skip(ctx, l, err)
	case errors.As(err, &out):
		return m.outOfRange(ctx, l, out)
	}
	s.failed("cannot read a partition", err)
	return m.again(l)
}

// fetch reads at a lane's position, or takes what was read ahead from there.
func (m *merge) fetch(ctx context.Context, l *lane) (raw.Fetched, error) {
	if l.ahead != nil {
		f := <-l.ahead
		l.ahead = nil
		if l.aheadAt == l.next {
			return f.Fetched, f.err
		}
	}
	return m.ask(ctx, l.tp, l.next)
}

// readAhead reads on while what is in hand is being published.
func (m *merge) readAhead(ctx context.Context, l *lane) {
	if m.bridge || l.ahead != nil || l.through >= l.target {
		return
	}
	answer := make(chan fetched, 1)
	l.ahead, l.aheadAt = answer, l.through
	go func(tp raw.TP, at int64) {
		f, err := m.ask(ctx, tp, at)
		answer <- fetched{f, err}
	}(l.tp, l.through)
}

// letGo waits for what is being read ahead; its context has ended.
func (m *merge) letGo() {
	for _, l := range m.lanes {
		if l.ahead != nil {
			<-l.ahead
			l.ahead = nil
		}
	}
}

func (m *merge) ask(ctx context.Context, tp raw.TP, at int64) (raw.Fetched, error) {
	return m.s.reads.get().Fetch(ctx, tp, at, raw.FetchOptions{
		MaxBytes:      min(m.s.b.cfg.FetchBytes/4+1, catchUpBytes),
		ReadCommitted: m.s.b.cfg.ReadCommitted,
		LeaderEpoch:   -1,
	})
}

// again puts a lane off. A topic that is gone is given up.
func (m *merge) again(l *lane) error {
	l.later()
	m.s.b.meta.kick()
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if t := m.s.topicLocked(l.tp.Topic); !t.exists || m.gen != m.s.gen {
		return errStale
	}
	return nil
}

func (l *lane) later() {
	now := time.Now()
	l.retryAt = now.Add(l.wait.next())
	if l.failing.IsZero() {
		l.failing = now
	}
}

// skip jumps a batch that cannot be decoded.
func (m *merge) skip(ctx context.Context, l *lane, why error) error {
	s := m.s
	next, err := s.reads.get().SkipBatch(ctx, l.tp, l.next, s.b.cfg.ReadCommitted)
	if err != nil {
		s.failed("cannot find the end of a record batch", err)
		return m.again(l)
	}
	reason := tooLarge
	if errors.Is(why, raw.ErrBatchUnreadable) {
		reason = missed
	}
	s.log.Error().Str("topic", l.tp.Topic).Int32("partition", l.tp.Partition).Int64("offset", l.next).Int64("next", next).
		Err(why).Msg("record batch is jumped")
	l.next = next
	return s.jump(m.gen, l.part, next, reason)
}

// outOfRange moves a lane to where its log begins, or back to where it ends.
func (m *merge) outOfRange(ctx context.Context, l *lane, out *raw.OutOfRangeError) error {
	s := m.s
	if _, err := s.b.meta.now(ctx); err != nil {
		l.later()
		return nil
	}
	// Had the topic been created again, m.gen would be an old one now.
	if out.LogStart > l.next {
		l.next = out.LogStart
		return s.jump(m.gen, l.part, l.next, expired)
	}
	l.later()
	if out.LogStart < 0 {
		return nil
	}
	return s.beyondEnd(ctx, m.gen, l.place)
}
