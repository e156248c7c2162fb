//go:build kafka && faults

package blackbox

import (
	"context"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// TestLongFaultsFrozen: a leader that answers nothing any more, while its kernel
// still takes connections.
func TestLongFaultsFrozen(t *testing.T) {
	const long = 30 * time.Second
	c := kafka.ForTest(t, kafka.Options{Nodes: 3})
	s := newScene(t, c)
	l := s.underLoad("frozen", 3, 300)
	for _, frozen := range []struct {
		name string
		node int
	}{
		{"leader frozen for 30 s", l.leaderOf(l.plainLeader())},
		{"leader frozen for 30 s, which is the controller", s.controller()},
	} {
		l.fault(frozen.name, 20*time.Second, func() {
			s.must(c.Freeze(frozen.node))
			<-time.After(long)
			s.must(c.Thaw(frozen.node))
		})
		s.must(c.AwaitReady(s.ctx))
	}
	l.end()
}

// TestLongFaultsAlone: the only broker is frozen, or away. Connections stay, and
// what is in the rings is served meanwhile.
func TestLongFaultsAlone(t *testing.T) {
	const long = 60 * time.Second
	c := kafka.ForTest(t, kafka.Options{})
	t.Run("Frozen", func(t *testing.T) {
		l := newScene(t, c).underLoad("alone.frozen", 3, 100)
		l.without("single broker frozen for 60 s", long, func() { l.must(c.Freeze(1)) }, func() { l.must(c.Thaw(1)) })
		l.end()
	})
	t.Run("Away", func(t *testing.T) {
		l := newScene(t, c).underLoad("alone.away", 3, 100)
		l.without("single broker away for 60 s", long, func() { l.must(c.Kill(1)) }, func() { l.must(c.Restart(l.ctx, 1)) })
		l.end()
	})
}

const (
	askEvery   = 10 * time.Second // a resume while Kafka is gone
	resumeTime = 5 * time.Second  // what one may take, on a busy machine
)

// without is a fault that takes all of Kafka. Meanwhile clients resume inside
// the rings: they are never refused and have soon what the others have.
func (l *siege) without(name string, long time.Duration, gone, back func()) {
	l.t.Helper()
	old := l.hopping.LastEventID()
	l.flows()
	mark := l.book.End()
	l.reached()
	instances := []*instance{l.one, l.two}
	var resumed []*ledger.Client
	l.faultWhile(name, 3*time.Second, func() time.Duration {
		began := time.Now()
		gone()
		for time.Since(began) < long-askEvery {
			l.hopping.Cut(true)
			in := instances[len(resumed)%len(instances)]
			c := l.client(ledger.Config{URLs: []string{l.url(in)}, LastEventID: old}, l.always)
			resumed = append(resumed, c)
			ctx, cancel := context.WithTimeout(l.ctx, resumeTime)
			if err := c.WaitUntil(ctx, mark); err != nil {
				l.t.Errorf("a client resumes without Kafka: %v", err)
			}
			cancel()
			<-time.After(askEvery - time.Since(began)%askEvery)
		}
		for _, in := range instances {
			if !l.follows(in).Stalled {
				l.t.Errorf("instance %s does not say that its stream has stalled", in.addr)
			}
		}
		<-time.After(long - time.Since(began))
		back()
		return time.Since(began)
	})
	l.unbroken(resumed...)
}
