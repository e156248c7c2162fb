//go:build kafka

package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// partitionsAdded: partitions that appear under load are read from their first
// record, by live clients and by those that come back with an older id.
func (s *scene) partitionsAdded() {
	c := s.c
	const topic = "partitions"
	s.topic(topic, 2)
	one, two := s.serve(20_000, topic), s.serve(20_000, topic)
	one.waitReady()
	two.waitReady()
	clients := s.live(one, s.zeros(topic, 4))
	s.hopper(1, one, two)
	away := s.client(ledger.Config{URLs: []string{s.url(two)}}, s.always)
	s.connected(away)

	stop := s.writer(300).load(topic, 2)
	s.passed(topic, 2, 50)
	away.Pause()
	began := s.disturbed()
	s.must(c.AddPartitions(s.ctx, topic, 4))
	stop()
	stop = s.writer(300).load(topic, 4) // a producer learns of partitions when it starts
	away.Resume()
	away.Cut(true)
	s.passed(topic, 4, 50)
	s.over("partitions added under load", began)
	stop()
	s.reached()
	s.unbroken(clients...)
	s.noPrivate(one, two)
	s.settle()
}

// topicAppears: a topic that does not exist holds up neither readiness nor the
// topics beside it, and is read from its first record when it appears.
func (s *scene) topicAppears() {
	t := s.t
	const there, absent = "appears.there", "appears.absent"
	s.topic(there, 1)
	in := s.serve(20_000, there+"+"+absent, absent)
	in.waitReady()
	if status, body := in.get("/readyz"); status != http.StatusOK || strings.Count(body, absent) != 2 {
		t.Errorf("/readyz is %d %s, want 200 and the missing topic in both streams", status, body)
	}
	clients := s.live(in, ledger.Positions{{Topic: there}: 0, {Topic: absent}: 0, {Topic: absent, Partition: 1}: 0})
	s.writer(0).write(there, 1, 100)
	s.reached()

	// A client of the stream that has the missing topic only; it is asked apart, for it owes nothing of the other.
	alone := s.client(ledger.Config{URLs: []string{"http://" + in.addr + "/v2/stream/s1"}}, s.always)
	s.connected(alone)
	s.clients = s.clients[:len(s.clients)-1]
	began := time.Now()
	s.topic(absent, 2)
	w := s.writer(0)
	w.write(absent, 2, 100)
	s.reached()
	t.Logf("records of the new topic are at every client %v after its creation", time.Since(began))
	w.write(there, 1, 100)
	s.reached()
	s.unbroken(append(clients, alone)...)
	end := s.book.End(absent)
	if err := alone.WaitUntil(s.ctx, end); err != nil {
		t.Error(err)
	}
	s.settle()
	if err := alone.Check(end); err != nil {
		t.Error(err)
	}
}

// topicRecreated: a topic that is deleted and created again is read from its
// first record with a notice, whether its new log is shorter or longer or has
// fewer partitions.
func (s *scene) topicRecreated() {
	t, c := s.t, s.c
	const topic, partitions = "recreated", 2
	s.topic(topic, partitions)
	one, two := s.serve(20_000, topic), s.serve(20_000, topic)
	one.waitReady()
	two.waitReady()
	live := s.client(s.watched.watch(ledger.Config{URLs: []string{s.url(one)}}), s.always)
	away := s.client(ledger.Config{URLs: []string{s.url(two)}}, s.always)
	s.connected(live, away)
	s.writer(0).write(topic, partitions, 40)
	s.reached()

	for _, log := range []struct {
		name       string
		partitions int32
		records    int
	}{{"shorter", partitions, 10}, {"longer", partitions, 80}, {"with fewer partitions", partitions - 1, 100}} {
		away.Pause()
		away.Cut(true)
		began := s.disturbed()
		s.must(c.DeleteTopic(s.ctx, topic))
		s.topic(topic, log.partitions)
		s.book.Recreated(topic)
		s.writer(0).write(topic, log.partitions, log.records)
		away.Resume()
		s.reached()
		s.over("topic deleted and created again, "+log.name, began)
	}
	s.unbroken(live)
	s.noPrivate(one, two)
	s.settle(ledger.Gap)
	for i, c := range []*ledger.Client{live, away} {
		told := map[int32]int{}
		for _, n := range c.Notices() {
			if n.Gap == nil || n.Gap.Reason != "recreated" || n.Gap.Given != 0 {
				t.Errorf("client %d was told %q, want only that the topic was recreated", i, n.Text)
				continue
			}
			told[n.Gap.Partition]++
		}
		if told[0] != 3 || told[1] != 3 {
			t.Errorf("client %d was told of re-creations, by partition: %v, want three each", i, told)
		}
	}
}

// disturbed begins to measure what something costs the watched clients, until over.
func (s *scene) disturbed() time.Time {
	s.watched.reset()
	s.acked.reset()
	return time.Now()
}

func (s *scene) over(what string, began time.Time) {
	s.t.Helper()
	pause, producer, took := s.watched.longest(), s.acked.longest(), time.Since(began).Round(time.Millisecond)
	s.t.Logf("%s: longest pause of a live client %v, of the producer %v, all over after %v", what, pause, producer, took)
	if s.measured != nil {
		s.measured(what, pause, producer, took)
	}
}

// zeros is the beginning of every partition of a topic.
func (s *scene) zeros(topic string, partitions int32) ledger.Positions {
	begin := ledger.Positions{}
	for p := range partitions {
		begin[ledger.TopicPartition{Topic: topic, Partition: p}] = 0
	}
	return begin
}

// passed waits until every client is n records further, in every partition,
// than the producer is now.
func (s *scene) passed(topic string, partitions int32, n int64) {
	s.t.Helper()
	mark := ledger.Positions{}
	for p := range partitions {
		mark[ledger.TopicPartition{Topic: topic, Partition: p}] = s.count(topic, p) + n
	}
	eventually(s.t, settleTime, func() bool {
		end := s.book.End()
		for tp, n := range mark {
			if end[tp] < n {
				return false
			}
		}
		for _, c := range s.clients {
			if !c.Receipt().Reached(mark) {
				return false
			}
		}
		return true
	}, func() string {
		return fmt.Sprintf("records do not arrive: want %v, acknowledged are %v%s", mark, s.book.End(), s.behind(mark))
	})
}

// behind names the clients that have not reached a mark.
func (s *scene) behind(mark ledger.Positions) string {
	var b strings.Builder
	for i, c := range s.clients {
		if !c.Receipt().Reached(mark) {
			fmt.Fprintf(&b, ", client %d has %d: %+v", i, c.Receipt().Received(), c.Counts())
		}
	}
	return b.String()
}
