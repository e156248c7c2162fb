//go:build kafka && faults

package blackbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

const (
	soakTime = 10 * time.Minute
	soakRing = 2000 // events, of edits
)

// soak is a crowd at three instances on three nodes of Kafka, to which happens
// what a seed draws. Every step is done by the goroutine of the test, in order.
type soak struct {
	*scene
	seed       uint64
	hosts      []*host
	elder      int
	partitions map[string]int32 // of the topics now
	fate       *fate
	members    []*member
	broken     map[part]int
	last       atomic.Bool // nothing happens any more
	judging    sync.Mutex  // of outcome and wrong
	wrong      []string    // told once more in the end; guarded by judging

	unpaced  *writer // of bursts
	side     *writer // of the topic side, renewed with its partitions
	stopSide func()

	stopLoads []func()
}

// TestSoak: churn and faults at random cost nobody a record, and the instances
// nothing that they would not give back. FOR is how long (10m), SEED what
// happens.
func TestSoak(t *testing.T) {
	long, seed := soakTime, rand.Uint64N(1_000_000)
	if text := os.Getenv("FOR"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("cannot use FOR: %v", err)
		}
		long = d
	}
	if text := os.Getenv("SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("cannot use SEED: %v", err)
		}
		seed = n
	}
	t.Logf("SEED=%d FOR=%v", seed, long)
	// Patient, and with Kafka's own session timeout: a busy machine is no fault.
	patient := map[string]string{"broker.session.timeout.ms": "9000", "controller.quorum.election.timeout.ms": "5000", "controller.quorum.fetch.timeout.ms": "10000"}
	c := kafka.ForTest(t, kafka.Options{Nodes: 3, Properties: patient, Client: func(c *sarama.Config) {
		c.Net.ReadTimeout, c.Admin.Timeout = 30*time.Second, 25*time.Second
	}})
	s := &soak{scene: newSceneFor(t, c, long+10*time.Minute), seed: seed, elder: elder(seed), broken: map[part]int{}}
	s.fate = newFate(s.fails)
	s.begin()
	before := s.rest(nil)
	s.bustle(max(2*time.Second, long/120))
	s.play(drawSteps(seed, long), long)
	s.end()
	// What Kafka is now, which leaders and how many partitions, costs a new
	// instance too: it may hold as much as that, or as before.
	fresh := s.newcomer()
	t.Logf("a new instance in the end: %v", fresh)
	for i := range before {
		before[i] = before[i].or(fresh)
	}
	after := s.rest(before)
	for i, h := range s.hosts {
		name := fmt.Sprintf("instance %d%s", i+1, map[bool]string{true: " (built with the race detector)"}[s.raced(i)])
		h.watched.report(t, name)
		t.Logf("%s before, or a new one: %v", name, before[i])
		t.Logf("%s after: %v", name, after[i])
		if !after[i].within(before[i], !s.raced(i)) {
			s.fails("%s does not give back what it took", name)
		}
	}
	t.Logf("SEED=%d: %v", seed, s.outcome)
	for _, w := range s.wrong {
		t.Logf("SEED=%d, failed: %s", seed, w)
	}
}

