package blackbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

const (
	hopRing       = 64 // events
	hopPartitions = 4
	hopReaders    = 38
	hopStuck      = 2           // 5 % of the clients never read
	hopNear       = hopRing / 4 // records that a client is behind at most: the ring has them
	hopFar        = 4 * hopRing // the ring has left behind what most resumes need
)

// TestHop: a client that is cut after any byte and goes on at any instance gets
// every record once and in order, from memory or from Kafka, and so does one
// that reads nothing for a long time.
func TestHop(t *testing.T) {
	t.Run("both", func(t *testing.T) { hop(t, "both", 2000, 8, hopNear) })
	t.Run("offset", func(t *testing.T) { hop(t, "offset", 1000, 4, hopNear) })
	// Records that share a millisecond may come again, and are never lost.
	t.Run("timestamp", func(t *testing.T) { hop(t, "timestamp", 1000, 4, hopNear, ledger.Double, ledger.IDBehind) })
	t.Run("both, far", func(t *testing.T) { hop(t, "both", 2000, 10, hopFar) })
	t.Run("offset, far", func(t *testing.T) { hop(t, "offset", 1000, 8, hopFar) })
	t.Run("timestamp, far", func(t *testing.T) { hop(t, "timestamp", 1000, 8, hopFar, ledger.Double, ledger.IDBehind) })
}

// hop is the test with one form of ids: at least so many hops, while so many
// rings of records pass and no client is more than lag of them behind.
// Differences of some kinds may be allowed.
func hop(t *testing.T, id string, hops int64, rings, lag int, allowed ...ledger.Kind) {
	k := newFake(t, topics(hopPartitions, "t"))
	var instances []*instance
	many := 2
	if lag == hopFar {
		many = 3
	}
	for range many {
		instances = append(instances, startConfig(t, k.config("", fmt.Sprintf("events = %d\nid = %q", hopRing, id))))
	}
	var urls []string
	for _, in := range instances {
		in.waitReady()
		urls = append(urls, in.url("s"))
	}
	cut := int64(6000)
	if id == "timestamp" {
		// Such a position says nothing about where it is inside a millisecond:
		// what shares the last ones comes again, and a connection that is cut
		// before the end of it has got nowhere.
		cut = 30_000
	}
	h := startHoppers(t, k, urls, cut, lag)
	var stuck []*follower
	for i := range hopStuck {
		stuck = append(stuck, follow(t, ledger.Config{URLs: urls[i : i+1], Book: k.book, ReceiveBuffer: smallWindow, StartPaused: true}))
	}
	eventually(t, patience, func() bool {
		n := 0.0
		for _, in := range instances {
			n += in.metric(`ringcast_connections_total{stream="s"}`)
		}
		return n >= hopReaders+hopStuck
	}, func() string { return "not all clients are there" })

	for produced := 0; produced < rings*hopRing || h.count.Load() < hops; {
		h.paced(produced - lag)
		produced += k.scatter(1+rand.N(8), 120)
	}
	h.finish(allowed)

	// The stuck ones have more than the kernel takes for them, and a ring, before them.
	for range 3 * hopRing {
		k.scatter(1, 4000)
	}
	for _, s := range stuck {
		s.Resume()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := s.WaitUntil(ctx, k.book.End()); err != nil {
			t.Errorf("a client that fell out of the ring: %v, %+v, last id %s", err, s.Counts(), s.LastEventID())
		}
		cancel()
		if n := len(s.all()); n > 0 {
			t.Errorf("it was ended %d times: %+v", n, s.all())
		}
		s.end()
		if err := s.Receipt().CheckAllowing(k.book.End(), allowed...); err != nil {
			t.Errorf("a client that fell out of the ring: %v", err)
		}
	}
	replays := 0.0
	for _, in := range instances {
		replays += in.metric(`ringcast_resumes_total{stream="s",from="kafka"}`)
		eventually(t, patience, func() bool {
			return in.metric(`ringcast_clients{state="replay"}`)+in.metric(`ringcast_clients{state="private"}`) == 0
		}, func() string { return "clients stay in replay, or private" })
	}
	if lag == hopFar && replays < float64(hops)/10 {
		t.Errorf("%v of %d hops went to Kafka", replays, h.count.Load())
	}
	t.Logf("%d hops, %.0f of them from Kafka, %d records", h.count.Load(), replays, k.total())
}

