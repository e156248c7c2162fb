package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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
	b atomic.Pointer[Broker] // that the streams are at; replaced by moveTo

	mu       sync.Mutex
	counters []replayCounter // set at construction
	before   []uint64        // what each has counted for brokers of before; guarded by mu
}

// replayCounter is a metric that must not go back.
type replayCounter struct {
	name string
	load func(*replay.Stats) uint64
}

// archive is what a broker has to read history with.
type archive struct {
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

func newArchive(b *Broker) *archive {
	h := &archive{asks: b.newAsker()}
	var clients []replay.Kafka
	for range b.cfg.ReplayReads {
		a := b.newAsker()
		h.reads = append(h.reads, a)
		clients = append(clients, a.get())
	}
	h.cache = replay.New(replay.Config{Bytes: b.cfg.ReplayBytes, Clients: clients, Asks: h.asks.get(), ReadCommitted: b.cfg.ReadCommitted})
	return h
}

func newHistory(b *Broker) *History {
	h := &History{counters: replayCounters()}
	h.b.Store(b)
	h.before = make([]uint64, len(h.counters))
	h.measure(b.cfg.Metrics)
	return h
}

// moveTo has b read from here on.
func (h *History) moveTo(b *Broker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.b.Swap(b).archive.cache.Stats()
	for i, c := range h.counters {
		h.before[i] += c.load(st)
	}
}

// close ends all reads.
func (h *archive) close() {
	for _, a := range h.reads {
		a.close()
	}
	h.asks.close()
	h.cache.Close()
}

// Open returns a reader of ranges, merged by record time. It waits for nothing.
// ErrOtherTopic: a range is not of the topic that is there now.
func (h *History) Open(ranges []HistoryRange) (*replay.Reader, error) {
	b := h.b.Load()
	list := make([]replay.Range, len(ranges))
	for i, r := range ranges {
		s := b.reading(r.Stream)
		if s == nil {
			return nil, fmt.Errorf("cannot read history of stream %q: there is none", r.Stream)
		}
		id, ok := s.topicID(b, r.Key)
		if !ok {
			return nil, fmt.Errorf("cannot read history of %s/%d: %w", r.Key.Topic, r.Key.Partition, ErrOtherTopic)
		}
		list[i] = replay.Range{Rules: s.rules(), Topic: r.Key.Topic, TopicID: id, Partition: r.Key.Partition, From: r.From, To: r.To}
	}
	return b.archive.cache.Open(list), nil
}

// At returns the first offset of a partition of a stream whose record has a time
// of at least ms, Unix milliseconds; found is false where there is none. Who asks
// the same within a second gets the same answer. ErrOtherTopic: offsets of the
// epoch in k are over.
func (h *History) At(ctx context.Context, stream string, k ringbuf.Key, ms int64) (offset int64, found bool, err error) {
	err = h.ask(ctx, stream, k, func(c *replay.Cache, tp raw.TP) (err error) {
		offset, found, err = c.At(ctx, tp, ms)
		return err
	})
	return offset, found, err
}

// Earliest returns the log start of a partition, with the errors of At.
func (h *History) Earliest(ctx context.Context, stream string, k ringbuf.Key) (offset int64, err error) {
	err = h.ask(ctx, stream, k, func(c *replay.Cache, tp raw.TP) (err error) {
		offset, err = c.Earliest(ctx, tp)
		return err
	})
	return offset, err
}

// ask has one question answered by the broker that the stream is at. Before and
// after it the stream must be in the epoch that is asked about.
func (h *History) ask(ctx context.Context, stream string, k ringbuf.Key, question func(*replay.Cache, raw.TP) error) error {
	s := h.b.Load().reading(stream)
	if s == nil {
		return fmt.Errorf("cannot ask for an offset of stream %q: there is none", stream)
	}
	return s.ask(ctx, func(b *Broker) error {
		_, ok := s.topicID(b, k)
		var err error
		if ok {
			err = question(b.archive.cache, raw.TP{Topic: k.Topic, Partition: k.Partition})
			_, ok = s.topicID(b, k)
		}
		if !ok {
			return fmt.Errorf("cannot ask for an offset of %s/%d: %w", k.Topic, k.Partition, ErrOtherTopic)
		}
		return err
	})
}

// topicID returns the id of the topic of k, as long as it is the one of that
// epoch and read by b.
func (s *Stream) topicID(b *Broker, k ringbuf.Key) (id [16]byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topicLocked(k.Topic)
	if t == nil || t.epoch != k.Epoch || !s.begun || s.b != b {
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
	gauge := func(name string, load func(*replay.Stats) int64) {
		set.NewGauge(name, func() float64 { return float64(load(h.b.Load().archive.cache.Stats())) })
	}
	gauge("ringcast_replays_active", func(st *replay.Stats) int64 { return st.Active.Load() })
	gauge("ringcast_replays_queued", func(st *replay.Stats) int64 { return st.Queued.Load() })
	gauge("ringcast_replay_cache_bytes", func(st *replay.Stats) int64 { return st.CacheBytes.Load() })
	for i, c := range h.counters {
		set.NewGauge(c.name, func() float64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			return float64(h.before[i] + c.load(h.b.Load().archive.cache.Stats()))
		})
	}
}

func replayCounters() []replayCounter {
	list := []replayCounter{
		{"ringcast_replay_bytes_total", func(st *replay.Stats) uint64 { return st.BytesRead.Load() }},
		{"ringcast_replay_cache_hits_total", func(st *replay.Stats) uint64 { return st.Hits.Load() }},
		{"ringcast_replay_cache_misses_total", func(st *replay.Stats) uint64 { return st.Misses.Load() }},
		{"ringcast_replay_cache_evictions_total", func(st *replay.Stats) uint64 { return st.Evicted.Load() }},
	}
	for r := range record.NumReasons {
		if reason := record.Reason(r); reason != record.OK {
			name := fmt.Sprintf("ringcast_replay_skipped_total{reason=%q}", reason.String())
			list = append(list, replayCounter{name, func(st *replay.Stats) uint64 { return st.Skipped[r].Load() }})
		}
	}
	return list
}
