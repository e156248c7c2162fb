package broker

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
)

// Times of the end check.
const (
	checkEvery   = 2 * time.Second
	checkTimeout = 10 * time.Second
	checkFetches = 16 // batches without records are followed so far in one check
	checkPlaces  = 64 // partitions are looked at in one check; the others have their turn in the next ones
)

// stallReason is why a stream does not follow its partitions.
type stallReason int32

const (
	notStalled stallReason = iota
	behind                 // records wait in Kafka and none arrives
	noAnswer               // nobody says where the ends are
	noLeader               // Kafka says that a partition is offline
)

func (r stallReason) String() string { return [...]string{"", "behind", "no_answer", "no_leader"}[r] }

// endWatch compares the position with the ends of the partitions. It is the
// only way to see that a consumer has stopped: fetches that bring nothing
// leave no trace in sarama. It also passes what holds no record, such as
// transaction markers at the end of a log, of which a consumer says nothing.
type endWatch struct {
	s        *Stream
	answered time.Time      // when the ends were last known, but for offline partitions
	led      time.Time      // when no partition was offline
	since    map[int]waited // by ring index
	rebuilt  int            // times in a row
	turn     int            // of the places, where the next check begins to look
}

// waited is a position and since when it has not moved although the end is ahead.
type waited struct {
	next   int64
	since  time.Time
	record time.Time // when one was seen there, zero: never
}

func (s *Stream) watchEnd(ctx context.Context) {
	w := &endWatch{s: s, answered: time.Now(), led: time.Now(), since: map[int]waited{}}
	tick := time.NewTicker(s.b.times.check)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		since, reason := w.check(ctx)
		s.noteWarm()
		s.allTrouble(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case reason == notStalled:
			w.rebuilt = 0
			if was := s.stalled.Swap(int32(notStalled)); was != int32(notStalled) {
				s.log.Info().Int64("lag", s.lag.Load()).Msg("stream is no longer stalled")
			}
		case time.Since(since) < w.patience():
		case reason == noLeader: // new clients would not help
			if was := s.stalled.Swap(int32(reason)); was != int32(reason) {
				s.log.Error().Msg("partitions of the stream have no leader")
			}
		default:
			w.stalled(reason)
		}
	}
}

// patience is how long a stream may stand still. It grows while new clients
// are no help: they need time too.
func (w *endWatch) patience() time.Duration { return w.s.b.cfg.StallAfter << min(w.rebuilt, 3) }

// stalled replaces every client of the stream: what is wrong may be a
// connection that never answers.
func (w *endWatch) stalled(reason stallReason) {
	s := w.s
	s.stalled.Store(int32(reason))
	s.m.rebuilds.Inc()
	s.log.Error().Stringer("reason", reason).Int64("lag", s.lag.Load()).Stringer("after", w.patience()).
		Msg("stream has stalled: its kafka clients are rebuilt")
	s.rebuild.Store(true)
	s.interrupt(errStalled)
	s.asks.renew()
	s.reads.renew()
	w.rebuilt++
	w.answered = time.Now()
	clear(w.since)
}

// check asks for the ends once. It returns what is wrong and since when.
func (w *endWatch) check(ctx context.Context) (time.Time, stallReason) {
	s := w.s
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	s.mu.Lock()
	begun, gen, places := s.begun, s.gen, s.placesLocked()
	s.mu.Unlock()
	if !begun {
		return w.answered, noAnswer
	}
	ends, reason := w.ends(ctx, places)
	if reason == noAnswer {
		return w.answered, reason
	}
	w.answered = time.Now()
	if reason == notStalled {
		w.led = w.answered
	}
	if since, reason := w.follow(ctx, gen, places, ends); reason != notStalled {
		return since, reason
	}
	return w.led, reason
}