// fails is Errorf, of which the end of the output speaks again.
func (s *soak) fails(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf(format, args...)
	s.judging.Lock()
	defer s.judging.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// raced says that an instance is built with the race detector. Its memory is
// not judged.
func (s *soak) raced(i int) bool { return i == (s.elder+1)%hosts }

// begin starts the instances with rings that are full, and lets clients read
// all of it from Kafka once.
func (s *soak) begin() {
	s.t.Helper()
	plain := built(s.t, "ringcast", "..")
	s.partitions = map[string]int32{"edits": 3, "small": 2, "side": 2, "sums": 2}
	for topic, partitions := range s.partitions {
		s.topic(topic, partitions)
	}
	s.unpaced = s.writer(0)
	for topic, partitions := range s.partitions {
		s.unpaced.write(topic, partitions, soakRing)
	}
	for i := range hosts {
		command := plain
		if s.raced(i) {
			command = binary
		}
		h := newHost(s.t, command, s.document(soakRing, smallRing, 5000))
		h.watched = &holdings{}
		s.hosts = append(s.hosts, h)
		h.start()
	}
	for i, h := range s.hosts {
		h.in.waitReady()
		for topic, partitions := range s.partitions {
			c := ledger.NewClient(ledger.Config{URLs: []string{s.urls(topic, i)[0] + "?since=1"}, Book: s.book, Start: s.zeros(topic, partitions)})
			s.must(c.FollowUntil(s.ctx, s.book.End(topic)))
			if err := c.Receipt().CheckAllowing(s.book.End(topic), ledger.IDBehind); err != nil {
				s.fails("client from the beginning of %s: %v", topic, err)
			}
		}
	}
}

// newcomer starts one more instance and says what it holds.
func (s *soak) newcomer() holding {
	s.t.Helper()
	h := newHost(s.t, s.hosts[s.elder].command, s.document(soakRing, smallRing, 5000))
	h.watched = &holdings{}
	h.start()
	h.in.waitReady()
	now, err := h.in.quiet(nil, true)
	s.must(err)
	return now
}

// rest waits until every instance is quiet, with the first configuration, and
// says what each holds.
func (s *soak) rest(before []holding) (all []holding) {
	s.t.Helper()
	for i, h := range s.hosts {
		var was *holding
		if before != nil {
			h.reload(s.document(soakRing, smallRing, 5000))
			was = &before[i]
		}
		now, err := h.in.quiet(was, !s.raced(i))
		s.must(err)
		all = append(all, now)
	}
	return all
}

// bustle starts producers and clients, and a look at the instances every so often.
func (s *soak) bustle(every time.Duration) {
	s.t.Helper()
	s.gather()
	s.tails("edits", s.members[0])
	s.running.Go(s.watchSilence)
	for i, stream := range []string{"edits", "small", "edits", "small"} {
		s.passes(stream, s.partitions[stream], uint64(1000+i))
	}
	s.stopLoads = append(s.stopLoads, s.writer(90).load("edits", 3), s.writer(60).load("small", 2), s.writer(10).load("sums", 2))
	s.loadSide()
	s.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-s.following.Done():
				return
			case <-tick.C:
			}
			for _, h := range s.hosts {
				h.watched.look()
			}
		}
	})
}

// loadSide writes to the topic side with a new producer: one learns of its
// partitions when it starts.
func (s *soak) loadSide() {
	s.t.Helper()
	s.side = s.shortWriter(40)
	s.stopSide = s.side.load("side", s.partitions["side"])
}

// quietSide waits until all is booked that was written to the topic side.
func (s *soak) quietSide() {
	s.t.Helper()
	s.stopSide()
	s.side.p.Close()
}

// play does one step after the other, with the time between them that was drawn.
// What is broken when so long a time is over is mended, and the rest left out.
func (s *soak) play(steps []step, long time.Duration) {
	s.t.Helper()
	began, last := time.Now(), time.Duration(0)
	for _, st := range steps {
		over := time.Since(began) > long
		if over && (!st.mends || s.broken[st.breaks] == 0) {
			continue
		}
		if !over {
			pause(s.ctx, st.at-last)
		}
		last = st.at
		s.t.Logf("%7.1f s: %v", time.Since(began).Seconds(), st)
		st.do(s, st)
		if st.breaks != 0 {
			s.broken[st.breaks] += map[bool]int{false: 1, true: -1}[st.mends]
		}
	}
}

// burst is up to 1,000 records for each partition of a topic at once.
func (s *soak) burst(st step) {
	topic := []string{"edits", "small", "sums"}[st.number%3]
	s.must(s.unpaced.send(topic, s.partitions[topic], 1+int(st.number/3%1000)))
}

// end stops the producers and asks the ledger.
func (s *soak) end() {
	s.t.Helper()
	for _, stop := range s.stopLoads {
		stop()
	}
	s.quietSide()
	s.must(s.unpaced.p.Flush(s.ctx))
	s.ask()
}
