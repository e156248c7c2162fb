package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/broker/replay"
	"github.com/ringcast/ringcast/ringbuf"
)

// ErrOtherTopic says that a topic is not, or no longer, the one that was meant.
var ErrOtherTopic = errors.New("topic was created anew")

// defaultReads is how many reads from Kafka go on at a time.
const defaultReads = 16

// History reads what the rings no longer hold, for all streams.
type History struct {
	b     *Broker
	cache *replay.Cache
	reads []*asker // one per permit: a read holds its connection
	asks  *asker
}

// HistoryRange is a part of a partition: the offsets from From up to, but
// without, To, which are those of the epoch in Key.
type HistoryRange struct {
	Stream   string
	Key      ringbuf.Key
	From, To int64
}

func newHistory(b *Broker) *History {
	h := &History{b: b, asks: b.newAsker()}
	var clients []replay.Kafka
	for range b.cfg.ReplayReads {
		a := b.newAsker()
		h.reads = append(h.reads, a)
		clients = append(clients, a.get())
	}
	h.cache = replay.New(replay.Config{Bytes: b.cfg.ReplayBytes, Clients: clients, Asks: h.asks.get(), ReadCommitted: b.cfg.ReadCommitted})
	h.measure(b.cfg.Metrics)
	return h
}

// close ends all reads.
func (h *History) close() {
	for _, a := range h.reads {
		a.close()
	}
	h.asks.close()
	h.cache.Close()
}

// Open returns a reader of ranges, merged by record time. It waits for nothing.
// ErrOtherTopic: a range is not of the topic that is there now.
func (h *History) Open(ranges []HistoryRange) (*replay.Reader, error) {
	list := make([]replay.Range, len(ranges))
	for i, r := range ranges {
		s := h.b.Stream(r.Stream)
		if s == nil {
			return nil, fmt.Errorf("cannot read history of stream %q: there is none", r.Stream)
		}
		id, ok := s.topicID(r.Key.Topic, r.Key.Epoch)
		if !ok {
			return nil, fmt.Errorf("cannot read history of %s/%d: %w", r.Key.Topic, r.Key.Partition, ErrOtherTopic)
		}
		list[i] = replay.Range{Rules: s.rules(), Topic: r.Key.Topic, TopicID: id, Partition: r.Key.Partition, From: r.From, To: r.To}
	}
	return h.cache.Open(list), nil
}

// At returns the first offset of a partition whose record has a time of at
// least ms, Unix milliseconds; found is false where there is none. Who asks the
// same within a second gets the same answer.
func (h *History) At(ctx context.Context, topic string, partition int32, ms int64) (offset int64, found bool, err error) {
	return h.cache.At(ctx, raw.TP{Topic: topic, Partition: partition}, ms)
}

// Earliest returns the log start of a partition.
func (h *History) Earliest(ctx context.Context, topic string, partition int32) (int64, error) {
	return h.cache.Earliest(ctx, raw.TP{Topic: topic, Partition: partition})
}

// topicID returns the id of a topic, as long as it is the one of that epoch.
func (s *Stream) topicID(name, epoch string) (id [16]byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topicLocked(name)
	if t == nil || t.epoch != epoch {
		return id, false
	}
	return t.id, true
}

// rules are those by which the stream's records become events.
func (s *Stream) rules() replay.Rules {
	return replay.Rules{Format: s.cfg.Format, Annotate: s.cfg.Annotate, MaxEvent: s.cfg.MaxEvent}
}

// measure registers the metrics of replays.
func (h *History) measure(set *metrics.Set) {
	st := h.cache.Stats()
	gauge := func(name string, load func() int64) {
		set.NewGauge(name, func() float64 { return float64(load()) })
	}
	gauge("ringcast_replays_active", st.Active.Load)
	gauge("ringcast_replays_queued", st.Queued.Load)
	gauge("ringcast_replay_cache_bytes", st.CacheBytes.Load)
	counter := func(name string, load func() uint64) {
		set.NewGauge(name, func() float64 { return float64(load()) })
	}
	counter("ringcast_replay_bytes_total", st.BytesRead.Load)
	counter("ringcast_replay_cache_hits_total", st.Hits.Load)
	counter("ringcast_replay_cache_misses_total", st.Misses.Load)
	counter("ringcast_replay_cache_evictions_total", st.Evicted.Load)
	for r := range st.Skipped {
		if reason := record.Reason(r); reason != record.OK {
			counter(fmt.Sprintf("ringcast_replay_skipped_total{reason=%q}", reason.String()), st.Skipped[r].Load)
		}
	}
}
