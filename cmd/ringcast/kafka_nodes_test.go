//go:build kafka

package main

import (
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// TestKafkaLeaderMoves: with three nodes, a leader that is killed, one that is
// stopped in good order and an election cost live clients a pause and nothing
// else.
func TestKafkaLeaderMoves(t *testing.T) {
	const topic, partitions = "nodes", 3
	c := kafka.ForTest(t, kafka.Options{Nodes: 3})
	s := newScene(t, c)
	s.topic(topic, partitions)
	one, two := s.serve(20_000, topic), s.serve(20_000, topic)
	one.waitReady()
	two.waitReady()
	clients := s.live(one, s.zeros(topic, partitions))
	var p pauses
	clients = append(clients, s.client(p.watch(ledger.Config{URLs: []string{s.url(two)}}), s.always))
	s.connected(clients...)
	h := s.hopper(5, one, two)

	leader := func() int {
		n, err := c.LeaderOf(topic, 0)
		s.must(err)
		return n
	}
	preferred := leader() // of a new topic
	w := s.writer(300)
	stop := w.load(topic, partitions)
	s.passed(topic, partitions, 50)
	phase := func(what string, do func()) {
		p.reset()
		w.acks.reset()
		began := time.Now()
		do()
		s.passed(topic, partitions, 50)
		t.Logf("%s: longest pause of the producer %v, of a live client %v; all over after %v", what,
			w.acks.longest(), p.longest(), time.Since(began).Round(time.Millisecond))
	}
	phase("leader killed", func() { s.must(c.Kill(preferred)) })
	phase("killed node back", func() { s.must(c.Restart(s.ctx, preferred)) })
	if n := leader(); n == preferred {
		t.Errorf("node %d leads before the election, want any other", n)
	}
	phase("preferred election", func() {
		s.must(c.ElectPreferred(topic, 0, 1, 2))
		eventually(t, settleTime, func() bool { return leader() == preferred }, func() string { return "the election moved nothing" })
	})
	phase("leader stopped", func() { s.must(c.Stop(s.ctx, preferred)) })
	phase("stopped node back", func() { s.must(c.Restart(s.ctx, preferred)) })
	stop()
	s.reached()
	s.unbroken(clients...)
	s.served(h)
	s.noPrivate(one, two)
	s.settle()
}
