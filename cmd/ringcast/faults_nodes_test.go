//go:build kafka && faults

package main

import (
	"testing"

	"time"

	"github.com/ringcast/ringcast/scripts/kafka"
)

// TestFaultsNodes: one node of three is killed, stopped, and given back its
// partitions. Live clients see a pause and nothing else.
func TestFaultsNodes(t *testing.T) {
	c := kafka.ForTest(t, kafka.Options{Nodes: 3})
	s := newScene(t, c)
	l := s.underLoad("nodes", 3, 300)
	leader := func() int {
		n, err := c.LeaderOf(l.topic, 0)
		s.must(err)
		return n
	}
	preferred := leader() // of a new topic
	l.fault("leader killed", 6*time.Second, func() { s.must(c.Kill(preferred)) })
	l.fault("killed leader restarted", 6*time.Second, func() { s.must(c.Restart(s.ctx, preferred)) })
	if n := leader(); n == preferred {
		t.Errorf("node %d leads before the election, want any other", n)
	}
	l.fault("preferred leader election", 2*time.Second, func() {
		s.must(c.ElectPreferred(l.topic, 0, 1, 2))
		eventually(t, settleTime, func() bool { return leader() == preferred }, func() string { return "the election moved nothing" })
	})
	l.fault("leader stopped cleanly", 2*time.Second, func() { s.must(c.Stop(s.ctx, preferred)) })
	l.fault("stopped leader restarted", 2*time.Second, func() { s.must(c.Restart(s.ctx, preferred)) })
	l.end()
}
