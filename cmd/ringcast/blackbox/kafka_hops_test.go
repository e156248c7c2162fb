//go:build kafka

package blackbox

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"github.com/ringcast/ringcast/bench/ledger"
)

// hops: clients that go from instance to instance, cut after any byte, miss
// and repeat nothing while they stay inside a ring of 64 events, whatever
// order the instances read four busy partitions in.
func (s *scene) hops() {
	t := s.t
	const (
		topic, partitions = "hops", 4
		ring              = 64
		window            = 28 // records that a client may be behind: well inside the ring
		burst             = 8
		hoppers, visits   = 19, 53 // beside one client that never reads: a thousand hops
	)
	s.topic(topic, partitions)
	one, two := s.serve(ring, topic), s.serve(ring, topic)
	one.waitReady()
	two.waitReady()
	urls := []string{s.url(one), s.url(two)}

	idle := ledger.NewClient(ledger.Config{URLs: urls, Book: s.book, ReceiveBuffer: 4096, StartPaused: true})
	s.running.Go(func() { idle.Visit(s.following, ledger.Visit{}) })
	var old string // an id that will have fallen out of the rings
	var done atomic.Int64
	for i := range uint64(hoppers) {
		r := rand.New(rand.NewPCG(7, i))
		s.client(ledger.Config{URLs: urls}, func(ctx context.Context, c *ledger.Client) {
			for range visits {
				c.Visit(ctx, ledger.Visit{URL: urls[r.IntN(2)], CutAfter: 1 + r.Int64N(12_000), Reset: r.IntN(2) == 0})
				done.Add(1)
			}
			c.Follow(ctx)
		})
	}
	eventually(t, settleTime, func() bool {
		for _, c := range s.clients {
			if len(c.Receipt().Start()) < partitions {
				return false
			}
		}
		old = s.clients[0].LastEventID()
		return true
	}, func() string { return "clients do not learn where they begin" })

	behind := func() (most int64) {
		for _, c := range s.clients {
			var n int64
			at := c.Receipt().Position()
			for p := range int32(partitions) {
				n += s.count(topic, p) - at[ledger.TopicPartition{Topic: topic, Partition: p}]
			}
			most = max(most, n)
		}
		return most
	}
	w := s.writer(0)
	r := rand.New(rand.NewPCG(7, 7))
	for done.Load() < hoppers*visits {
		eventually(t, settleTime, func() bool { return behind() <= window-burst }, func() string { return "a client does not get on" })
		for range burst {
			p := int32(r.IntN(partitions))
			s.must(w.p.Send(s.ctx, topic, p, nil, s.value(topic, p)))
		}
	}
	s.must(w.p.Flush(s.ctx))
	s.reached()
	s.noPrivate(one, two)

	s.client(ledger.Config{URLs: urls, LastEventID: old}, s.always) // from before the rings
	s.reached()
	s.served(s.clients...)
	t.Logf("%d hops over %d records", done.Load(), s.clients[0].Receipt().Received())
	s.settle()
}
