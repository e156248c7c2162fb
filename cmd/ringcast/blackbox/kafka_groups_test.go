//go:build kafka

package blackbox

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// nothingCommitted: the groups of instances hold no offsets, also after a
// rebalance and a clean end.
func (s *scene) nothingCommitted() {
	t, c := s.t, s.c
	const topic = "groups"
	s.topic(topic, 1)
	in := s.serve(20_000, topic)
	in.waitReady()
	s.live(in, s.zeros(topic, 2))
	s.writer(0).write(topic, 1, 50)
	s.must(c.AddPartitions(s.ctx, topic, 2))
	s.writer(0).write(topic, 2, 50)
	s.settle()
	if status := in.stop(syscall.SIGTERM); status != exitOK {
		t.Errorf("exit status %d, want %d", status, exitOK)
	}

	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin(c.Addrs(), config)
	s.must(err)
	defer admin.Close()
	groups, err := admin.ListConsumerGroups()
	s.must(err)
	ours := 0
	for group := range groups {
		if !strings.HasPrefix(group, "ringcast.s0.") {
			continue
		}
		ours++
		offsets, err := admin.ListConsumerGroupOffsets(group, nil)
		s.must(err)
		for topic, partitions := range offsets.Blocks {
			for p, block := range partitions {
				t.Errorf("group %s has committed offset %d of %s/%d", group, block.Offset, topic, p)
			}
		}
	}
	if ours == 0 {
		t.Errorf("no group of an instance among %d groups", len(groups))
	}
	t.Logf("%d groups of instances, none with offsets", ours)
}

// TestKafkaJoinDelay: a broker that lets new groups wait for three seconds, as
// brokers do by default, costs no record and no readiness.
func TestKafkaJoinDelay(t *testing.T) {
	const topic, partitions = "delay", 2
	c := kafka.ForTest(t, kafka.Options{Properties: map[string]string{"group.initial.rebalance.delay.ms": "3000"}})
	s := newScene(t, c)
	s.topic(topic, partitions)
	stop := s.writer(200).load(topic, partitions)
	began := time.Now()
	in := s.serve(20_000, topic)
	var p pauses
	early := s.client(p.watch(ledger.Config{URLs: []string{s.url(in)}}), s.always)
	in.waitReady()
	t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	s.connected(early)
	eventually(t, settleTime, func() bool { return s.follows(in).Sessions > 0 }, func() string { return "no session begins" })
	t.Logf("group joined after %v, longest pause of a client %v", time.Since(began).Round(time.Millisecond), p.longest())
	s.passed(topic, partitions, 100)
	stop()
	s.reached()
	t.Logf("longest pause of a client over all %v, sessions that could not be joined: %v", p.longest(),
		in.metric(`ringcast_kafka_sessions_total{stream="s0",cause="join"}`))
	s.unbroken(early)
	s.settle()
}
