//go:build kafka

package blackbox

import (
	"net/http"
	"strings"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// brokerKilled: kill -9 of the only broker while a producer writes loses and
// repeats nothing, and ends no connection.
func (s *scene) brokerKilled() { s.killUnderLoad("killed", 0) }

// brokerAway is the same with a broker that stays away for ten seconds.
func (s *scene) brokerAway() { s.killUnderLoad("away", 10*time.Second) }

func (s *scene) killUnderLoad(topic string, away time.Duration) {
	const records = 100 // of each partition, on either side of the fault
	l := s.underLoad(topic, 3, 500)
	l.passed(l.topic, l.partitions, records)
	l.watched.reset()
	l.w.acks.reset()
	s.must(s.c.Kill(1))
	gone := time.Now()
	<-time.After(away) // the length of the fault, not a wait for a condition
	s.must(s.c.Restart(s.ctx, 1))
	back := time.Since(gone)
	l.passed(l.topic, l.partitions, records)
	s.t.Logf("broker gone for %v, longest pause of the producer %v, of a live client %v", back, l.w.acks.longest(), l.watched.longest())
	l.end()
}

// brokerAppears: an instance that starts before Kafka takes connections at
// once, is not ready, and delivers from the moment Kafka is there.
func (s *scene) brokerAppears() {
	t, c := s.t, s.c
	const topic, partitions = "appears.later", 2
	s.topic(topic, partitions)
	s.writer(0).write(topic, partitions, 20)
	begin := s.book.End()
	s.must(c.Stop(s.ctx, 1))
	in := s.serve(20_000, topic)
	early := s.client(ledger.Config{URLs: []string{s.url(in)}, Start: begin}, s.always)
	s.connected(early)
	eventually(t, settleTime, func() bool {
		_, body := in.get("/metrics")
		return strings.Contains(body, "ringcast_kafka_errors_total")
	},
		func() string { return "no Kafka error is counted" })
	if status, body := in.get("/readyz"); status == http.StatusOK || !strings.Contains(body, "never reached") {
		t.Errorf("/readyz without Kafka is %d %s, want a refusal that says so", status, body)
	}
	s.must(c.Restart(s.ctx, 1))
	began := time.Now()
	in.waitReady()
	t.Logf("ready %v after Kafka", time.Since(began))
	s.writer(0).write(topic, partitions, 50)
	s.reached()
	s.unbroken(early)
	s.settle()
}
