package broker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/broker/record"
)

func TestMissingTopicAppears(t *testing.T) {
	k := newKafka(t)
	r := start(t, k, []string{"a"}, nil)
	r.warm() // a topic that does not exist counts as warm
	k.create("a", 3)
	for p := range int32(3) {
		k.produce("a", p, numbered(0, 5)...)
	}
	for p := range int32(3) {
		r.expect("a", p, numbered(0, 5))
	}
	if st := r.s.Status(); len(st.Missing) != 0 || st.Topics[0].Epoch == ClusterTag("kfake")+".-" {
		t.Errorf("status %+v", st)
	}
	if n := r.tape.notices(); len(n) != 0 {
		t.Errorf("notices %q", n)
	}
	r.notStalled()
}

func TestMissingTopicDoesNotStopTheOthers(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"none", "a"}, nil)
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	k.create("none", 1)
	k.produce("none", 0, numbered(0, 5)...)
	k.produce("a", 0, numbered(5, 10)...)
	r.expect("none", 0, numbered(0, 5))
	r.expect("a", 0, numbered(0, 10))
	r.notStalled()
}

func TestPartitionsAreAdded(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	k.grow("a", 3)
	for p := range int32(3) {
		k.produce("a", p, numbered(100, 110)...)
	}
	r.expect("a", 0, append(numbered(0, 5), numbered(100, 110)...))
	r.expect("a", 1, numbered(100, 110))
	r.expect("a", 2, numbered(100, 110))
	r.notStalled()
}

func TestLookUpFindsPartitionsAtOnce(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a", "none"}, func(s *setup) { s.poll = time.Hour })
	r.live()
	k.grow("a", 2)
	if n, exists, err := r.s.LookUp(t.Context(), "a"); n != 2 || !exists || err != nil {
		t.Errorf("LookUp: %d partitions, exists %v, error %v", n, exists, err)
	}
	if got := len(r.s.Status().Topics[0].Partitions); got != 2 {
		t.Errorf("the stream follows %d partitions after LookUp, want 2", got)
	}
	for _, topic := range []string{"none", "foreign"} {
		if _, exists, err := r.s.LookUp(t.Context(), topic); exists || err != nil {
			t.Errorf("LookUp(%q): exists %v, error %v", topic, exists, err)
		}
	}
}

func TestBrokerRestarts(t *testing.T) {
	dir := t.TempDir()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.SeedTopics(2, "a"))
	if err != nil {
		t.Fatal(err)
	}
	closeOnce := sync.OnceFunc(c.Close)
	t.Cleanup(closeOnce)
	k := &kafka{t, c, c.ListenAddrs()}
	r := start(t, k, []string{"a"}, nil)
	r.live()
	k.produce("a", 0, numbered(0, 50)...)
	r.expect("a", 0, numbered(0, 50))
	port := 0
	if _, err := fmt.Sscanf(k.addrs[0], "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	closeOnce()
	k2 := newKafka(t, kfake.DataDir(dir), kfake.Ports(port))
	k2.produce("a", 0, numbered(50, 100)...)
	k2.produce("a", 1, numbered(0, 50)...)
	r.expect("a", 0, numbered(0, 100))
	r.expect("a", 1, numbered(0, 50))
	if n := r.tape.notices(); len(n) != 0 {
		t.Errorf("notices %q", n)
	}
}

func TestLeadersMove(t *testing.T) {
	k := newKafka(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	for round := range 5 {
		for p := range int32(3) {
			k.produce("a", p, numbered(round*10, round*10+10)...)
		}
		k.ShufflePartitionLeaders()
	}
	k.RehashCoordinators()
	for p := range int32(3) {
		k.produce("a", p, numbered(50, 60)...)
		r.expect("a", p, numbered(0, 60))
	}
}

func TestRecordsExpireUnderUs(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	gate := newGate()
	r := start(t, k, []string{"a"}, func(s *setup) { s.Configure = gate.configure })
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	gate.shut()
	k.produce("a", 0, numbered(5, 20)...)
	k.trim("a", 0, 15)
	gate.open()
	r.expect("a", 0, append(numbered(0, 5), numbered(15, 20)...))
	if n := fmt.Sprint(r.tape.notices()); n != "[expired a/0 5>15]" {
		t.Errorf("notices %s", n)
	}
	if n := r.counter(`gaps_total{stream="s",reason="expired"}`); n != 1 {
		t.Errorf("%d gaps counted, want 1", n)
	}
}

func TestNothingIsCommitted(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	group := make(chan string, 100)
	k.ControlKey(int16(kmsg.JoinGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		group <- req.(*kmsg.JoinGroupRequest).Group
		return nil, nil, false
	})
	commits := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit, kmsg.TxnOffsetCommit}, Observe: true})
	r := start(t, k, []string{"a"}, nil)
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	r.stop()
	if n := commits.Hits(); n != 0 {
		t.Errorf("%d commits", n)
	}
	var id string
	if id = <-group; len(id) <= len("test.s.here.") || id[:12] != "test.s.here." {
		t.Errorf("the group is %q", id)
	}
}

