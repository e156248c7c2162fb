//go:build kafka && faults && linux

package blackbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/bench/produce"
)

// throng is a scene in which Kafka is well (kfake): one instance under load whose
// memory and pace are measured, so it is built without the race detector. Ledger
// clients follow stream s0; thousands of others, in processes of their own,
// follow stream crowd.
type throng struct {
	*scene
	k       *fake
	in      *instance
	all     []*ledger.Client // the live ones: nothing may end their connection
	watched pauses
	acks    pauses
	stop    func() // the producers
	fleets  []*fleet

	mu    sync.Mutex
	crowd *produce.Producer // guarded by mu
}

const (
	throngPartitions = 2
	crowdSize        = 300  // bytes of a record
	throngRate       = 100  // records a second for the ledger's clients
	throngRing       = 2000 // events; full at the start, so that memory has no reason to grow
)

// throngOptions are what a throng has besides the usual.
type throngOptions struct {
	server string   // lines for [server]
	env    []string // of the instance
	crowd  float64  // records a second for the crowd
	lasts  time.Duration
}

// newThrong starts it and returns when records flow.
func newThrong(t *testing.T, o throngOptions) *throng {
	t.Helper()
	k := newFake(t, kfake.SeedTopics(throngPartitions, "t", "crowd"))
	s := &throng{scene: newScene(t, nil), k: k}
	s.book = k.book
	if o.lasts > 0 {
		s.stopClients()
		ctx, cancel := context.WithTimeout(t.Context(), o.lasts)
		t.Cleanup(cancel)
		s.ctx = ctx
		s.following, s.stopClients = context.WithCancel(ctx)
		t.Cleanup(s.running.Wait)
		t.Cleanup(s.stopClients)
	}
	var err error
	s.crowd, err = produce.New([]string{k.addr}, "crowd", throngPartitions, crowdSize)
	s.must(err)
	t.Cleanup(s.crowd.Close)
	s.must(s.crowd.Burst(s.ctx, throngRing))
	for p := range int32(throngPartitions) {
		k.produce("t", p, throngRing/throngPartitions, crowdSize)
	}
	s.in = startPlain(t, "127.0.0.1:0", fmt.Sprintf("[server]\ndrain_timeout = \"1s\"\nretry = \"50ms\"\n%s\n[kafka]\nbrokers = [%q]\n[ring]\nevents = %d\nbytes = \"16MiB\"\n"+
		"[streams.s0]\ntopics = [\"t\"]\n[streams.crowd]\ntopics = [\"crowd\"]\n", o.server, k.addr, throngRing), o.env...)
	s.in.waitReady()
	s.all = s.live(s.in, s.book.End())
	s.all = append(s.all, s.client(s.watched.watch(ledger.Config{URLs: []string{s.url(s.in)}}), s.always))
	s.connected(s.all...)
	s.produce(o.crowd)
	s.flows()
	return s
}

// startPlain starts a server that is built without the race detector, with its
// public listener at an address.
func startPlain(t *testing.T, addr, document string, env ...string) *instance {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ringcast.toml")
	writeConfig(t, file, addr, document)
	cmd := exec.Command(built(t, "ringcast", ".."), "serve", "-config", file)
	cmd.Env = append(os.Environ(), env...)
	return startCommand(t, cmd)
}

var plains sync.Map // functions that build a command, once, by name

// built builds a command without the race detector.
func built(t *testing.T, name, dir string) string {
	t.Helper()
	build, _ := plains.LoadOrStore(name, sync.OnceValues(func() (string, error) {
		path := filepath.Join(filepath.Dir(binary), "plain-"+name)
		out, err := exec.Command("go", "build", "-o", path, dir).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("cannot build %s: %w\n%s", name, err, out)
		}
		return path, err
	}))
	path, err := build.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// produce writes to both streams until stop is called.
func (s *throng) produce(crowd float64) {
	ctx, cancel := context.WithCancel(s.ctx)
	var running sync.WaitGroup
	running.Go(func() { s.k.paced(ctx, throngPartitions, throngRate, &s.acks) })
	if crowd > 0 {
		running.Go(func() { s.pace(ctx, crowd) })
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	s.t.Cleanup(s.stop)
}

// paced writes rate records a second to topic t, in turn to its partitions, until
// ctx ends and all are acknowledged.
func (k *fake) paced(ctx context.Context, partitions int32, rate float64, acks *pauses) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	var unacknowledged sync.WaitGroup
	defer unacknowledged.Wait()
	for p := int32(0); ; p = (p + 1) % partitions {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		unacknowledged.Add(1)
		k.client.Produce(context.WithoutCancel(ctx), k.next("t", p, crowdSize), func(r *kgo.Record, err error) {
			defer unacknowledged.Done()
			if err != nil {
				k.t.Errorf("cannot produce: %v", err)
				return
			}
			acks.note(flow{tp: ledger.TopicPartition{Topic: r.Topic, Partition: r.Partition}}, time.Now())
			k.enter(r)
		})
	}
}

// pace writes to the crowd's stream.
func (s *throng) pace(ctx context.Context, rate float64) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		err := s.crowd.Burst(context.WithoutCancel(ctx), 1)
		s.mu.Unlock()
		if err != nil {
			s.t.Error(err)
			return
		}
	}
}

// sent is how many records the crowd's partitions have.
func (s *throng) sent() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crowd.Sent()
}

// flows waits until 20 more records are booked of every partition, and every live
// client has what is booked then.
func (s *throng) flows() {
	s.t.Helper()
	before := s.book.End()
	var end ledger.Positions
	eventually(s.t, settleTime, func() bool {
		end = s.book.End()
		for p := range int32(throngPartitions) {
			if tp := (ledger.TopicPartition{Topic: "t", Partition: p}); end[tp] < before[tp]+20 {
				return false
			}
		}
		return true
	}, func() string { return "the producer does not get on" })
	for i, c := range s.all {
		eventually(s.t, settleTime, func() bool { return c.Receipt().Reached(end) }, func() string {
			return fmt.Sprintf("client %d does not get on: %v", i, c.Receipt().Differences())
		})
	}
}

// fault measures what do costs the watched client until everything flows again:
// a row of the table.
func (s *throng) fault(f fault, do func(f *fault)) *fault {
	s.t.Helper()
	s.watched.reset()
	s.acks.reset()
	began := time.Now()
	do(&f)
	s.flows()
	f.pause, f.producer, f.lasted = s.watched.longest(), s.acks.longest(), time.Since(began).Round(time.Millisecond)
	s.row(&f)
	return &f
}

// gone waits until the crowd has gone but for n clients.
func (s *throng) gone(n float64) {
	s.t.Helper()
	eventually(s.t, settleTime, func() bool { return s.in.metric(`ringcast_connections{stream="crowd"}`) == n }, func() string {
		return fmt.Sprintf("%v of the crowd are there, want %v", s.in.metric(`ringcast_connections{stream="crowd"}`), n)
	})
}

// end asks the ledger.
func (s *throng) end() {
	s.t.Helper()
	s.stop()
	s.reached()
	s.unbroken(s.all...)
	s.noPrivate(s.in)
	s.settle()
	for _, f := range s.fleets {
		s.outcome.clients += f.seen.Clients
		s.outcome.received += int64(f.seen.Events)
		s.outcome.lost += int64(f.seen.Lost + f.seen.Missing)
		s.outcome.doubled += int64(f.seen.Duplicated)
	}
	s.outcome.connections += int64(s.in.metric(`ringcast_connections_total{stream="crowd"}`))
}
