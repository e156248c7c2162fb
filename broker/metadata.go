package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/ringbuf"
)

// Times of the metadata poll.
const (
	pollEvery   = time.Second
	pollSpacing = 20 * time.Millisecond // at least so long between two requests
	pollTimeout = 10 * time.Second
)

var errEnded = errors.New("broker has ended")

// poller asks about the topics of all streams with one request, every second
// and when somebody wants to know.
type poller struct {
	// Set at construction.
	b      *Broker
	asks   *asker
	kicked chan struct{} // cap 1: a round is wanted now
	ended  chan struct{} // closed when run returns

	mu      sync.Mutex
	waiting []chan<- polled // get the answer of the next round that starts
}

// polled is the outcome of one round.
type polled struct {
	cluster raw.Cluster
	err     error
}

func newPoller(b *Broker) *poller {
	return &poller{b: b, asks: b.newAsker(), kicked: make(chan struct{}, 1), ended: make(chan struct{})}
}

// topicsOf are the topics of some streams, each once.
func topicsOf(streams []*Stream) (topics []string) {
	seen := map[string]bool{}
	for _, s := range streams {
		for _, t := range s.cfg.Topics {
			if !seen[t] {
				seen[t] = true
				topics = append(topics, t)
			}
		}
	}
	return topics
}

// kick wants a round without waiting for it.
func (p *poller) kick() {
	select {
	case p.kicked <- struct{}{}:
	default:
	}
}

// now returns the answer of a round that starts after the call; the streams
// have taken it in then. Callers share a round.
func (p *poller) now(ctx context.Context) (raw.Cluster, error) {
	answer := make(chan polled, 1)
	p.mu.Lock()
	p.waiting = append(p.waiting, answer)
	p.mu.Unlock()
	p.kick()
	select {
	case a := <-answer:
		return a.cluster, a.err
	case <-ctx.Done():
		return raw.Cluster{}, ctx.Err()
	case <-p.ended:
		return raw.Cluster{}, errEnded
	}
}

// probe asks once, before run.
func (p *poller) probe(ctx context.Context) error {
	topics := topicsOf(p.b.all())
	if len(topics) == 0 {
		return nil
	}
	_, err := p.asks.get().Metadata(ctx, topics)
	return err
}

func (p *poller) run(ctx context.Context) {
	defer close(p.ended)
	defer context.AfterFunc(ctx, p.asks.close)()
	defer p.asks.close()
	tick := time.NewTicker(p.b.times.poll)
	defer tick.Stop()
	var wait backoff
	again := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.kicked:
		}
		doubtful, err := p.round(ctx)
		if err != nil {
			wait.sleep(ctx)
			continue
		}
		wait = backoff{}
		if again = doubtful && !again; again {
			p.kick() // once: a broker that lags may do so for long
		}
		sleep(ctx, pollSpacing)
	}
}

// round asks once and lets every stream take in the answer. doubtful answers
// should be asked for again at once.
func (p *poller) round(ctx context.Context) (doubtful bool, err error) {
	p.mu.Lock()
	waiting := p.waiting
	p.waiting = nil
	p.mu.Unlock()

	streams := p.b.all()
	topics := topicsOf(streams)
	asking, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	var cluster raw.Cluster
	if len(topics) > 0 { // no names would mean all of them
		cluster, err = p.asks.get().Metadata(asking, topics)
	}
	switch {
	case err != nil:
		for _, s := range streams {
			s.failed("cannot ask for metadata", err)
		}
	case len(topics) > 0:
		if !p.b.reached.Swap(true) {
			p.b.log.Info().Str("cluster", cluster.ID).Msg("kafka reached")
		}
		for _, s := range streams {
			doubtful = s.takeIn(cluster) || doubtful
		}
	}
	for _, w := range waiting {
		w <- polled{cluster, err}
	}
	return doubtful, err
}

// takeIn compares what Kafka says of the topics with what the stream knows:
// topics that have appeared, partitions that were added, topics that were
// deleted and created again. It reports whether the answer looks doubtful.
func (s *Stream) takeIn(cluster raw.Cluster) (doubtful bool) {
	s.mu.Lock()
	if !s.begun {
		s.mu.Unlock()
		return false
	}
	head, changed := s.ring.Head(), false
	for _, t := range s.topics {
		c, d := s.takeInTopicLocked(t, cluster)
		changed, doubtful = changed || c, doubtful || d
	}
	s.ring.Flush()
	moved := s.ring.Head() != head
	s.mu.Unlock()
	if moved {
		s.ring.Wake()
	}
	if changed {
		s.interrupt(errLayout)
	}
	return doubtful
}

