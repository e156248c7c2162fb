//go:build kafka

package blackbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

const (
	sceneTime  = 6 * time.Minute
	settleTime = 90 * time.Second // a kill and restart takes 15 s on busy cores, and has taken a minute
	recordSize = 400              // bytes
	batchSize  = 500_000          // bytes: Kafka takes a megabyte
	hopRecords = 150              // that a hopper gets at most before it is cut: it keeps up with any load here
)

// scene is one test against a real Kafka: the book of what was acknowledged,
// and the clients that must have all of it in the end.
type scene struct {
	t       *testing.T
	c       *kafka.Cluster
	ctx     context.Context
	book    *ledger.Book
	brokers []string // where instances find Kafka
	size    int      // of a record, bytes
	keys    int64    // that the records of a partition take in turn; 0: they have none
	more    string   // configuration of instances, behind all else

	stopClients context.CancelFunc
	following   context.Context
	running     sync.WaitGroup // the clients' goroutines
	clients     []*ledger.Client
	watched     pauses // of the live ones
	acked       pauses // of all writers

	measured func(what string, pause, producer, took time.Duration) // told what cost what; nil: nobody

	outcome outcome // set by settle

	mu   sync.Mutex
	next map[ledger.TopicPartition]int64 // counter of the next record; guarded by mu
}

// outcome is what all clients of a scene have seen, by the ledger's word.
type outcome struct {
	settled               bool
	clients               int
	connections, received int64
	lost, doubled, other  int64
}

func (o outcome) String() string {
	return fmt.Sprintf("%d clients, %d connections, %d records received, %d lost, %d doubled, %d otherwise wrong",
		o.clients, o.connections, o.received, o.lost, o.doubled, o.other)
}

func newScene(t *testing.T, c *kafka.Cluster) *scene {
	t.Helper()
	return newSceneFor(t, c, sceneTime)
}

// newSceneFor is newScene with as much time as it takes at most.
func newSceneFor(t *testing.T, c *kafka.Cluster, long time.Duration) *scene {
	t.Helper()
	s := &scene{t: t, c: c, book: ledger.NewBook(nil), size: recordSize, next: map[ledger.TopicPartition]int64{}}
	if c != nil {
		s.brokers = c.Addrs()
	}
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithTimeout(t.Context(), long)
	s.following, s.stopClients = context.WithCancel(s.ctx)
	t.Cleanup(func() {
		s.stopClients()
		s.running.Wait()
		cancel()
	})
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) topic(name string, partitions int32) {
	s.t.Helper()
	s.must(s.c.CreateTopic(s.ctx, name, partitions, 0, nil))
}

// serve starts an instance with one stream for each list of topics (`a+b`),
// named s0, s1, …. ring is the number of events.
func (s *scene) serve(ring int, streams ...string) *instance {
	s.t.Helper()
	return s.serveWith(ring, "", streams...)
}

// serveWith is serve with more lines for [server].
func (s *scene) serveWith(ring int, server string, streams ...string) *instance {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "[server]\ndrain_timeout = \"1s\"\nretry = \"50ms\"\n%s\n[kafka]\nbrokers = [\"%s\"]\n", server, strings.Join(s.brokers, `", "`))
	fmt.Fprintf(&b, "[ring]\nevents = %d\nbytes = \"64MiB\"\n", ring)
	for i, topics := range streams {
		fmt.Fprintf(&b, "[streams.s%d]\ntopics = [\"%s\"]\n", i, strings.ReplaceAll(topics, "+", `", "`))
	}
	b.WriteString(s.more)
	return startConfig(s.t, b.String())
}

// url is where an instance serves its stream s0.
func (s *scene) url(in *instance) string { return "http://" + in.addr + "/v2/stream/s0" }

// client makes a client that the end of the scene asks, and starts it with do.
func (s *scene) client(config ledger.Config, do func(context.Context, *ledger.Client)) *ledger.Client {
	config.Book = s.book
	c := ledger.NewClient(config)
	s.clients = append(s.clients, c)
	s.running.Go(func() { do(s.following, c) })
	return c
}

// always is a client that connects again whenever it has to.
func (s *scene) always(ctx context.Context, c *ledger.Client) { c.Follow(ctx) }

