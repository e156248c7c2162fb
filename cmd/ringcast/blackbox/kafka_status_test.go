//go:build kafka

package blackbox

import (
	"encoding/json"
	"fmt"
)

// streamStatus is what /streams says of one stream.
type streamStatus struct {
	Stalled  bool
	Lag      int64 `json:"lag_records"`
	Sessions int64 `json:"kafka_sessions"`
	Topics   []struct {
		Name       string
		Partitions []struct {
			Partition int32
			Next      int64 `json:"next_offset"`
		}
	}
}

// follows asks an instance how far its first stream has read.
func (s *scene) follows(in *instance) streamStatus {
	s.t.Helper()
	var status struct{ Streams []streamStatus }
	_, body := in.get("/streams")
	if err := json.Unmarshal([]byte(body), &status); err != nil || len(status.Streams) == 0 {
		s.t.Fatalf("/streams is %q: %v", body, err)
	}
	return status.Streams[0]
}

// atEnd waits until instances stand where the log of a topic ends, be there a
// record or none.
func (s *scene) atEnd(topic string, all ...*instance) {
	s.t.Helper()
	var ends map[int32]int64
	for _, in := range all {
		eventually(s.t, settleTime, func() bool {
			var err error
			// Anew each time: a transaction ends before its markers are written.
			ends, err = s.c.NewestOffsets(topic)
			s.must(err)
			for _, t := range s.follows(in).Topics {
				for _, p := range t.Partitions {
					if t.Name == topic && p.Next != ends[p.Partition] {
						return false
					}
				}
			}
			return true
		}, func() string { return fmt.Sprintf("an instance stands at %+v, the ends are %v", s.follows(in), ends) })
	}
}