// ends asks where the partitions end.
func (w *endWatch) ends(ctx context.Context, places []place) (map[raw.TP]int64, stallReason) {
	s := w.s
	ends := make(map[raw.TP]int64, len(places))
	if len(places) == 0 {
		return ends, notStalled
	}
	all := make([]raw.TP, len(places))
	for i, p := range places {
		all[i] = p.tp
	}
	answers, err := s.asks.get().Offsets(ctx, all, sarama.OffsetNewest, s.b.cfg.ReadCommitted)
	if err != nil {
		s.failed("cannot ask for the ends of partitions", err)
		return nil, noAnswer
	}
	reason := notStalled
	silent := false
	var lag int64
	for _, p := range places {
		a, answered := answers[p.tp]
		switch {
		case answered && a.Err == nil:
			ends[p.tp] = a.Offset
			lag += max(0, a.Offset-p.next)
		case errors.Is(a.Err, raw.ErrUnknownTopic), errors.Is(a.Err, sarama.ErrUnknownTopicOrPartition):
			s.b.meta.kick() // an answer too
		case errors.Is(a.Err, sarama.ErrLeaderNotAvailable):
			s.failed("cannot ask for the end of a partition", a.Err)
			reason = max(reason, noLeader)
		default:
			if a.Err != nil {
				s.failed("cannot ask for the end of a partition", a.Err)
			}
			silent = true
		}
	}
	s.lag.Store(lag)
	s.mu.Lock()
	for _, p := range places {
		if end, ok := ends[p.tp]; ok {
			s.ends[p.part] = end
		}
	}
	s.mu.Unlock()
	if silent {
		reason = noAnswer
	}
	return ends, reason
}

// follow looks at the partitions whose end is ahead of a position that has not
// moved since the last check. Each costs a fetch, mostly once for a position: a stream of
// hundreds of partitions that is behind shall not be held up by being watched.
func (w *endWatch) follow(ctx context.Context, gen uint64, places []place, ends map[raw.TP]int64) (oldest time.Time, reason stallReason) {
	now := time.Now()
	moved, looked := false, 0
	waiting := map[int]waited{}
	first := w.turn % max(1, len(places))
	for i := range places {
		at := (first + i) % len(places)
		p := places[at]
		end, ok := ends[p.tp]
		before, known := w.since[p.part]
		moved = moved || known && before.next != p.next
		if !ok || p.next >= end {
			continue
		}
		if !known || before.next != p.next {
			waiting[p.part] = waited{next: p.next, since: now}
			continue
		}
		// What was seen holds for a while: the log may be another one by then.
		if now.Sub(before.record) >= w.s.b.cfg.StallAfter/2 {
			if looked == checkPlaces || ctx.Err() != nil {
				waiting[p.part] = before
				continue
			}
			looked++
			w.turn = at + 1
			passed, record := w.passEmpty(ctx, gen, p, end)
			if passed {
				continue
			}
			if record {
				before.record = now
			}
		}
		waiting[p.part] = before
		if reason == notStalled || before.since.Before(oldest) {
			oldest, reason = before.since, behind
		}
	}
	w.since = waiting
	if moved && w.s.catching.Load() {
		// Partitions wait for each other then: one that moves is enough.
		for part, x := range w.since {
			x.since = now
			w.since[part] = x
		}
		return now, notStalled
	}
	return oldest, reason
}

// passEmpty moves a partition over what holds no record: control, aborted and
// compacted batches. Where it has not passed a record was seen, or nobody answers.
func (w *endWatch) passEmpty(ctx context.Context, gen uint64, p place, end int64) (passed, record bool) {
	s := w.s
	next := p.next
	for range checkFetches {
		f, err := s.asks.get().Fetch(ctx, p.tp, next, raw.FetchOptions{
			MaxBytes: 64 << 10, ReadCommitted: s.b.cfg.ReadCommitted, LeaderEpoch: -1,
		})
		switch {
		case isBatch(err):
			s.interrupt(errBatch)
			return false, false
		case err != nil:
			s.failed("cannot look at the end of a partition", err)
			if errors.Is(err, sarama.ErrOffsetOutOfRange) || errors.Is(err, raw.ErrUnknownTopic) {
				s.b.meta.kick()
			}
			return false, false
		case len(f.Records) > 0:
			// Only where the position is: what lies behind batches that were passed is asked for again.
			return false, next == p.next
		case f.Next <= next:
			return false, false // no batch at all proves nothing: the next check asks again
		}
		if s.publish(gen, p.part, &batch{}, f.Next) != nil {
			return true, false // a session began meanwhile: it will be looked at again
		}
		if next = f.Next; next >= end {
			return true, false
		}
	}
	return true, false
}
