package load

import "github.com/ringcast/ringcast/bench/histogram"

// Tally counts what clients saw. Each worker has one; Add makes the sum.
type Tally struct {
	// Events is the number of records received, right or wrong; Bytes everything read from the sockets.
	Events, Bytes uint64

	// Each of these must be 0 at the end of a run.

	// Lost is the number of counters that a client never saw although it saw a later one, or should have.
	Lost uint64
	// Duplicated is the number of records that a client had already received.
	Duplicated uint64
	// Reordered is the number of records that came after a later one of their partition.
	Reordered uint64
	// Damaged is the number of records whose value is not as it was produced.
	Damaged uint64
	// Gaps is the number of gap notices (PROTOCOL.md section 3).
	Gaps uint64
	// Closed is the number of connections that ended before they were asked to.
	Closed uint64

	// Heartbeats counts comment lines that are no notice.
	Heartbeats uint64
	// LastMicros is when the last record was received, in microseconds since 1970.
	LastMicros int64
	// LastFirst is when the last client got the first event of its connection, in microseconds since 1970.
	LastFirst int64
	// LastGreeting is when the last client got its greeting, in microseconds since 1970.
	LastGreeting int64
	// latency is receive time minus produce time in microseconds.
	latency histogram.Histogram
	// first is the time from the begin of a connection to its first event in microseconds.
	first histogram.Histogram
	// greet is the time from the begin of a connection to its greeting in microseconds.
	greet histogram.Histogram
}

// Add adds the counts of o.
func (t *Tally) Add(o *Tally) {
	t.Events += o.Events
	t.Bytes += o.Bytes
	t.Lost += o.Lost
	t.Duplicated += o.Duplicated
	t.Reordered += o.Reordered
	t.Damaged += o.Damaged
	t.Gaps += o.Gaps
	t.Closed += o.Closed
	t.Heartbeats += o.Heartbeats
	t.LastMicros = max(t.LastMicros, o.LastMicros)
	t.LastFirst = max(t.LastFirst, o.LastFirst)
	t.LastGreeting = max(t.LastGreeting, o.LastGreeting)
	t.latency.Add(&o.latency)
	t.first.Add(&o.first)
	t.greet.Add(&o.greet)
}

// Faults is the number of observations that make a run a failed one.
func (t *Tally) Faults() uint64 {
	return t.Lost + t.Duplicated + t.Reordered + t.Damaged + t.Gaps + t.Closed
}
