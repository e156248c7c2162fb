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

	lastRecord atomic.Int64   // Unix milliseconds of the record published last, 0 before
	sampled    zerolog.Logger // for what Kafka can cause many times a second
}

func newStreamMetrics(s *Stream) *streamMetrics {
	set, name := s.b.cfg.Metrics, s.cfg.Name
	counter := func(metric string) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("ringcast_%s{stream=%q}", metric, name))
	}
	labelled := func(metric, label string, value fmt.Stringer) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("ringcast_%s{stream=%q,%s=%q}", metric, name, label, value))
	}
	gauge := func(metric string, f func() float64) {
		set.GetOrCreateGauge(fmt.Sprintf("ringcast_%s{stream=%q}", metric, name), f)
	}

	m := &streamMetrics{
		events:   counter("events_total"),
		stale:    set.GetOrCreateCounter(fmt.Sprintf("ringcast_events_skipped_total{stream=%q,reason=\"stale\"}", name)),
		rebuilds: counter("kafka_client_rebuilds_total"),
		epochs:   counter("epochs_total"),
		sampled:  s.b.log.Sample(&zerolog.BurstSampler{Burst: 10, Period: 10 * time.Second}),
	}
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
