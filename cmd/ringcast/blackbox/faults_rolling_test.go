//go:build kafka && faults && linux

package blackbox

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

const (
	rollingClients = 150
	rollingRate    = 30 // records a second
	rollingDrain   = 3 * time.Second
)

// TestFaultsInstances: of three instances behind nginx one is killed, and then
// each is replaced in turn, under load. Clients come back when `retry` says.
func TestFaultsInstances(t *testing.T) {
	s := startRolling(t)
	s.fault("one of three instances behind nginx killed (kfake)", "reconnect time", func() {
		s.in[0].stop(syscall.SIGKILL)
	})
	s.replace(0)
	s.fault("each of three instances behind nginx replaced in turn (kfake)", "reconnect time", func() {
		for i := range s.in {
			s.in[i].stop(syscall.SIGTERM)
			s.replace(i)
			s.flows()
		}
	})
	s.end()
}

// rolling is a scene in which clients come through a proxy to three instances,
// built without the race detector.
type rolling struct {
	*scene
	k        *fake
	document string
	in       [3]*instance
	proxy    *proxy
	all      []*through
	pauses   []pauses // of each client
	acks     pauses
	stop     func() // clients
	quiet    func() // producer

	mu      sync.Mutex
	dials   []time.Time // guarded by mu
	refused string      // the latest refusal, guarded by mu
}

func startRolling(t *testing.T) *rolling {
	t.Helper()
	k := newFake(t, topics(proxyPartitions, "t"))
	s := &rolling{scene: newScene(t, nil), k: k, pauses: make([]pauses, rollingClients)}
	s.book = k.book
	s.document = k.config(fmt.Sprintf("heartbeat = \"1s\"\nretry = \"1s\"\nshutdown_delay = \"1s\"\ndrain_timeout = %q", rollingDrain), "events = 20000")
	for i := range s.in {
		s.in[i] = startPlain(t, "127.0.0.1:0", s.document)
		s.in[i].waitReady()
	}
	third := fmt.Sprintf("\n    server %s max_fails=0;", s.in[2].addr)
	second := fmt.Sprintf("server %s max_fails=0;", s.in[1].addr)
	s.proxy = startNginx(t, [2]server{{s.in[0].addr, s.in[0].admin}, {s.in[1].addr, s.in[1].admin}}, second, second+third)

	var running sync.WaitGroup
	following, cancel := context.WithCancel(s.ctx)
	s.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(s.stop)
	for i := range rollingClients {
		c := newThrough(k, s.pauses[i].watch(ledger.Config{URLs: []string{"http://" + s.proxy.addr + "/v2/stream/s"}, ObeyRetry: true, Dial: s.dial, OnEnd: s.ended}), beginning())
		s.all = append(s.all, c)
		running.Go(func() { c.Follow(following) })
	}
	s.there()
	producing, cancelProducer := context.WithCancel(s.ctx)
	var producer sync.WaitGroup
	producer.Go(func() { k.paced(producing, proxyPartitions, rollingRate, &s.acks) })
	s.quiet = sync.OnceFunc(func() {
		cancelProducer()
		producer.Wait()
	})
	t.Cleanup(s.quiet)
	s.flows()
	return s
}

// dial notes when clients come.
func (s *rolling) dial(ctx context.Context, address string) (net.Conn, error) {
	s.mu.Lock()
	s.dials = append(s.dials, time.Now())
	s.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// ended notes what a client was refused with.
func (s *rolling) ended(e ledger.End) {
	if e.Status != 0 && e.Status != 200 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refused = fmt.Sprintf("%d %s", e.Status, e.Body)
	}
}

// trouble is what may be wrong with a client.
func (s *rolling) trouble(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.all[i]
	d := c.Differences()
	return fmt.Sprintf("client %d: %v, %+v, last id %s, refused with %s\n%s", i, d.Error(), c.Counts(), c.LastEventID(), s.refused, s.proxy.log.tail(4000))
}

// there waits until every client has been told where it begins.
func (s *rolling) there() {
	s.t.Helper()
	eventually(s.t, settleTime, func() bool {
		return !slices.ContainsFunc(s.all, func(c *through) bool { return c.LastEventID() == "" })
	}, func() string { return "not all clients are there\n" + s.proxy.log.tail(4000) })
}

// flows waits until every client has what is booked when more has come.
func (s *rolling) flows() {
	s.t.Helper()
	before := s.book.End()
	tp := ledger.TopicPartition{Topic: "t"}
	eventually(s.t, settleTime, func() bool { return s.book.End()[tp] >= before[tp]+10 }, func() string { return "the producer does not get on" })
	end := s.book.End()
	for i, c := range s.all {
		eventually(s.t, settleTime, func() bool { return c.Reached(end) }, func() string { return s.trouble(i) })
	}
}

// replace starts an instance in the place of one that has ended.
func (s *rolling) replace(i int) {
	s.t.Helper()
	s.in[i] = startPlain(s.t, s.in[i].addr, s.document)
	s.in[i].waitReady()
}

// fault measures what do costs every client: a row of the table.
func (s *rolling) fault(name, says string, do func()) {
	s.t.Helper()
	for i := range s.pauses {
		s.pauses[i].reset()
	}
	s.acks.reset()
	s.mu.Lock()
	s.dials = nil
	s.mu.Unlock()
	var most float64
	for _, in := range s.in {
		most = max(most, in.metric(`ringcast_connections{stream="s"}`))
	}
	began := time.Now()
	do()
	s.flows()
	f := &fault{name: name, says: says, producer: s.acks.longest(), lasted: time.Since(began).Round(time.Millisecond)}
	for i := range s.pauses {
		f.pause = max(f.pause, s.pauses[i].longest())
	}
	s.mu.Lock()
	came, busiest := len(s.dials), mostInASecond(s.dials)
	s.mu.Unlock()
	f.note = fmt.Sprintf("%d clients, at most %.0f at an instance, retry 0.5 to 1.5 s, drain %v: %d came back, at most %d in a second", len(s.all), most, rollingDrain, came, busiest)
	s.row(f)
}

// mostInASecond is how many of some moments lie in the second that has most of them.
func mostInASecond(at []time.Time) (most int) {
	at = slices.SortedFunc(slices.Values(at), time.Time.Compare)
	for first, last := 0, 0; last < len(at); last++ {
		for at[last].Sub(at[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// end asks the ledger. Nobody was refused: a browser does not come back from a
// status that is not 200.
func (s *rolling) end() {
	s.t.Helper()
	s.quiet()
	end := s.book.End()
	s.outcome = outcome{settled: true, clients: len(s.all)}
	for i, c := range s.all {
		eventually(s.t, settleTime, func() bool { return c.Reached(end) }, func() string { return s.trouble(i) })
	}
	s.stop()
	for i, c := range s.all {
		if err := c.Receipt.Check(end); err != nil {
			s.t.Errorf("client %d: %v", i, err)
			s.outcome.add(err)
		}
		n := c.Counts()
		if n.Refusals > 0 || n.Failures > 0 {
			s.t.Errorf("client %d was refused or not answered: %s", i, s.trouble(i))
		}
		s.outcome.received += c.Receipt.Received()
		s.outcome.connections += n.Connections
	}
	s.t.Logf("%v", s.outcome)
}