func (s *Stream) takeInTopicLocked(t *topic, cluster raw.Cluster) (changed, doubtful bool) {
	answer, ok := cluster.Topics[t.name]
	if !ok || answer.Err != nil && !errors.Is(answer.Err, sarama.ErrUnknownTopicOrPartition) && len(answer.Partitions) == 0 {
		if errors.Is(answer.Err, sarama.ErrTopicAuthorizationFailed) {
			s.failed("cannot ask for metadata", answer.Err)
		}
		return false, false // says nothing
	}
	if errors.Is(answer.Err, sarama.ErrUnknownTopicOrPartition) {
		// A topic that is gone changes nothing: it may come back, also as itself.
		if t.exists {
			s.log.Warn().Str("topic", t.name).Msg("topic does not exist any more")
		}
		t.exists = false
		return false, false
	}
	known := answer.ID != [16]byte{}
	if known && answer.ID != t.id && t.had[answer.ID] {
		return false, true // a broker that lags tells the id of before
	}
	if !t.exists {
		s.log.Info().Str("topic", t.name).Int("partitions", partitionCount(answer)).Msg("topic exists now")
		t.exists, changed = true, true
	}
	n := partitionCount(answer)
	switch {
	case known && answer.ID == t.id || !known:
		n = max(n, t.count) // a broker that lags may know fewer
		doubtful = t.leaderEpochs(answer)
	case t.id == [16]byte{}: // known for the first time
		t.setID(answer.ID)
		t.epoch = EpochTag(cluster.ID, answer.ID)
		for _, part := range t.parts {
			s.ring.Retag(part, t.epoch)
		}
		t.leaderEpochs(answer)
	default:
		s.recreateLocked(t, cluster.ID, answer)
		changed = true
	}
	for len(t.parts) < n {
		s.addLocked(t, ringbuf.Pos{Next: 0, Time: ringbuf.NoTime}, ringbuf.NoTime)
		s.setTargetLocked(len(s.ends)-1, 0)
	}
	if n != t.count {
		t.count, changed = n, true
	}
	return changed, doubtful
}

// recreateLocked begins a new epoch: offsets count in another log now, also
// where the new one is so long that the old position would fit.
func (s *Stream) recreateLocked(t *topic, clusterID string, answer raw.Topic) {
	s.gen++ // what the readers of the old log still hold is stale
	t.setID(answer.ID)
	t.epoch = EpochTag(clusterID, answer.ID)
	t.count = 0
	for p := range t.leader {
		t.leader[p], t.told[p] = -1, -1
	}
	t.leaderEpochs(answer)
	var notices []ringbuf.Notice
	for _, part := range t.parts {
		notices = append(notices, s.notice(part, s.ring.Position().Pos[part].Next, 0, recreated))
		s.setTargetLocked(part, 0)
		s.ends[part] = -1
	}
	s.ring.PublishEpoch(t.parts, t.epoch, 0, ringbuf.NoTime, s.cfg.Encoder.Gap(notices...))
	s.m.epochs.Inc()
	s.log.Warn().Str("topic", t.name).Str("epoch", t.epoch).Msg("topic was created again: reading it from its first record")
}

func (t *topic) setID(id [16]byte) {
	t.id = id
	if id != [16]byte{} {
		t.had[id] = true
	}
}

// leaderEpochs notes the leader epochs and reports whether one is lower than
// in the answer before: the topic was created again, or a broker lags.
func (t *topic) leaderEpochs(answer raw.Topic) (fallen bool) {
	for _, p := range answer.Partitions {
		if p.ID < 0 || int(p.ID) >= len(t.leader) || p.LeaderEpoch < 0 {
			continue
		}
		fallen = fallen || p.LeaderEpoch < t.told[p.ID]
		t.told[p.ID] = p.LeaderEpoch
		t.leader[p.ID] = max(t.leader[p.ID], p.LeaderEpoch)
	}
	return fallen
}

// partitionCount counts up to the highest partition told.
func partitionCount(t raw.Topic) int {
	n := 0
	for _, p := range t.Partitions {
		n = max(n, int(p.ID)+1)
	}
	return n
}