func TestSecondMemberIsAnError(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(4, "a"))
	group := make(chan string, 100)
	k.ControlKey(int16(kmsg.JoinGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		group <- req.(*kmsg.JoinGroupRequest).Group
		return nil, nil, false
	})
	r := start(t, k, []string{"a"}, nil)
	r.live()
	conf := sarama.NewConfig()
	conf.Version = sarama.V2_8_0_0
	conf.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	other, err := sarama.NewConsumerGroup(k.addrs, <-group, conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			_ = other.Consume(ctx, []string{"a"}, intruder{})
		}
	})
	eventually(t, "the second member is noticed", func() bool {
		return r.counter(`kafka_sessions_total{stream="s",cause="second_member"}`) > 0
	})
	cancel()
	wg.Wait()
	_ = other.Close()
	for p := range int32(4) {
		k.produce("a", p, numbered(0, 5)...)
		r.expect("a", p, numbered(0, 5))
	}
}

type intruder struct{}

func (intruder) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (intruder) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (intruder) ConsumeClaim(g sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-g.Context().Done()
	return nil
}

func TestOldReaderIsRefused(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))

	// The goroutine of an earlier session wakes up with what it had.
	b := r.s.newBatch()
	b.add(record.Record{Topic: "a", Offset: 5, Value: []byte(`{"old":true}`)})
	r.s.mu.Lock()
	gen := r.s.gen
	r.s.mu.Unlock()
	if err := r.s.publish(gen-1, 0, b, 0); err != errStale {
		t.Errorf("publishing for an old session: %v", err)
	}
	// One of this session that comes twice.
	b.reset()
	b.add(record.Record{Topic: "a", Offset: 4, Value: []byte(`{"twice":true}`)})
	if err := r.s.publish(gen, 0, b, 0); err != nil {
		t.Errorf("publishing a record twice: %v", err)
	}
	if n := r.counter(`events_skipped_total{stream="s",reason="stale"}`); n != 2 {
		t.Errorf("%d stale records counted, want 2", n)
	}
	k.produce("a", 0, numbered(5, 10)...)
	r.expect("a", 0, numbered(0, 10))
}

// TestEveryRecordOnce writes all the time while sessions begin and end for
// all kinds of reasons.
func TestEveryRecordOnce(t *testing.T) {
	const partitions, rounds, each = 5, 24, 20
	k := newKafka(t, kfake.NumBrokers(2), kfake.SeedTopics(partitions, "a"))
	gate := newGate()
	r := start(t, k, []string{"a", "b"}, func(s *setup) { s.Configure = gate.configure })
	var wg sync.WaitGroup
	for p := range int32(partitions) {
		wg.Go(func() {
			for round := range rounds {
				k.produce("a", p, numbered(round*each, (round+1)*each)...)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for round := range 8 {
		switch round % 4 {
		case 0:
			r.s.interrupt(errLayout)
		case 1:
			gate.shut()
			gate.open()
		case 2:
			k.ShufflePartitionLeaders()
		case 3:
			r.s.interrupt(errBatch)
		}
		time.Sleep(100 * time.Millisecond)
	}
	k.create("b", 1)
	k.produce("b", 0, numbered(0, 10)...)
	wg.Wait()
	for p := range int32(partitions) {
		r.expect("a", p, numbered(0, rounds*each))
	}
	r.expect("b", 0, numbered(0, 10))
	if n := r.tape.notices(); len(n) != 0 {
		t.Errorf("notices %q", n)
	}
}

func TestErrorsOfFetchesAreSurvived(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	for n, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownTopicOrPartition, kerr.UnknownServerError} {
		k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "a", Err: e, Count: 3})
		k.produce("a", 0, numbered(n*10, n*10+10)...)
		r.expect("a", 0, numbered(0, n*10+10))
	}
}

func TestFrozenBrokerIsNoticed(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	gate := newGate()
	r := start(t, k, []string{"a"}, func(s *setup) {
		s.Configure, s.StallAfter = gate.configure, 500*time.Millisecond
	})
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	gate.freeze()
	k.produce("a", 0, numbered(5, 10)...)
	eventually(t, "the stream is stalled", func() bool { return r.s.Status().Stalled })
	gate.thaw()
	r.expect("a", 0, numbered(0, 10))
	eventually(t, "the stream has recovered", func() bool { return r.counter(`stream_stalled{stream="s"}`) == 0 })
	if r.counter(`kafka_client_rebuilds_total{stream="s"}`) == 0 {
		t.Error("the clients were not rebuilt")
	}
}

func TestStopWhileFrozen(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	gate := newGate()
	r := start(t, k, []string{"a"}, func(s *setup) {
		s.Configure = func(c *sarama.Config) {
			gate.configure(c)
			c.Net.ReadTimeout = time.Minute
		}
	})
	r.live()
	gate.freeze()
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("ending took %v", took)
	}
}