// scatter writes n records to partitions at random, all at once: instances read
// them in different orders.
func (k *fake) scatter(n, size int) int {
	k.t.Helper()
	var records []*kgo.Record
	for range n {
		records = append(records, k.next("t", rand.Int32N(hopPartitions), size))
	}
	k.write(records...)
	return n
}

// total is the number of records made so far.
func (k *fake) total() (n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.counters {
		n += c
	}
	return n
}

// hoppers are clients that go from instance to instance.
type hoppers struct {
	t       *testing.T
	k       *fake
	clients []*ledger.Client
	count   atomic.Int64 // connections that got a 200
	last    atomic.Bool  // everything is written
	stop    context.CancelFunc
	running sync.WaitGroup
}

// startHoppers starts the clients, each connection of which is cut after at most
// so many bytes, and waits until each knows where it starts. Where they may be
// far behind they stay away now and then, for half as long as they may.
func startHoppers(t *testing.T, k *fake, urls []string, cut int64, lag int) *hoppers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &hoppers{t: t, k: k, stop: cancel}
	for i := range hopReaders {
		mode := ledger.SSE
		if i%3 == 0 {
			mode = ledger.SSE10
		}
		c := ledger.NewClient(ledger.Config{URLs: urls, Book: k.book, Mode: mode, OnEnd: h.ended})
		h.clients = append(h.clients, c)
		h.running.Go(func() {
			for ctx.Err() == nil {
				c.Visit(ctx, ledger.Visit{URL: urls[rand.N(len(urls))], CutAfter: 1 + rand.Int64N(cut), Reset: rand.N(4) == 0})
				back := c.Receipt().Received() + int64(lag)/2
				for away := lag == hopFar && c.Receipt().Received() > 0 && rand.N(4) == 0; away && k.total() < back && !h.last.Load() && ctx.Err() == nil; {
					<-time.After(2 * time.Millisecond)
				}
			}
		})
	}
	t.Cleanup(h.end)
	for _, c := range h.clients {
		eventually(t, patience, func() bool { return len(c.Receipt().Start()) == hopPartitions }, func() string { return "no greeting came" })
	}
	return h
}

// ended judges the end of a connection: the client cuts it, never the server.
func (h *hoppers) ended(e ledger.End) {
	switch {
	case e.Cause == ledger.WasCut:
		h.count.Add(1)
	case e.Cause == ledger.Cancelled:
	case e.Cause == ledger.Refused && e.Status == 503: // Kafka is too slow for a question: the machine is busy
	default:
		h.t.Errorf("a connection of a reading client ended so: %+v", e)
	}
}

// paced waits until every client has so many records.
func (h *hoppers) paced(produced int) {
	h.t.Helper()
	for i, c := range h.clients {
		eventually(h.t, patience, func() bool { return int(c.Receipt().Received()) >= produced }, func() string {
			d := c.Receipt().Differences()
			return fmt.Sprintf("client %d has %d of %d: %v, position %v, last id %s", i, c.Receipt().Received(), produced, d.Error(), c.Receipt().Position(), c.LastEventID())
		})
	}
}

// finish lets the clients come to the end and asks the ledger.
func (h *hoppers) finish(allowed []ledger.Kind) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	end := h.k.book.End()
	h.last.Store(true)
	for i, c := range h.clients {
		if err := c.WaitUntil(ctx, end); err != nil {
			h.t.Errorf("client %d: %v", i, err)
		}
	}
	h.end()
	for i, c := range h.clients {
		if err := c.Receipt().CheckAllowing(end, allowed...); err != nil {
			h.t.Errorf("client %d: %v", i, err)
		}
	}
}

func (h *hoppers) end() {
	h.stop()
	h.running.Wait()
}
