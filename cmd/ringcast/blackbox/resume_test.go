package blackbox

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestEveryEventIsAResumePoint: whatever event a client had last, in every form
// of ids, it gets exactly the rest, from memory or from Kafka, at the instance
// that it was at or at another one.
func TestEveryEventIsAResumePoint(t *testing.T) {
	f := func(name, id string, shared bool, allowed ...ledger.Kind) {
		t.Run(name, func(t *testing.T) { everyEvent(t, id, shared, allowed...) })
	}
	f("both", "both", true)
	f("offset", "offset", true)
	f("timestamp", "timestamp", false)
	// Records that share a millisecond may come again, and are never lost.
	f("timestamp, shared milliseconds", "timestamp", true, ledger.Double, ledger.IDBehind)
	f("compact", "compact", true, ledger.BadID) // the ledger reads JSON only
}

// everyEvent is the test with one form of ids. shared: several records of a
// partition carry the same millisecond.
func everyEvent(t *testing.T, id string, shared bool, allowed ...ledger.Kind) {
	const partitions, ring, records, every = 3, 64, 500, 9
	k := newFake(t, topics(partitions, "t"))
	config := k.config("", fmt.Sprintf("events = %d\nid = %q", ring, id))
	one := startConfig(t, config)
	one.waitReady()
	r := record(t, k.book, one.url("s"), "t", partitions)
	at := time.Now()
	for made := int64(0); made < records; {
		var some []*kgo.Record
		for range 1 + rand.N(20) {
			rec := k.next("t", rand.Int32N(partitions), 150)
			if rec.Timestamp = at; !shared || rand.N(4) == 0 {
				at = at.Add(time.Millisecond)
			}
			some = append(some, rec)
		}
		k.write(some...)
		made += int64(len(some))
		r.reach(made)
	}
	points := r.end()
	two := startConfig(t, config)
	two.waitReady()

	// All of them at a time, half of them where nobody was before.
	var clients []*follower
	for i := 0; i < len(points); i += every {
		in := []*instance{one, two}[i/every%2]
		clients = append(clients, follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: points[i].id, Start: points[i].at}))
	}
	k.exact(allowed, clients...)
	k.scatterOver(partitions, 20)
	k.exact(allowed, clients...)
	for i, c := range clients {
		if n := c.Counts(); n.Connections != 1 || c.wrong() {
			t.Errorf("client %d: %+v", i, n)
		}
	}
	for _, in := range []*instance{one, two} {
		if n := in.metric(`ringcast_resumes_total{stream="s",from="kafka"}`); n < float64(len(clients))/4 {
			t.Errorf("%v of %d resumes went to Kafka", n, len(clients))
		}
	}
}

// scatterOver writes n records to partitions of t at random.
func (k *fake) scatterOver(partitions int32, n int) {
	k.t.Helper()
	for range n {
		k.produce("t", rand.Int32N(partitions), 1, 100)
	}
}

// point is a position that a client was given: the id, and what it had by then.
type point struct {
	id string
	at ledger.Positions
}

// recorder is a live client that remembers every position. Its offsets are
// those that the values tell, so its topic may have nothing but such records.
type recorder struct {
	*follower
	mu     sync.Mutex
	points []point
	now    ledger.Positions
}

// record starts a recorder in front of an empty topic.
func record(t *testing.T, book *ledger.Book, url, topic string, partitions int32) *recorder {
	t.Helper()
	r := &recorder{now: ledger.Positions{}}
	for p := range partitions {
		r.now[ledger.TopicPartition{Topic: topic, Partition: p}] = 0
	}
	r.follower = follow(t, ledger.Config{URLs: []string{url}, Start: maps.Clone(r.now), Book: book, OnEvent: r.take})
	eventually(t, patience, func() bool { return r.LastEventID() != "" }, func() string { return "no greeting came" })
	r.points = append(r.points, point{r.LastEventID(), maps.Clone(r.now)})
	return r
}

func (r *recorder) take(e ledger.Event) {
	topic, partition, n, ok := ledger.IdentifyValue(bytes.Clone(e.Data))
	if !ok {
		r.t.Errorf("a value does not say who it is: %s", e.Data)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[ledger.TopicPartition{Topic: topic, Partition: partition}] = n + 1
	r.points = append(r.points, point{string(e.ID), maps.Clone(r.now)})
}

// reach waits until it has n events.
func (r *recorder) reach(n int64) {
	r.t.Helper()
	eventually(r.t, patience, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return int64(len(r.points)) > n
	}, func() string { return fmt.Sprintf("the live client has fewer than %d events", n) })
}

// end stops it and returns the positions, the first of which is before all events.
func (r *recorder) end() []point {
	r.follower.end()
	return r.points
}
