package sse

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/ringcast/ringcast/ringbuf"
)

// closedReason is a label of ringcast_connections_closed_total.
type closedReason string

// The closed set of reasons for which a stream ends.
const (
	closedClient  closedReason = "client"
	closedDrain   closedReason = "drain"
	closedAge     closedReason = "age"
	closedSlow    closedReason = "slow"    // below min_rate, or out of the ring
	closedBlocked closedReason = "blocked" // took no byte for slow_client_timeout
	closedPending closedReason = "pending" // pending_bytes were full
	closedToken   closedReason = "token"   // the client's token has expired
	closedRemoved closedReason = "removed" // the stream is no longer served
	closedError   closedReason = "error"
	closedPanic   closedReason = "panic"
)

var closedReasons = []closedReason{closedClient, closedDrain, closedAge, closedSlow, closedBlocked, closedPending, closedToken, closedRemoved, closedError, closedPanic}

// Bounds of the histograms: Prometheus reads no others than fixed ones.
var (
	lagBounds   = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600}               // seconds
	depthBounds = []float64{1, 3, 10, 30, 60, 180, 600, 1800, 3600, 3 * 3600, 6 * 3600, 24 * 3600, 3 * 86400, 7 * 86400, 30 * 86400} // seconds
	eventBounds = metrics.ExponentialBuckets(1, 4, 12)                                                                               // 1 to 4 million events
)

// stats are the server's own metrics (CONFIG.md). What is counted per delivery
// is counted once per round and view.
type stats struct {
	writes      *metrics.Counter
	shortWrites *metrics.Counter
	lagging     *metrics.PrometheusHistogram
	depth       *metrics.PrometheusHistogram // how old the first record was that a resume lacked, seconds
	close       map[closedReason]*metrics.Counter
	refuse      map[refusedReason]*metrics.Counter
	followers   atomic.Int64
	leftOut     *metrics.Counter // lines of the access log
}

// viewMetrics are the counters of one stream.
type viewMetrics struct {
	total      *metrics.Counter
	deliveries *metrics.Counter
	bytes      *metrics.Counter
	lag        *metrics.PrometheusHistogram
	resumes    []*metrics.Counter          // by resumeFrom
	gaps       map[string]*metrics.Counter // by reason, those a resume tells

	gauge string   // of the connections
	names []string // of the counters
}

var resumeGaps = []string{gapExpired, gapTruncated, gapRecreated, gapOtherCluster, gapMissed, gapTopicRemoved, gapGone, gapMaxAge, gapTooLarge}

func newStats(s *Server, set *metrics.Set) *stats {
	st := &stats{
		writes:      set.NewCounter("ringcast_writes_total"),
		shortWrites: set.NewCounter("ringcast_short_writes_total"),
		lagging:     set.NewPrometheusHistogramExt("ringcast_client_lag_events", eventBounds),
		depth:       set.NewPrometheusHistogramExt("ringcast_resume_depth_seconds", depthBounds),
		close:       make(map[closedReason]*metrics.Counter),
		refuse:      make(map[refusedReason]*metrics.Counter),
		leftOut:     set.NewCounter("ringcast_access_log_left_out_total"),
	}
	for _, r := range closedReasons {
		st.close[r] = set.NewCounter(fmt.Sprintf("ringcast_connections_closed_total{reason=%q}", string(r)))
	}
	for _, r := range refusedReasons {
		st.refuse[r] = set.NewCounter(fmt.Sprintf("ringcast_connections_refused_total{reason=%q}", string(r)))
	}
	gauge := func(name string, f func() int64) {
		set.NewGauge(name, func() float64 { return float64(f()) })
	}
	gauge(`ringcast_clients{state="shard"}`, func() int64 { n, _ := s.shardClients(); return n })
	gauge(`ringcast_clients{state="waiting"}`, func() int64 { _, n := s.shardClients(); return n })
	gauge(`ringcast_clients{state="private"}`, func() int64 { return max(0, s.private.Load()-s.replaying.Load()) })
	gauge(`ringcast_clients{state="follower"}`, func() int64 { return max(0, st.followers.Load()-s.private.Load()) })
	gauge(`ringcast_clients{state="replay"}`, s.replaying.Load)
	gauge("ringcast_pending_bytes", s.pending.Load)
	gauge("ringcast_shard_lag_events", s.shardLag)
	gauge("ringcast_sockets", s.sockets.Load)
	gauge("ringcast_addresses", s.addresses.size)
	gauge("ringcast_views", func() int64 { n, _ := s.composites.sizes(); return n })
	gauge("ringcast_view_bytes", func() int64 { _, n := s.composites.sizes(); return n })
	return st
}

