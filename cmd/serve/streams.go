package serve

import (
	"maps"
	"slices"
	"time"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/conf"
	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse"
	"github.com/ringcast/ringcast/sse/frame"
	"github.com/ringcast/ringcast/sse/position"
)

// configured is a configuration in force, and what was made for it.
type configured struct {
	cfg     *conf.Config
	kafka   *kafka
	streams []*stream
}

// stream is one configured stream and the parts made for it.
type stream struct {
	conf.Stream
	ring   *ringbuf.Ring
	source *broker.Stream
}

func newStream(s conf.Stream) *stream {
	return &stream{Stream: s, ring: ringbuf.New(s.Events, s.Bytes)}
}

// reading is what the broker has to know.
func (s *stream) reading() broker.StreamConfig {
	format := record.Format(s.Format)
	return broker.StreamConfig{
		Name: s.Name, Topics: s.Topics, Format: format, Annotate: record.Annotate(s.Annotate),
		MaxEvent: s.MaxEvent, Events: s.Events, WarmUp: s.WarmUp,
		Encoder: frame.NewEncoder(position.Form(s.ID), frame.Format(format)), Ring: s.ring, Timed: s.ID == conf.IDTimestamp,
	}
}

// served is what the HTTP side has to know of streams.
func served(streams []*stream) (list []sse.Stream) {
	for _, s := range streams {
		list = append(list, sse.Stream{Name: s.Name, Aliases: s.Aliases, Topics: s.Topics, ID: position.Form(s.ID),
			Format: frame.Format(s.Format), Token: s.Access == conf.AccessToken, Ring: s.ring, Source: s.source,
			Description: s.Description, Example: s.Example, Schema: s.SchemaJSON})
	}
	return list
}

// sameStream reports whether two configurations of a stream give the same events
// to the same clients, so that its ring and they can stay.
func sameStream(a, b *conf.Stream) bool {
	return slices.Equal(a.Topics, b.Topics) && a.Format == b.Format && a.Annotate == b.Annotate && a.ID == b.ID && a.MaxEvent == b.MaxEvent &&
		a.Access == b.Access
}

// change is what it takes to serve other streams.
type change struct {
	now   []*stream // in the order of the configuration
	fresh []*stream // of them those that are not read yet
	gone  []string  // read so far, and not any more
}

// changeTo compares with the streams of now. Those that stay the same keep their
// rings and their clients. An error means that the streams cannot be served.
func (p *Process) changeTo(list []conf.Stream) (*change, error) {
	old := make(map[string]*stream)
	for _, s := range p.now.Load().streams {
		old[s.Name] = s
	}
	c := new(change)
	for _, s := range list {
		was := old[s.Name]
		if was != nil && sameStream(&was.Stream, &s) {
			delete(old, s.Name)
			c.now = append(c.now, &stream{Stream: s, ring: was.ring, source: was.source})
			continue
		}
		st := newStream(s)
		rc := st.reading()
		if err := rc.Check(); err != nil {
			return nil, err
		}
		c.now, c.fresh = append(c.now, st), append(c.fresh, st)
	}
	c.gone = slices.Sorted(maps.Keys(old))
	return c, p.http.CheckStreams(served(c.now))
}

// fillTime is how long a new stream may take to be filled before it is served.
// Until it is, who asks for it is told that there is no such stream, or is
// served by the one that it replaces.
const fillTime = 5 * time.Second

// fill waits until streams are warm. Without Kafka they are served cold.
func (p *Process) fill(streams []*stream) {
	deadline := time.After(fillTime)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, s := range streams {
		for !s.source.Warm() {
			select {
			case <-tick.C:
			case <-deadline:
				return
			case <-p.ctx.Done():
				return
			}
		}
	}
}
