package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

// Why a session ends, beside what sarama says.
var (
	errLayout       = errors.New("topics or partitions have changed")
	errBatch        = errors.New("a record batch cannot be read by the group")
	errStalled      = errors.New("stream has stalled")
	errSecondMember = errors.New("another member is in the group, which would halve the data")
	errCredentials  = errors.New("a broker refuses who we are")
	errClaims       = errors.New("the group did not assign every partition")
)

// claimTries is how often a session with too few partitions is simply begun
// again: while a topic grows, that is normal for a moment.
const claimTries = 3

// session is one session of the group: the time between two rebalances.
type session struct {
	s    *Stream
	live *liveClient

	joined context.CancelFunc // ends the bridge

	// Set in Setup.
	gen    uint64
	places map[raw.TP]int // ring index of every claim
	ctx    context.Context
	failed error
}

// session runs one session and returns why it ended. joined is called when the
// group feeds the ring.
func (s *Stream) session(ctx context.Context, live *liveClient, joined context.CancelFunc) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// First the way to be interrupted, then what is subscribed: a change is
	// either seen here or ends the session.
	s.cancelMu.Lock()
	s.cancel = cancel
	s.cancelMu.Unlock()
	defer func() {
		s.cancelMu.Lock()
		s.cancel = nil
		s.cancelMu.Unlock()
	}()
	topics := s.subscription()
	if len(topics) == 0 {
		<-ctx.Done()
		return context.Cause(ctx)
	}

	returned := make(chan struct{})
	defer close(returned)
	go live.cutWhenLate(ctx, returned)
	h := &session{s: s, live: live, joined: joined}
	err := s.mayJoin(ctx)
	if err == nil {
		err = live.group.Consume(ctx, topics, h)
	}
	cause := sessionCause(ctx, h, err)
	s.m.ends[cause].Inc()
	if err == nil && h.ctx != nil {
		err = context.Cause(h.ctx)
	}
	if why := context.Cause(ctx); why != nil {
		err = why
	}
	s.ended(cause, err)
	return err
}

// mayJoinPatience bounds the question before each session.
const mayJoinPatience = time.Second

// mayJoin fails when the group is not allowed, which sarama would not tell for
// 15 s. No answer is none.
func (s *Stream) mayJoin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, mayJoinPatience)
	defer cancel()
	if err := s.asks.get().MayJoin(ctx, s.b.groupID(s.cfg.Name, "check")); errors.Is(err, sarama.ErrGroupAuthorizationFailed) {
		return err
	}
	return nil
}

// subscription lists the topics that exist.
func (s *Stream) subscription() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, t := range s.topics {
		if t.exists {
			names = append(names, t.name)
		}
	}
	return names
}

// cutWhenLate cuts the connections when Consume does not return although it
// should: joining a group waits for the broker and cannot be called back.
func (l *liveClient) cutWhenLate(ctx context.Context, returned <-chan struct{}) {
	select {
	case <-returned:
		return
	case <-ctx.Done():
	}
	if errors.Is(context.Cause(ctx), errLayout) || errors.Is(context.Cause(ctx), errBatch) {
		return // the client is still wanted
	}
	select {
	case <-returned:
	case <-time.After(leaveTimeout):
		l.leash.cut()
	}
}

// Setup takes the place of whoever published before and sets where every claim
// begins. It runs before any claim of the session.
func (h *session) Setup(g sarama.ConsumerGroupSession) error {
	h.failed = h.setup(g)
	return h.failed
}

func (h *session) setup(g sarama.ConsumerGroupSession) error {
	s := h.s
	h.ctx = g.Context()
	s.sessions.Add(1)
	// The topic ids come first: an offset means nothing in another log.
	if _, err := s.b.meta.now(h.ctx); err != nil {
		return fmt.Errorf("cannot check topic ids: %w", err)
	}
	places, err := h.claim(g.Claims())
	if err != nil {
		return err
	}
	if err := s.placeInLog(h.ctx, h.gen, places); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.gen != s.gen {
		return errStale
	}
	pos := s.ring.Position().Pos
	for _, p := range places {
		next := pos[p.part].Next
		g.ResetOffset(p.tp.Topic, p.tp.Partition, next, "") // only lowers
		g.MarkOffset(p.tp.Topic, p.tp.Partition, next, "")  // only raises
	}
	return nil
}

// claim makes this session the publisher, if it was given every partition.
func (h *session) claim(claims map[string][]int32) ([]place, error) {
	s := h.s
	s.mu.Lock()
	defer s.mu.Unlock()
	var places []place
	wanted, given := 0, 0
	h.places = map[raw.TP]int{}
	for _, p := range s.placesLocked() {
		wanted++
		if slices.Contains(claims[p.tp.Topic], p.tp.Partition) {
			places = append(places, p)
			h.places[p.tp] = p.part
		}
	}
	for _, c := range claims {
		given += len(c)
	}
	if len(places) != wanted || len(places) != given {
		return nil, fmt.Errorf("%w: %d claims, of which %d are among %d partitions", errClaims, given, len(places), wanted)
	}
	s.gen++ // from here on the bridge is stale
	h.gen = s.gen
	h.joined()
	return places, nil
}

// placeInLog checks the positions against what the log still has. Positions
// below it are moved up with a gap; positions above are believed only when the
// leader itself says that its log ends before.
func (s *Stream) placeInLog(ctx context.Context, gen uint64, places []place) error {
	all := make([]raw.TP, len(places))
	for i, p := range places {
		all[i] = p.tp
	}
	oldest, err := s.knownOffsets(ctx, all, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	newest, err := s.knownOffsets(ctx, all, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	for _, p := range places {
		low, known := oldest[p.tp]
		high, both := newest[p.tp]
		switch {
		case !known || !both: // has no leader: its claim waits for one
		case p.next < low:
			err = s.jump(gen, p.part, low, expired)
		case p.next > high:
			err = s.beyondEnd(ctx, gen, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// beyondEnd deals with a position above the newest offset. The end that a
// leader tells may lag behind its log, so it is asked for the position itself.
func (s *Stream) beyondEnd(ctx context.Context, gen uint64, p place) error {
	end, past, err := s.askPastEnd(ctx, p.tp, p.next)
	if err != nil || !past {
		return err
	}
	s.mu.Lock()
	if gen != s.gen {
		s.mu.Unlock()
		return errStale
	}
	s.truncateLocked(p.part, end)
	s.mu.Unlock()
	s.ring.Wake()
	s.log.Error().Str("topic", p.tp.Topic).Int32("partition", p.tp.Partition).Int64("position", p.next).Int64("end", end).
		Msg("log ends below the position: records were lost by the cluster")
	return nil
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (h *session) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim publishes one partition: it takes what has arrived, checks it,
// and publishes it at once.
func (h *session) ConsumeClaim(g sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	part := h.places[raw.TP{Topic: claim.Topic(), Partition: claim.Partition()}]
	b := h.s.newBatch()
	messages, done := claim.Messages(), g.Context().Done()
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return nil
			}
			b.addMessage(m)
		case <-done: // Messages alone may block while a partition is retried
			return nil
		}
	drain:
		for !b.full() {
			select {
			case m, ok := <-messages:
				if !ok {
					break drain
				}
				b.addMessage(m)
			default:
				break drain
			}
		}
		if h.s.publish(h.gen, part, b, 0) != nil {
			return nil
		}
		b.reset()
	}
}

func (b *batch) addMessage(m *sarama.ConsumerMessage) {
	b.add(record.Record{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset,
		Time: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value,
	})
}