// measure makes the counters of one stream.
func (v *view) measure(set *metrics.Set) {
	m := &v.metrics
	full := func(metric, labels string) string {
		m.names = append(m.names, fmt.Sprintf("ringcast_%s{stream=%q%s}", metric, v.Name, labels))
		return m.names[len(m.names)-1]
	}
	m.total = set.GetOrCreateCounter(full("connections_total", ""))
	m.deliveries = set.GetOrCreateCounter(full("deliveries_total", ""))
	m.bytes = set.GetOrCreateCounter(full("delivery_bytes_total", ""))
	m.lag = set.GetOrCreatePrometheusHistogramExt(full("delivery_lag_seconds", ""), lagBounds)
	m.gauge = fmt.Sprintf("ringcast_connections{stream=%q}", v.Name)
	set.NewGauge(m.gauge, func() float64 { return float64(v.connections.Load()) })
	for _, from := range resumeNames {
		m.resumes = append(m.resumes, set.GetOrCreateCounter(full("resumes_total", fmt.Sprintf(",from=%q", from))))
	}
	m.gaps = make(map[string]*metrics.Counter)
	for _, r := range resumeGaps {
		m.gaps[r] = set.GetOrCreateCounter(full("gaps_total", fmt.Sprintf(",reason=%q", r)))
	}
}

// forget takes the metrics of a stream that is no longer served out of the set.
// Where another one follows under its name, the counters go on.
func (v *view) forget(set *metrics.Set, followed bool) {
	set.UnregisterMetric(v.metrics.gauge)
	for _, name := range v.metrics.names {
		if !followed {
			set.UnregisterMetric(name)
		}
	}
}

func (st *stats) closed(r closedReason) { st.close[r].Inc() }

// resumed counts a connection by where it starts.
func (st *stats) resumed(v *view, s start) {
	for _, stream := range v.streams {
		stream.metrics.resumes[s.from].Inc()
	}
	if s.from == fromRing {
		st.depthOf(v, s.oldest, true)
	}
}

// depthOf notes how old the first record was that a resume lacked, Unix
// milliseconds; 0: it lacked none.
func (st *stats) depthOf(v *view, oldest int64, fromRing bool) {
	now, seconds := time.Now(), 0.0
	if oldest > 0 {
		seconds = max(0, now.Sub(time.UnixMilli(oldest)).Seconds())
		st.depth.Update(seconds)
	}
	v.depths.observe(now, seconds, fromRing)
}

func (st *stats) refused(r refusedReason) { st.refuse[r].Inc() }

// gap counts a gap that was told to one client.
func (st *stats) gap(v *view, topic, reason string) {
	v.streamOfTopic(topic).metrics.gaps[reason].Inc()
}

// gapsOf counts the notices of a resume.
func (st *stats) gapsOf(v *view, n []ringbuf.Notice) {
	for _, x := range n {
		st.gap(v, x.Topic, x.Reason)
	}
}

// private counts what a client gets under its own ids before it joins.
func (st *stats) private(v *view, s *start) {
	st.gapsOf(v, s.gaps)
	st.gavePrivate(v, len(s.private), s.events, s.given)
}

// wrote counts one round: a batch written to tried clients, of which full took
// all of it. Short ones are counted by wroteShort as they go on.
func (st *stats) wrote(v *view, b *batch, tried, full int, now time.Time) {
	st.shortWrites.Add(tried - full)
	st.gave(v, b, len(b.bytes), b.events, full)
	// The first event of a batch has waited longest.
	for _, p := range b.parts {
		if p.entry.Kind == ringbuf.Event {
			v.streamOfTopic(topicOf(b.last, p.entry)).metrics.lag.Update(lag(p.entry, now))
			break
		}
	}
}

// wroteShort counts what a client that is behind has taken of a stream.
func (st *stats) wroteShort(v *view, bytes, events int) {
	v.metrics.deliveries.Add(events)
	v.metrics.bytes.Add(bytes)
}

// logPanic logs a panic that ended one connection or one shard.
func (s *Server) logPanic(where string, p any) {
	s.log.Error().Str("in", where).Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("panic")
}
