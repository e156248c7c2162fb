//go:build kafka && faults

package blackbox

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ringcast/ringcast/scripts/kafka"
)

// TestFaultsNodes: nodes of three are killed, stopped and given back their
// partitions, alone and all at once. Live clients see a pause and nothing else.
func TestFaultsNodes(t *testing.T) {
	c := kafka.ForTest(t, kafka.Options{Nodes: 3})
	t.Run("Leader", func(t *testing.T) { newScene(t, c).leaderFaults() })
	t.Run("Controller", func(t *testing.T) { newScene(t, c).controllerFaults() })
	t.Run("All", func(t *testing.T) { newScene(t, c).allFaults() })
	for _, topics := range []struct {
		name string
		play func(*scene)
	}{{"Partitions", (*scene).partitionsAdded}, {"Recreated", (*scene).topicRecreated}} {
		t.Run(topics.name, func(t *testing.T) {
			s := newScene(t, c)
			s.measured = func(what string, pause, producer, took time.Duration) {
				s.row(&fault{name: what, limit: 5 * time.Second, pause: pause, producer: producer, lasted: took})
			}
			topics.play(s)
		})
	}
}

// TestLongFaultsSessionTimeout: Kafka's default, after which a dead node is
// replaced.
func TestLongFaultsSessionTimeout(t *testing.T) {
	c := kafka.ForTest(t, kafka.Options{Nodes: 3, Properties: map[string]string{"broker.session.timeout.ms": "9000"}})
	s := newScene(t, c)
	l := s.underLoad("default", 3, 300)
	l.leaderKilled("leader killed, session timeout of 9 s", 12*time.Second, l.leaderOf(l.plainLeader()))
	l.end()
}

func (s *scene) leaderFaults() {
	l := s.underLoad("nodes", 3, 300)
	plain := l.plainLeader()
	preferred := l.leaderOf(plain) // of a new topic
	l.leaderKilled("leader killed", 6*time.Second, preferred)
	l.fault("killed leader restarted", 6*time.Second, func() { s.must(s.c.Restart(s.ctx, preferred)) })
	if n := l.leaderOf(plain); n == preferred {
		s.t.Errorf("node %d leads before the election, want any other", n)
	}
	l.fault("preferred leader election", 2*time.Second, func() {
		s.must(s.c.ElectPreferred(l.topic, 0, 1, 2))
		eventually(s.t, settleTime, func() bool { return l.leaderOf(plain) == preferred }, func() string { return "the election moved nothing" })
	})
	l.fault("leader stopped cleanly", 2*time.Second, func() { s.must(s.c.Stop(s.ctx, preferred)) })
	l.fault("stopped leader restarted", 2*time.Second, func() { s.must(s.c.Restart(s.ctx, preferred)) })
	l.end()
}

// controllerFaults: the controller is killed once with nothing of the topic on
// its node, and once as the leader of a partition too. In the second case a new
// controller has to be elected before it can notice that a leader is missing.
func (s *scene) controllerFaults() {
	controller := s.controller()
	others := []int32{int32(controller%3 + 1), int32((controller+1)%3 + 1)}
	const topic = "controller"
	s.must(s.c.CreateTopicOn(s.ctx, topic, [][]int32{others, {others[1], others[0]}}))
	l := s.underLoadOf(topic, 2, 200)
	var elected time.Duration
	f := l.fault("controller killed, which leads nothing", 2*time.Second, func() {
		began := time.Now()
		s.must(s.c.Kill(controller))
		eventually(s.t, settleTime, func() bool { return s.controller() != controller }, func() string { return "no new controller" })
		elected = time.Since(began)
	})
	f.note = fmt.Sprintf("no replica of the topic on its node; new controller after %.2f s", elected.Seconds())
	l.fault("killed controller restarted", 2*time.Second, func() { s.must(s.c.Restart(s.ctx, controller)) })
	l.end()

	s = newScene(s.t, s.c)
	l = s.underLoad("controller.leads", 3, 300)
	controller = s.controller()
	l.leaderKilled("leader killed, which is the controller", 6*time.Second, controller)
	s.must(s.c.Restart(s.ctx, controller))
	l.end()
}

func (s *scene) allFaults() {
	l := s.underLoad("all", 3, 300)
	l.fault("all three restarted one by one", 6*time.Second, func() {
		for n := range 3 {
			s.must(s.c.Stop(s.ctx, n+1))
			s.must(s.c.Restart(s.ctx, n+1))
		}
	})
	l.faultWhile("all three killed and restarted", 3*time.Second, func() time.Duration {
		began := time.Now()
		for n := range 3 {
			s.must(s.c.Kill(n + 1))
		}
		var starting sync.WaitGroup
		for n := range 3 {
			starting.Go(func() {
				if err := s.c.Restart(s.ctx, n+1); err != nil {
					s.t.Error(err)
				}
			})
		}
		starting.Wait()
		return time.Since(began)
	})
	l.end()
}

// leaderKilled kills a node that leads partitions, and measures how long Kafka
// takes to replace it.
func (l *siege) leaderKilled(name string, limit time.Duration, node int) {
	l.t.Helper()
	var elected time.Duration
	f := l.fault(name, limit, func() {
		began := time.Now()
		l.must(l.c.Kill(node))
		eventually(l.t, settleTime, func() bool { return !l.leads(node) }, func() string { return fmt.Sprintf("node %d leads, dead as it is", node) })
		elected = time.Since(began)
	})
	f.note = fmt.Sprintf("new leader after %.2f s", elected.Seconds())
	l.t.Logf("%s: %s", name, f.note)
}

// leads reports whether a node leads a partition of the topic.
func (l *siege) leads(node int) bool {
	for p := range l.partitions {
		if n, err := l.c.LeaderOf(l.topic, p); err != nil || n == node {
			return true
		}
	}
	return false
}

func (l *siege) leaderOf(partition int32) int {
	l.t.Helper()
	n, err := l.c.LeaderOf(l.topic, partition)
	l.must(err)
	return n
}

// plainLeader returns a partition whose leader is not the controller.
func (l *siege) plainLeader() int32 {
	l.t.Helper()
	controller := l.controller()
	for p := range l.partitions {
		if l.leaderOf(p) != controller {
			return p
		}
	}
	l.t.Fatalf("node %d leads every partition", controller)
	return 0
}

func (s *scene) controller() int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, settleTime)
	defer cancel()
	n, err := s.c.Controller(ctx)
	s.must(err)
	return n
}
