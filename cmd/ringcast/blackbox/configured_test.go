package blackbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestTopicConfiguredLater: a topic that the configuration adds to a stream is
// read from the time that a client's id speaks of, however long ago that was.
func TestTopicConfiguredLater(t *testing.T) {
	f := func(name string, ring int, records int64) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newFake(t, topics(1, "t", "u"))
			before := startConfig(t, k.config("", "events = 32"))
			before.waitReady()
			r := record(t, k.book, before.url("s"), "t", 1)
			const step = 10 * time.Millisecond
			begin := time.Now().Add(-time.Duration(records) * step).Truncate(time.Millisecond)
			at := func(n int64) time.Time { return begin.Add(time.Duration(n) * step) }
			for from := int64(0); from < records; from += 10 {
				var list []*kgo.Record
				for n := from; n < from+10; n++ {
					for _, topic := range []string{"t", "u"} {
						rec := k.next(topic, 0, 100)
						rec.Timestamp = at(n)
						list = append(list, rec)
					}
				}
				k.write(list...)
				r.reach(from + 10)
			}
			points := r.end()
			if status := before.stop(15); status != exitOK {
				t.Errorf("exit status %d", status)
			}
			after := startConfig(t, k.configOf("", fmt.Sprintf("events = %d", ring), "t", "u"))
			after.waitReady()
			var clients []*follower
			for n := int64(1); n < records; n += records / 10 {
				// Behind record n-1 of t: of u that of the same time, and all later ones.
				c := follow(t, ledger.Config{URLs: []string{after.url("s")}, Book: k.book, LastEventID: points[n].id,
					Start: ledger.Positions{{Topic: "t"}: n, {Topic: "u"}: n - 1}})
				clients = append(clients, c)
			}
			k.complete(clients...)
			k.produce("t", 0, 5, 100)
			k.produce("u", 0, 5, 100)
			k.complete(clients...)
		})
	}
	f("in the ring", 10_000, 100)
	f("in Kafka", 64, 500)
}

// TestTopicConfiguredAway: what an id says of a topic that the stream no longer
// has is told, and costs nothing of the others.
func TestTopicConfiguredAway(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t", "u"))
	before := startConfig(t, k.configOf("", "events = 32", "t", "u"))
	before.waitReady()
	live := followAll(t, 2, ledger.Config{URLs: []string{before.url("s")}, Book: k.book}, 4)
	old := live[0].LastEventID()
	for range 20 {
		for p := range int32(2) {
			k.produce("t", p, 5, 100)
			k.produce("u", p, 5, 100)
		}
	}
	k.complete(live...)
	newest := live[0].LastEventID()
	after := startConfig(t, k.config("", "events = 32"))
	after.waitReady()
	gap := func(p int32, asked int64) ledger.GapNotice {
		return ledger.GapNotice{Topic: "u", Partition: p, Asked: asked, Given: -1, Reason: "topic_removed"}
	}
	end := k.book.End("t")
	f := func(id string, asked, from int64, url string) {
		t.Helper()
		start := ledger.Positions{{Topic: "t"}: from, {Topic: "t", Partition: 1}: from}
		c := follow(t, ledger.Config{URLs: []string{url}, Book: k.book, LastEventID: id, Start: start})
		eventually(t, patience, func() bool { return c.Receipt().Reached(end) && len(c.Notices()) > 0 }, func() string { return fmt.Sprintf("%+v %v", c.Counts(), c.Notices()) })
		if err := c.Receipt().CheckAllowing(end, ledger.Gap); err != nil {
			t.Error(err)
		}
		c.toldAll(gap(0, asked), gap(1, asked))
		if n := c.Counts(); c.wrong() || n.Connections != 1 {
			t.Errorf("%+v", n)
		}
	}
	f(old, 0, 0, after.url("s"))
	f(newest, 100, 100, after.url("s"))
	f(old, 0, 0, after.url("s")+"?notices=event")
	f(newest, 100, 100, after.url("s")+"?notices=event")
}
