//go:build kafka

package blackbox

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// expired: what Kafka no longer retains is told, and the client goes on at the
// earliest there is, in Kafka or in the ring.
func (s *scene) expired() {
	t := s.t
	const topic, records = "expired", 400
	s.topic(topic, 1)
	held := s.serve(smallRing, topic)
	held.waitReady()
	points := s.recorded(held, topic, 1, records)
	held = s.serve(smallRing, topic) // has replayed nothing that it could remember
	held.waitReady()
	gap := func(asked, given int64) ledger.GapNotice {
		return ledger.GapNotice{Topic: topic, Asked: asked, Given: given, Reason: "expired"}
	}
	f := func(in *instance, n int, told ...ledger.GapNotice) {
		t.Helper()
		for _, query := range []string{"", "?notices=event"} {
			c := follow(t, ledger.Config{URLs: []string{s.url(in) + query}, Book: s.book, LastEventID: points[n].id, Start: points[n].at})
			exact(t, s.book, []ledger.Kind{ledger.Gap}, c)
			c.toldAll(told...)
			c.end()
		}
	}
	s.must(s.c.DeleteRecords(topic, map[int32]int64{0: records - 10}))
	fresh := s.serve(smallRing, topic)
	fresh.waitReady()
	f(held, 40, gap(40, records-smallRing))
	f(held, records-smallRing)
	f(held, records-5)
	f(fresh, 40, gap(40, records-10))
	f(fresh, records-10)
	f(fresh, records)
	s.must(s.c.DeleteRecords(topic, map[int32]int64{0: records}))
	empty := s.serve(smallRing, topic)
	empty.waitReady()
	f(empty, 40, gap(40, records))
	c := s.back(empty, points[records])
	s.writer(0).write(topic, 1, 10)
	exact(t, s.book, nil, c)
}

// seen collects what a client was given of one partition.
type seen struct {
	*follower
	mu sync.Mutex
	n  []int64
}

// watch starts a client whose events are collected, and not compared.
func (s *scene) watch(in *instance, c ledger.Config) *seen {
	w := &seen{}
	c.URLs = []string{s.url(in)}
	c.OnEvent = func(e ledger.Event) {
		_, _, n, ok := ledger.IdentifyValue(bytes.Clone(e.Data))
		if !ok {
			s.t.Errorf("a value does not say who it is: %s", e.Data)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.n = append(w.n, n)
	}
	w.follower = follow(s.t, c)
	return w
}

func (w *seen) all() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.n)
}

// inLog reads from Kafka which records a partition has, by their counters.
func (s *scene) inLog(topic string, partition int32) (n []int64) {
	s.t.Helper()
	lines, err := kafka.KcatConsume(s.ctx, s.c.Addrs()[0], topic, partition, 0, `%s\n`)
	s.must(err)
	for _, l := range lines {
		_, _, c, ok := ledger.IdentifyValue([]byte(l))
		if !ok {
			s.t.Fatalf("the log has %q", l)
		}
		n = append(n, c)
	}
	return n
}

// compacted: of a compacted log what survived is delivered once and in order,
// under a replay too, and positions pass what is gone.
func (s *scene) compacted() {
	t := s.t
	const topic, keys, rounds = "compacted", 20, 60
	s.must(s.c.CreateTopic(s.ctx, topic, 1, 0, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "1000", "max.compaction.lag.ms": "1000",
	}))
	one := s.serve(smallRing, topic)
	one.waitReady()
	first := s.watch(one, ledger.Config{})
	eventually(t, settleTime, func() bool { return first.LastEventID() != "" }, func() string { return "no greeting came" })
	id := func(n int64) string { return idAt(t, first.LastEventID(), ledger.Positions{{Topic: topic}: n}) }
	p := s.writer(0).p
	send := func(key int) {
		s.must(p.Send(s.ctx, topic, 0, fmt.Append(nil, "key", key), s.value(topic, 0)))
		s.must(p.Flush(s.ctx))
	}
	for range rounds {
		for key := range keys {
			s.must(p.Send(s.ctx, topic, 0, fmt.Append(nil, "key", key), s.value(topic, 0)))
		}
		s.must(p.Flush(s.ctx))
	}
	const before = keys * rounds
	// In the middle of a replay when the cleaner comes.
	under := s.watch(one, ledger.Config{LastEventID: id(0), ReceiveBuffer: smallWindow, StartPaused: true})
	eventually(t, settleTime, func() bool { return one.metric(`ringcast_clients{state="replay"}`) == 1 }, func() string { return "no replay begins" })

	log := func() []int64 { return s.inLog(topic, 0) }
	gone := func(n []int64) bool { return len(n) == 0 || n[0] >= before-2*keys }
	deadline := time.Now().Add(settleTime)
	for !gone(log()) {
		if time.Now().After(deadline) {
			t.Fatalf("the cleaner does not come: %d records are left", len(log()))
		}
		send(0) // a segment ends when something is written
		<-time.After(200 * time.Millisecond)
	}
	two := s.serve(smallRing, topic)
	two.waitReady()
	var clients []*seen
	for _, in := range []*instance{one, two} {
		for _, at := range []int64{0, 1, before / 2, before - 3*keys, before - keys/2, before} {
			clients = append(clients, s.watch(in, ledger.Config{LastEventID: id(at)}))
		}
	}
	under.Resume()
	for range 5 {
		send(1)
	}
	end := s.count(topic, 0)
	survived := log()
	starts := []int64{0, 1, before / 2, before - 3*keys, before - keys/2, before}
	for i, c := range append(clients, under, first) {
		from := int64(0)
		if i < len(clients) {
			from = starts[i%len(starts)]
		}
		eventually(t, settleTime, func() bool { n := c.all(); return len(n) > 0 && n[len(n)-1] == end-1 }, func() string {
			return fmt.Sprintf("client %d has %d records, the newest is not %d: %+v, last id %s", i, len(c.all()), end-1, c.Counts(), c.LastEventID())
		})
		got := c.all()
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || got[0] < from {
			t.Errorf("client %d from %d: records out of order, or doubled: %v", i, from, got)
		}
		for _, n := range survived {
			if _, ok := slices.BinarySearch(got, n); !ok && n >= from {
				t.Errorf("client %d from %d lacks record %d, which survived", i, from, n)
			}
		}
		// The first one saw rounds go through a small ring, and may have been sent
		// away as too slow.
		if n := c.Counts(); n.Connections != 1 && c != first || n.Gaps > 0 {
			t.Errorf("client %d: %+v, %v", i, n, c.Notices())
		}
	}
	if n := len(clients[len(starts)].all()); n > int(end)/2 { // at the instance that came later, from the first record
		t.Errorf("%d of %d records came from a compacted log", n, end)
	}
	for _, in := range []*instance{one, two} {
		in.noPrivate()
	}
	t.Logf("%d of %d records survived", len(survived), end)
}