// live connects one client of every wire form to an instance that is ready,
// and waits until they are there. begin is where the log ends now.
func (s *scene) live(in *instance, begin ledger.Positions) []*ledger.Client {
	s.t.Helper()
	var all []*ledger.Client
	for _, mode := range []ledger.Mode{ledger.SSE, ledger.SSE10, ledger.NDJSON} {
		config := ledger.Config{URLs: []string{s.url(in)}, Mode: mode}
		if mode == ledger.NDJSON {
			config.Start = begin
		}
		all = append(all, s.client(s.watched.watch(config), s.always))
	}
	s.connected(all...)
	return all
}

// connected waits until clients have been told where they begin.
func (s *scene) connected(all ...*ledger.Client) {
	s.t.Helper()
	eventually(s.t, settleTime, func() bool {
		for _, c := range all {
			if c.Counts().Connections == 0 || len(c.Receipt().Start()) == 0 {
				return false
			}
		}
		return true
	}, func() string { return "clients are not connected" })
}

// hopper connects a client that is cut after random bytes and goes on at one
// of the instances, until the scene settles.
func (s *scene) hopper(seed uint64, in ...*instance) *ledger.Client {
	s.t.Helper()
	var urls []string
	for _, i := range in {
		urls = append(urls, s.url(i))
	}
	r := rand.New(rand.NewPCG(seed, seed))
	c := s.client(ledger.Config{URLs: urls}, func(ctx context.Context, c *ledger.Client) {
		for ctx.Err() == nil {
			c.Visit(ctx, ledger.Visit{URL: urls[r.IntN(len(urls))], CutAfter: 1 + r.Int64N(int64(hopRecords*s.size)), Reset: r.IntN(2) == 0})
		}
	})
	s.connected(c)
	return c
}

// unbroken demands that clients are still on their first connection.
func (s *scene) unbroken(all ...*ledger.Client) {
	s.t.Helper()
	s.served(all...)
	for i, c := range all {
		if n := c.Counts(); n.Connections != 1 || n.Failures > 0 {
			s.t.Errorf("live client %d: %+v, want one connection", i, n)
		}
	}
}

// served demands that a client was never refused: its positions are in the ring,
// whatever has become of Kafka.
func (s *scene) served(all ...*ledger.Client) {
	s.t.Helper()
	for i, c := range all {
		if n := c.Counts().Refusals; n > 0 {
			s.t.Errorf("client %d was refused %d times, want none", i, n)
		}
	}
}

// reached waits until every client has what is booked now.
func (s *scene) reached() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, settleTime)
	defer cancel()
	end := s.book.End()
	for i, c := range s.clients {
		if err := c.WaitUntil(ctx, end); err != nil {
			s.t.Fatalf("client %d: %v", i, err)
		}
	}
}

// settle ends a scene: every client has every acknowledged record of its
// range, once, in offset order, with its bytes, and nothing else.
func (s *scene) settle(allowed ...ledger.Kind) {
	s.t.Helper()
	s.reached()
	s.stopClients()
	s.running.Wait()
	end := s.book.End()
	s.outcome = outcome{settled: true, clients: len(s.clients)}
	for i, c := range s.clients {
		if err := c.Receipt().CheckAllowing(end, allowed...); err != nil {
			s.t.Errorf("client %d: %v", i, err)
			s.outcome.add(err)
		}
		s.outcome.received += c.Receipt().Received()
		s.outcome.connections += c.Counts().Connections
	}
	s.t.Logf("%v, ends %v", s.outcome, end)
}

// add counts the differences that the ledger has found.
func (o *outcome) add(err error) {
	var r *ledger.Report
	if !errors.As(err, &r) {
		o.other++
		return
	}
	o.lost += r.Counts[ledger.Lost]
	o.doubled += r.Counts[ledger.Double]
	o.other += r.Total() - r.Counts[ledger.Lost] - r.Counts[ledger.Double]
}

// noPrivate waits until no client of an instance is sent ids of its own.
func (s *scene) noPrivate(all ...*instance) {
	s.t.Helper()
	for _, in := range all {
		eventually(s.t, settleTime, func() bool {
			return in.metric(`ringcast_clients{state="private"}`) == 0 && in.metric(`ringcast_clients{state="waiting"}`) == 0
		}, func() string { return "clients stay private" })
	}
}
