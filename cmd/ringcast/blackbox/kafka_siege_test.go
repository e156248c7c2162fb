//go:build kafka

package blackbox

import (
	"fmt"
	"net/http"

	"github.com/ringcast/ringcast/bench/ledger"
)

// siege is a scene in full swing: two instances of a stream with one topic, live
// clients of every wire form, one that hops from instance to instance, and a
// writer.
type siege struct {
	*scene
	topic      string
	partitions int32
	one, two   *instance
	all        []*ledger.Client // the live ones: nothing may end their connection
	hopping    *ledger.Client
	w          *writer
	stop       func() // the writer
}

// underLoad begins, with rate records a second, and returns when records flow.
func (s *scene) underLoad(topic string, partitions int32, rate float64) *siege {
	s.t.Helper()
	s.topic(topic, partitions)
	return s.underLoadOf(topic, partitions, rate)
}

// underLoadOf is underLoad with a topic that is there.
func (s *scene) underLoadOf(topic string, partitions int32, rate float64) *siege {
	s.t.Helper()
	l := &siege{scene: s, topic: topic, partitions: partitions}
	l.one, l.two = s.serve(20_000, topic), s.serve(20_000, topic)
	l.one.waitReady()
	l.two.waitReady()
	l.all = s.live(l.one, s.zeros(topic, partitions))
	l.all = append(l.all, s.client(l.watched.watch(ledger.Config{URLs: []string{s.url(l.two)}}), s.always))
	s.connected(l.all...)
	l.hopping = s.hopper(7, l.one, l.two)
	l.w = s.writer(rate)
	l.stop = l.w.load(topic, partitions)
	l.flows()
	return l
}

// flows waits until every client has 50 records more than are written now, of
// every partition.
func (l *siege) flows() {
	l.t.Helper()
	l.passed(l.topic, l.partitions, 50)
}

// end stops the writer and asks the ledger. No live connection has ended, nobody
// was refused or is left with ids of its own, and the instances say that all is
// well.
func (l *siege) end(allowed ...ledger.Kind) {
	l.t.Helper()
	l.stop()
	l.reached()
	l.unbroken(l.all...)
	l.served(l.hopping)
	l.noPrivate(l.one, l.two)
	l.healthy(l.one, l.two)
	l.settle(allowed...)
}

// healthy waits until nothing is left of a fault in what operators look at.
func (s *scene) healthy(all ...*instance) {
	s.t.Helper()
	for _, in := range all {
		var ready string
		eventually(s.t, settleTime, func() bool {
			var status int
			status, ready = in.get("/readyz")
			now := s.follows(in)
			return status == http.StatusOK && !now.Stalled && now.Lag == 0 && in.metric(`ringcast_stream_stalled{stream="s0"}`) == 0
		}, func() string { return fmt.Sprintf("an instance is not well: %s %+v", ready, s.follows(in)) })
	}
}
