//go:build kafka

package blackbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// history: aborted transactions and markers in front of the ring, one that is
// open, and clients that resume anywhere in them.
func (s *scene) history() {
	t := s.t
	const topic, partitions = "history", 2
	s.topic(topic, partitions)
	one := s.serve(smallRing, topic)
	one.waitReady()
	w := follow(t, ledger.Config{URLs: []string{s.url(one)}, Book: s.book})
	w.started(partitions)
	for i := range 12 {
		s.writer(0).write(topic, partitions, 5)
		if tx := s.begin(topic, partitions, 5); i%2 == 0 {
			tx.abort()
		} else {
			tx.commit()
		}
	}
	s.begin(topic, 1, 3).abort()
	open := s.begin(topic, 1, 5)
	two := s.serve(smallRing, topic)
	two.waitReady()
	var clients []*follower
	for n := int64(0); n < 12*11+4; n += 4 {
		at := ledger.Positions{{Topic: topic}: n, {Topic: topic, Partition: 1}: 0}
		p := point{id: idAt(t, w.LastEventID(), at), at: at}
		clients = append(clients, s.back([]*instance{one, two}[n/4%2], p))
	}
	exact(t, s.book, nil, clients...)
	for _, in := range []*instance{one, two} {
		in.noPrivate()
	}
	open.commit()
	s.writer(0).write(topic, partitions, 5)
	exact(t, s.book, nil, append(clients, w)...)
	for _, in := range []*instance{one, two} {
		in.noPrivate()
	}
	for i, c := range clients {
		if n := c.Counts(); n.Connections != 1 || n.Refusals > 0 || n.Gaps > 0 {
			t.Errorf("client %d: %+v", i, n)
		}
	}
}

// farHops: three instances that read four partitions in different orders, and
// clients that are mostly behind all their rings.
func (s *scene) farHops() {
	t := s.t
	const (
		topic, partitions = "far", 4
		clients, records  = 20, 1200
		lag               = 4 * smallRing
	)
	s.topic(topic, partitions)
	var all []*instance
	var urls []string
	for range 3 {
		in := s.serve(smallRing, topic)
		in.waitReady()
		all, urls = append(all, in), append(urls, s.url(in))
	}
	var made atomic.Int64
	for i := range uint64(clients) {
		r := rand.New(rand.NewPCG(11, i))
		s.client(ledger.Config{URLs: urls}, func(ctx context.Context, c *ledger.Client) {
			for ctx.Err() == nil {
				c.Visit(ctx, ledger.Visit{URL: urls[r.IntN(len(urls))], CutAfter: 1 + r.Int64N(20_000), Reset: r.IntN(2) == 0})
				// Every third time it stays away until the rings are of others.
				back := min(c.Receipt().Received()+2*smallRing, records)
				for away := r.IntN(3) == 0; away && made.Load() < back && ctx.Err() == nil; {
					<-time.After(5 * time.Millisecond)
				}
			}
		})
	}
	s.connected(s.clients...)
	w := s.writer(0)
	for n := 0; n < records; made.Store(int64(n)) {
		for _, c := range s.clients {
			eventually(t, settleTime, func() bool { return c.Receipt().Received() >= int64(n-lag) }, func() string {
				d := c.Receipt().Differences()
				return fmt.Sprintf("a client has %d of %d: %v", c.Receipt().Received(), n, d.Error())
			})
		}
		for range 1 + rand.N(16) {
			p := rand.Int32N(partitions)
			s.must(w.p.Send(s.ctx, topic, p, nil, s.value(topic, p)))
			n++
		}
		s.must(w.p.Flush(s.ctx))
	}
	s.reached()
	s.served(s.clients...)
	var replays float64
	for _, in := range all {
		replays += in.metric(`ringcast_resumes_total{stream="s0",from="kafka"}`)
	}
	if replays < 10*clients {
		t.Errorf("%v resumes went to Kafka", replays)
	}
	t.Logf("%v resumes went to Kafka", replays)
	s.settle()
	for _, in := range all {
		in.noPrivate()
	}
}

// recreatedAway: a topic is deleted and created again, twice, while clients with
// ids of the old log are away.
func (s *scene) recreatedAway() {
	t := s.t
	const topic, partitions = "recreated.away", 2
	s.topic(topic, partitions)
	one := s.serve(smallRing, topic)
	one.waitReady()
	points := s.recorded(one, topic, partitions, 200)
	for _, after := range []int{40, 400} {
		old := one.epoch("s0", topic)
		s.must(s.c.DeleteTopic(s.ctx, topic))
		s.topic(topic, partitions)
		s.book.Recreated(topic)
		s.writer(0).write(topic, partitions, after)
		fresh := s.serve(smallRing, topic)
		fresh.waitReady()
		eventually(t, settleTime, func() bool { return one.epoch("s0", topic) != old }, func() string { return "the new topic is not noticed" })
		var clients []*follower
		for i := 0; i < len(points); i += 50 {
			for _, in := range []*instance{one, fresh} {
				clients = append(clients, follow(t, ledger.Config{URLs: []string{s.url(in)}, Book: s.book, LastEventID: points[i].id}))
			}
		}
		for i, c := range clients {
			eventually(t, settleTime, func() bool { return len(c.Notices()) == partitions }, func() string { return fmt.Sprintf("client %d was told %v: %+v", i, c.Notices(), c.Counts()) })
			for _, n := range c.Notices() {
				if n.Gap == nil || n.Gap.Reason != "recreated" || n.Gap.Given != 0 {
					t.Errorf("client %d was told %q", i, n.Text)
				}
			}
		}
		exact(t, s.book, []ledger.Kind{ledger.Gap}, clients...)
		for i, c := range clients {
			if n := c.Counts(); n.Connections != 1 || n.Refusals > 0 {
				t.Errorf("client %d: %+v", i, n)
			}
			c.end()
		}
	}
}

// brokerGone: without Kafka a resume inside the ring is served, one before it
// is refused for a while, or waits where the configuration says so.
func (s *scene) brokerGone() {
	t := s.t
	const topic, partitions = "broker.gone", 2
	s.topic(topic, partitions)
	one := s.serve(smallRing, topic)
	one.waitReady()
	points := s.recorded(one, topic, partitions, 200)
	patient := s.serveWith(smallRing, `limit_response = "stream"`, topic)
	patient.waitReady()
	s.must(s.c.Kill(1))
	inside := []*follower{s.back(one, points[len(points)-1]), s.back(one, points[len(points)-10]), s.back(patient, points[len(points)-1])}
	for _, c := range inside {
		c.started(partitions)
	}
	exact(t, s.book, nil, inside...)
	deep := s.back(one, points[0])
	end, _ := deep.firstEnd()
	if end.Status != 503 || end.Problem.Type != "upstream_unavailable" || end.Header["retry-after"] == "" {
		t.Errorf("a deep resume got %d %+v %v", end.Status, end.Problem, end.Header)
	}
	parked := []*follower{s.back(patient, points[0]), s.back(patient, points[100])}
	for _, c := range parked {
		c.started(partitions)
	}
	if id := parked[1].LastEventID(); id != points[100].id {
		t.Errorf("the greeting's id is %s, want %s", id, points[100].id)
	}
	s.must(s.c.Restart(s.ctx, 1))
	s.writer(0).write(topic, partitions, 10)
	exact(t, s.book, nil, append(append(inside, parked...), deep)...)
	for i, c := range append(inside, parked...) {
		if n := c.Counts(); n.Connections != 1 || n.Refusals > 0 {
			t.Errorf("client %d: %+v", i, n)
		}
	}
	one.noPrivate()
	patient.noPrivate()
}
