package sse

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// noKafka is a History that has nothing to say, and counts who asks.
type noKafka struct{ t *testing.T }

var errNoKafka = errors.New("no kafka")

func (h noKafka) Open([]Range) (HistoryReader, error) {
	h.t.Error("Kafka was to be read")
	return nil, errNoKafka
}

func (h noKafka) At(context.Context, string, ringbuf.Key, int64) (int64, bool, error) {
	h.t.Error("Kafka was asked about a time")
	return 0, false, errNoKafka
}

func (h noKafka) Earliest(context.Context, string, ringbuf.Key) (int64, error) {
	h.t.Error("Kafka was asked for a log start")
	return 0, errNoKafka
}

// A client of several streams whose position the view's ring does not hold goes
// on from the rings of the streams, as long as they do: no Kafka is needed.
func TestCompositeResumesFromStreams(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newUnionLog(4)
		in := l.instance(5, position.Offset)
		s, addr := in.serve(t, func(c *Config) {
			change(c)
			c.ViewsMax = -1 // small rings only
			c.History = noKafka{t}
		})
		for range 5 * smallEvents {
			l.produce(t, 100)
		}
		for in.publish() {
		}
		begin := ledger.Positions{}
		for _, topic := range unionTopics {
			begin[ledger.TopicPartition{Topic: topic}], begin[ledger.TopicPartition{Topic: topic, Partition: 1}] = 0, 0
		}
		type place struct {
			id    string
			start ledger.Positions
		}
		places := []place{{unionStart(in), maps.Clone(begin)}}
		follow := func(p place, mode ledger.Mode, onEvent func(ledger.Event)) {
			t.Helper()
			c := ledger.NewClient(ledger.Config{Book: l.book, URLs: []string{"http://" + addr + "/v2/stream/a,b,c"}, Mode: mode, LastEventID: p.id, Start: p.start, OnEvent: onEvent})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := c.FollowUntil(ctx, l.book.End()); err != nil {
				t.Error(err)
			}
			if err := c.Check(l.book.End()); err != nil {
				t.Error(err)
			}
			if n := c.Counts(); n.Refusals+n.Gaps != 0 {
				t.Errorf("%+v", n)
			}
		}
		stand := maps.Clone(begin)
		follow(places[0], ledger.SSE, func(e ledger.Event) {
			topic, part, n, _ := ledger.IdentifyValue(e.Data)
			stand[ledger.TopicPartition{Topic: topic, Partition: part}] = n + 1
			places = append(places, place{string(e.ID), maps.Clone(stand)})
		})
		for k := 0; k < len(places); k += 17 {
			follow(places[k], ledger.Mode(k%2), nil)
		}
		if n := metric(t, s, `ringcast_resumes_total{stream="a",from="kafka"}`); n != 0 {
			t.Errorf("%v resumes are said to be from Kafka", n)
		}
	})
}
