package serve

import (
	"math"
	"time"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse"
)

// readiness is the body of /readyz.
type readiness struct {
	Ready   bool              `json:"ready"`
	Process string            `json:"process"` // "serving" or "draining"
	Kafka   string            `json:"kafka"`   // "reached" or "never reached"
	Streams map[string]string `json:"streams"`
}

// ready reports whether the process should get new connections: not while it
// drains, and not before every stream that is not optional is warm. A topic
// that does not exist is named and counts as warm.
func (p *Process) ready() (bool, any) {
	r := readiness{Ready: true, Process: "serving", Kafka: "reached", Streams: make(map[string]string)}
	now := p.now.Load()
	if p.draining.Load() {
		r.Ready, r.Process = false, "draining"
	}
	if !now.kafka.Reached() {
		r.Ready, r.Kafka = false, "never reached"
	}
	for _, s := range now.streams {
		st := s.source.Status()
		state := "warm"
		switch {
		case !st.Warm && s.Optional:
			state = "not warm, optional"
		case !st.Warm:
			state, r.Ready = "not warm", false
		case st.Stalled:
			state = "warm, stalled: " + st.Reason
		}
		for i, t := range st.Missing {
			if i == 0 {
				state += "; missing topics:"
			}
			state += " " + t
		}
		for _, t := range st.Trouble {
			state += "; " + t
		}
		r.Streams[s.Name] = state
	}
	return r.Ready, r
}

// streamStatus is one stream in the body of /streams.
type streamStatus struct {
	Name        string        `json:"name"`
	Aliases     []string      `json:"aliases,omitempty"`
	Description string        `json:"description,omitempty"`
	Warm        bool          `json:"warm"`
	Stalled     bool          `json:"stalled"`
	Reason      string        `json:"stall_reason,omitempty"`
	Missing     []string      `json:"missing_topics,omitempty"`
	Trouble     []string      `json:"trouble,omitempty"` // what only an operator can mend: credentials, rights
	Clients     int           `json:"clients"`
	LagRecords  int64         `json:"lag_records"`
	LastRecord  string        `json:"last_record,omitempty"` // RFC 3339
	Sessions    int64         `json:"kafka_sessions"`
	Ring        ringStatus    `json:"ring"`
	Topics      []topicStatus `json:"topics"`
}

// ringStatus says how far a ring goes back.
type ringStatus struct {
	Events    uint64  `json:"events"`
	MaxEvents int     `json:"max_events"`
	Bytes     int64   `json:"bytes"`
	MaxBytes  int64   `json:"max_bytes"`
	Seconds   float64 `json:"seconds"`

	// Advice, from the resumes of the last hour.
	Resumes    int     `json:"resumes_last_hour"`
	FromRing   float64 `json:"resumes_from_ring"`         // share, 0 to 1
	NeedSecs   float64 `json:"seconds_for_99_percent"`    // how far back the ring would have to go
	NeedEvents int     `json:"max_events_for_99_percent"` // what that takes at the ring's present rate; 0: not known
}

type topicStatus struct {
	Name       string            `json:"name"`
	Exists     bool              `json:"exists"`
	Epoch      string            `json:"epoch,omitempty"`
	Partitions []partitionStatus `json:"partitions"`
}

type partitionStatus struct {
	Partition int32 `json:"partition"`
	Next      int64 `json:"next_offset"`
	Newest    int64 `json:"end_offset"` // -1: not known yet
}

// status is the body of /streams.
func (p *Process) status() any {
	list := []streamStatus{}
	for _, s := range p.now.Load().streams {
		st := s.source.Status()
		out := streamStatus{
			Name: s.Name, Aliases: s.Aliases, Description: s.Description, Warm: st.Warm, Stalled: st.Stalled, Reason: st.Reason,
			Missing: st.Missing, Trouble: st.Trouble, Clients: p.http.Clients(s.Name), LagRecords: st.Lag, Sessions: st.Sessions,
			Ring: coverage(s.ring, p.http.Advice(s.Name)), Topics: topics(st.Topics),
		}
		if st.LastRecord != ringbuf.NoTime {
			out.LastRecord = time.UnixMilli(st.LastRecord).UTC().Format(time.RFC3339Nano)
		}
		list = append(list, out)
	}
	return map[string]any{"streams": list}
}

func topics(list []broker.TopicStatus) []topicStatus {
	out := make([]topicStatus, 0, len(list))
	for _, t := range list {
		ts := topicStatus{Name: t.Name, Exists: t.Exists, Epoch: t.Epoch, Partitions: []partitionStatus{}}
		for _, q := range t.Partitions {
			if q.Newest >= 0 {
				q.Newest = max(q.Newest, q.Next) // the end is asked for less often
			}
			ts.Partitions = append(ts.Partitions, partitionStatus(q))
		}
		out = append(out, ts)
	}
	return out
}

// coverage says what a ring holds, and what it should hold.
func coverage(r *ringbuf.Ring, a sse.Advice) ringStatus {
	out := ringStatus{Resumes: a.Resumes, FromRing: a.FromRing, NeedSecs: a.Seconds}
	out.MaxEvents, out.MaxBytes = r.Bounds()
	oldest := r.Oldest()
	if oldest == nil {
		return out
	}
	out.Events, out.Bytes = r.Head()-oldest.Seq+1, r.Bytes()
	for s := oldest.Seq; s <= r.Head(); s++ {
		if e := r.At(s); e != nil && e.Time != ringbuf.NoTime {
			out.Seconds = max(0, time.Since(time.UnixMilli(e.Time)).Seconds())
			break
		}
	}
	if out.Seconds > 0 {
		out.NeedEvents = int(math.Ceil(a.Seconds * float64(out.Events) / out.Seconds))
	}
	return out
}
