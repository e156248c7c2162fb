package broker

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/ringbuf"
)

// streamMetrics are the numbers of one stream. Each has the label stream.
type streamMetrics struct {
	events   *metrics.Counter
	stale    *metrics.Counter // records refused because another reader was faster
	skipped  [record.NumReasons]*metrics.Counter
	gaps     [numGapReasons]*metrics.Counter
	errors   [numKinds]*metrics.Counter
	ends     [numEndCauses]*metrics.Counter
	rebuilds *metrics.Counter
	epochs   *metrics.Counter

	set   *metrics.Set
	names []string // what forget takes out of the set

	lastRecord atomic.Int64   // Unix milliseconds of the record published last, 0 before
	sampled    zerolog.Logger // for what Kafka can cause many times a second
}

func newStreamMetrics(s *Stream) *streamMetrics {
	m := &streamMetrics{set: s.b.cfg.Metrics, sampled: s.b.log.Sample(&burst{most: 10, period: 10 * time.Second})}
	full := func(metric, labels string) string {
		m.names = append(m.names, fmt.Sprintf("ringcast_%s{stream=%q%s}", metric, s.cfg.Name, labels))
		return m.names[len(m.names)-1]
	}
	counter := func(metric string) *metrics.Counter { return m.set.GetOrCreateCounter(full(metric, "")) }
	labelled := func(metric, label string, value any) *metrics.Counter {
		return m.set.GetOrCreateCounter(full(metric, fmt.Sprintf(",%s=\"%v\"", label, value)))
	}
	gauge := func(metric string, f func() float64) { m.set.GetOrCreateGauge(full(metric, ""), f) }

	m.events = counter("events_total")
	m.stale = labelled("events_skipped_total", "reason", "stale")
	m.rebuilds = counter("kafka_client_rebuilds_total")
	m.epochs = counter("epochs_total")
	for r := range m.skipped {
		if record.Reason(r) != record.OK {
			m.skipped[r] = labelled("events_skipped_total", "reason", record.Reason(r))
		}
	}
	for r := range m.gaps {
		m.gaps[r] = labelled("gaps_total", "reason", gapReason(r))
	}
	for k := range m.errors {
		m.errors[k] = labelled("kafka_errors_total", "kind", errorKind(k))
	}
	for c := range m.ends {
		m.ends[c] = labelled("kafka_sessions_total", "cause", endCause(c))
	}

	gauge("kafka_lag_records", func() float64 { return float64(s.lag.Load()) })
	gauge("kafka_last_record_timestamp_seconds", func() float64 { return float64(m.lastRecord.Load()) / 1000 })
	gauge("stream_stalled", func() float64 { return oneIf(s.stalled.Load() != int32(notStalled)) })
	gauge("ring_warm", func() float64 { return oneIf(s.warm.Load()) })
	gauge("ring_bytes", func() float64 { return float64(s.ring.Bytes()) })
	gauge("ring_events", func() float64 { return float64(s.ring.Head() + 1 - s.ring.Tail()) })
	gauge("ring_seconds", s.ringSeconds)
	gauge("topics_missing", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.missingLocked()))
	})
	return m
}

// forget takes the metrics of a stream that is no longer read out of the set.
func (m *streamMetrics) forget() {
	for _, name := range m.names {
		m.set.UnregisterMetric(name)
	}
}

// ringSeconds is the age of the oldest record in the ring.
func (s *Stream) ringSeconds() float64 {
	for seq := s.ring.Tail(); seq <= s.ring.Head(); seq++ {
		if e := s.ring.At(seq); e != nil && e.Kind == ringbuf.Event {
			return max(0, time.Since(time.UnixMilli(e.Time)).Seconds())
		}
	}
	return 0
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