// TestRecordsComeWhileTheGroupIsJoined: with the defaults of Kafka that takes
// three seconds.
func TestRecordsComeWhileTheGroupIsJoined(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(2, "a"))
	k.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		k.SleepControl(func() { time.Sleep(2 * time.Second) })
		return nil, nil, false
	})
	r := start(t, k, []string{"a"}, nil)
	r.warm()
	k.produce("a", 0, numbered(0, 10)...)
	k.produce("a", 1, numbered(0, 10)...)
	r.expect("a", 0, numbered(0, 10))
	r.expect("a", 1, numbered(0, 10))
	if n := r.s.sessions.Load(); n != 0 {
		t.Errorf("%d sessions have begun: the records came late", n)
	}
	r.live()
	k.produce("a", 0, numbered(10, 20)...)
	r.expect("a", 0, numbered(0, 20))
}

// TestOfflinePartitionDoesNotStopTheOthers: Kafka says that a partition has no
// leader.
func TestOfflinePartitionDoesNotStopTheOthers(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(2, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.StallAfter = 500 * time.Millisecond })
	r.warm()
	r.live()
	fault := k.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.ListOffsets, kmsg.Fetch}, Topic: "a", Partitions: []int32{1}, Err: kerr.LeaderNotAvailable, Count: -1,
	})
	r.s.interrupt(errLayout)
	k.produce("a", 0, numbered(0, 10)...)
	k.produce("a", 1, numbered(0, 10)...)
	r.expect("a", 0, numbered(0, 10))
	eventually(t, "an operator is told", func() bool { return r.s.Status().Reason == "no_leader" })
	fault.Remove()
	r.expect("a", 1, numbered(0, 10))
	eventually(t, "the stream has recovered", func() bool { return !r.s.Status().Stalled })
}

// TestJoinsThatFail: while no coordinator takes the group, each attempt is over
// before a bridge would begin; one that outlasts them brings the records.
func TestJoinsThatFail(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	fault := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.UnknownServerError, Count: -1})
	r := start(t, k, []string{"a"}, nil)
	r.warm()
	k.produce("a", 0, numbered(0, 10)...)
	r.expect("a", 0, numbered(0, 10))
	eventually(t, "attempts have failed", func() bool { return r.counter(`kafka_sessions_total{stream="s",cause="join"}`) >= 2 })
	r.notStalled()
	fault.Remove()
	r.live()
	k.produce("a", 0, numbered(10, 20)...)
	r.expect("a", 0, numbered(0, 20))
}

func TestStopWhileTheGroupIsJoined(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	joining, release := make(chan struct{}, 100), make(chan struct{})
	k.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		joining <- struct{}{}
		k.SleepControl(func() { <-release })
		return nil, nil, false
	})
	defer close(release)
	gate := newGate()
	r := start(t, k, []string{"a"}, func(s *setup) {
		s.Configure = func(c *sarama.Config) {
			gate.configure(c)
			c.Net.ReadTimeout = time.Minute
		}
	})
	<-joining
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("ending took %v", took)
	}
}
