package broker

import (
	"slices"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
)

// Status is a stream as an operator wants to see it.
type Status struct {
	Name       string
	Warm       bool
	Stalled    bool
	Reason     string   // why it is stalled: "behind", "no_answer", "no_leader", or "" when it is not
	Missing    []string // topics that Kafka says do not exist
	Trouble    []string // what is wrong with our identity or our rights
	LastRecord int64    // largest record time in the position, Unix milliseconds, or ringbuf.NoTime
	Lag        int64    // records between the position and the end, at the last end check
	Sessions   int64    // consumer group sessions begun since the start
	Topics     []TopicStatus
}

// TopicStatus is one topic of a stream, in the order of the configuration.
type TopicStatus struct {
	Name       string
	Exists     bool
	Epoch      string // "CLUSTER.TOPIC", "" while Kafka was never reached
	Partitions []PartitionStatus
}

// PartitionStatus is one partition of a topic.
type PartitionStatus struct {
	Partition int32
	Next      int64 // offset of the next record to read
	Newest    int64 // end at the last end check, -1 while not known
}

// Status tells how the stream stands.
func (s *Stream) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Name:       s.cfg.Name,
		Warm:       s.warm.Load(),
		Stalled:    s.stalled.Load() != int32(notStalled),
		Reason:     stallReason(s.stalled.Load()).String(),
		Trouble:    s.troubles.list(time.Now()),
		LastRecord: ringbuf.NoTime,
		Lag:        s.lag.Load(),
		Sessions:   s.sessions.Load(),
	}
	pos := s.ring.Position().Pos
	for _, p := range pos {
		st.LastRecord = max(st.LastRecord, p.Time)
	}
	for _, t := range s.topics {
		ts := TopicStatus{Name: t.name, Exists: t.exists, Epoch: t.epoch}
		for p, part := range t.parts {
			ts.Partitions = append(ts.Partitions, PartitionStatus{int32(p), pos[part].Next, s.ends[part]})
		}
		st.Topics = append(st.Topics, ts)
	}
	st.Missing = slices.Clone(s.missingLocked())
	return st
}
