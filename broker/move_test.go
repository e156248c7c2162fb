package broker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/ringbuf"
)

// moveTo moves the stream of r to another cluster. The broker of before goes on
// without it, as its Stream method shows.
func (r *running) moveTo(k *kafka, change func(*Config)) {
	r.t.Helper()
	cfg := r.Broker.cfg
	cfg.Brokers = k.addrs
	if change != nil {
		change(&cfg)
	}
	was := r.Broker
	next, err := was.Next(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = next.Run(ctx) })
	stop := r.stop
	r.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		stop()
	})
	r.t.Cleanup(r.stop)
	next.TakeOver(was)
	r.Broker = next
	if was.Stream("s") != nil || next.Stream("s") != r.s {
		r.t.Error("the stream is not where it should be")
	}
}

// at writes numbered values with given times.
func (k *kafka) at(topic string, partition int32, from int, times ...int64) {
	k.t.Helper()
	cl := k.client()
	defer cl.Close()
	var records []*kgo.Record
	for i, ms := range times {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Timestamp: time.UnixMilli(ms), Value: []byte(numbered(from+i, from+i+1)[0])})
	}
	k.write(cl, records...)
}

// numbers are those of some numbered values.
func numbers(n ...int) (texts []string) {
	for _, n := range n {
		texts = append(texts, numbered(n, n+1)...)
	}
	return texts
}

// TestMoveToAnotherCluster: every partition goes on at the time it has come to,
// inclusive, with one entry that tells all of it.
func TestMoveToAnotherCluster(t *testing.T) {
	base := time.Now().Add(-time.Minute).UnixMilli()
	one := newKafka(t, kfake.SeedTopics(4, "a"), kfake.SeedTopics(1, "b"))
	two := newKafka(t, kfake.ClusterID("two"), kfake.SeedTopics(3, "a"), kfake.SeedTopics(1, "c"))
	one.at("a", 0, 0, base, base+1, base+2, base+2)
	two.at("a", 0, 90, base-9, base-8, base-7, base-6, base-5) // junk: other offsets
	two.at("a", 0, 0, base, base+1, base+2, base+2, base+3)
	two.at("a", 1, 10, base-7, base+5) // had none over there
	one.at("a", 2, 0, base+4)          // has no record that new over here
	two.at("a", 2, 90, base-1, base+3)
	one.at("a", 3, 0, base+1) // is not there
	one.at("b", 0, 0, base+1) // does not exist there
	two.at("c", 0, 0, base+1, base+2)

	r := start(t, one, []string{"a", "b", "c"}, nil)
	r.live()
	r.expect("a", 0, numbered(0, 4))
	r.expect("a", 2, numbered(0, 1))
	r.expect("a", 3, numbered(0, 1))
	r.expect("b", 0, numbered(0, 1))
	events := r.counter(`events_total{stream="s"}`)
	r.moveTo(two, nil)
	r.expect("a", 0, numbers(0, 1, 2, 3, 2, 3, 4))
	r.expect("a", 1, numbers(10, 11))
	r.expect("c", 0, numbered(0, 2)) // it was missing: from its first record
	two.at("a", 2, 1, base+9)
	r.expect("a", 2, numbered(0, 2))
	want := []string{"other_cluster a/0 4>7,other_cluster a/1 0>0,other_cluster a/2 1>2,partition_gone a/3 1>-1,other_cluster b/0 1>0,other_cluster c/0 0>0"}
	if got := r.tape.notices(); !slices.Equal(got, want) {
		t.Errorf("notices %q, want %q", got, want)
	}
	newest := r.s.ring.Newest()
	for i, k := range newest.Keys() {
		if tag := ClusterTag("two"); k.Epoch[:6] != tag || (k.Topic == "b") != (k.Epoch == tag+".-") {
			t.Errorf("the epoch of %s/%d is %s", k.Topic, k.Partition, k.Epoch)
		}
		if v := newest.Vector().Pos[i]; k.Topic == "b" && v != (ringbuf.Pos{Next: 0, Time: base + 1}) {
			t.Errorf("the position of the missing topic is %v", v)
		}
	}
	if n := r.counter(`events_total{stream="s"}`); n <= events {
		t.Errorf("%d events counted, %d before", n, events)
	}
	if n := r.counter(`gaps_total{stream="s",reason="other_cluster"}`); n != 5 {
		t.Errorf("%d gaps counted", n)
	}
	if st := r.s.Status(); !slices.Equal(st.Missing, []string{"b"}) || !st.Warm || st.Stalled {
		t.Errorf("status %+v", st)
	}
	r.notStalled()

	// And back: what came to the first cluster meanwhile, by time again.
	one.at("a", 0, 4, base+3, base+8)
	one.at("a", 3, 1, base+7)
	one.at("b", 0, 1, base+9)
	r.moveTo(one, nil)
	r.expect("a", 0, numbers(0, 1, 2, 3, 2, 3, 4, 4, 5))
	r.expect("a", 3, numbers(0, 0, 1))
	r.expect("b", 0, numbers(0, 0, 1))
	one.create("c", 1)
	one.at("c", 0, 7, base+9)
	r.expect("c", 0, numbers(0, 1, 7))
	r.notStalled()
}

// TestMoveWithinACluster: with another list of brokers, or another password,
// nobody notices anything.
func TestMoveWithinACluster(t *testing.T) {
	k := newKafka(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	for i := range 4 {
		k.produce("a", 0, numbered(10*i, 10*i+5)...)
		r.moveTo(&kafka{t, k.Cluster, k.addrs[i%2 : i%2+1]}, func(c *Config) { c.GroupPrefix = fmt.Sprint("moved", i) })
		k.produce("a", 0, numbered(10*i+5, 10*i+10)...)
		k.produce("a", 1, numbered(i, i+1)...)
	}
	r.expect("a", 0, numbered(0, 40))
	r.expect("a", 1, numbered(0, 4))
	if n := r.tape.notices(); len(n) != 0 {
		t.Errorf("notices %q", n)
	}
	k.grow("a", 3)
	k.produce("a", 2, numbered(0, 5)...)
	r.expect("a", 2, numbered(0, 5))
	r.notStalled()
}

// TestMoveMore: partitions that are more over there begin at the largest time of
// the stream.
func TestMoveMore(t *testing.T) {
	base := time.Now().Add(-time.Minute).UnixMilli()
	one, two := newKafka(t, kfake.SeedTopics(2, "a")), newKafka(t, kfake.ClusterID("two"), kfake.SeedTopics(3, "a"))
	one.at("a", 0, 0, base+1)
	one.at("a", 1, 0, base+5)
	two.at("a", 0, 0, base+1)
	two.at("a", 1, 0, base+5)
	two.at("a", 2, 0, base+3, base+5, base+6)
	r := start(t, one, []string{"a"}, nil)
	r.live()
	r.expect("a", 0, numbered(0, 1))
	r.expect("a", 1, numbered(0, 1))
	r.moveTo(two, nil)
	r.expect("a", 2, numbered(1, 3))
	if first, whole := r.s.ring.First(2); first != 1 || whole {
		t.Errorf("partition 2 begins at %d, whole %v", first, whole)
	}
	if _, ok := r.s.ring.LocateTime(2, base+4); ok {
		t.Error("the ring claims to know times before that")
	}
	// The record of the time that was carried over is found in the ring.
	if e, ok := r.s.ring.LocateTime(1, base+5); !ok || e == nil || e.Offset != 0 {
		t.Errorf("the first record of the time carried over: %v, %v", e, ok)
	}
}

// TestMoveOfWhatIsQuiet: a partition of which nothing has been delivered goes on
// where nothing is left out.
func TestMoveOfWhatIsQuiet(t *testing.T) {
	f := func(name string, warmUp time.Duration, events int, want ...int) {
		t.Run(name, func(t *testing.T) {
			now := time.Now().UnixMilli()
			old, young := now-7_200_000, now-600_000
			one, two := newKafka(t, kfake.SeedTopics(1, "a")), newKafka(t, kfake.ClusterID("two"), kfake.SeedTopics(1, "a"))
			for _, k := range []*kafka{one, two} {
				k.at("a", 0, 0, old, old+1)
			}
			r := start(t, one, []string{"a"}, func(s *setup) { s.WarmUp, s.StreamConfig.Events = warmUp, events })
			r.live()
			two.at("a", 0, 2, young, now)
			r.moveTo(two, nil)
			r.expect("a", 0, numbers(want...))
		})
	}
	f("warm-up", time.Hour, 100, 2, 3)
	f("from the end", 0, 100, 3)
	f("bounded", 3*time.Hour, 1, 1, 1, 2, 3)
}

// TestMoveWhileAway: a cluster that is gone between the reload and the move is
// waited for; the way back is exact, for nothing was read there.
func TestMoveWhileAway(t *testing.T) {
	one, two := newKafka(t, kfake.SeedTopics(1, "a")), newKafka(t, kfake.ClusterID("two"), kfake.SeedTopics(1, "a"))
	one.produce("a", 0, numbered(0, 5)...)
	r := start(t, one, []string{"a"}, nil)
	r.live()
	r.expect("a", 0, numbered(0, 5))
	two.Close()
	r.moveTo(two, func(c *Config) { c.StallAfter, c.Log = 300*time.Millisecond, zerolog.Nop() })
	if !r.s.Warm() {
		t.Error("the stream is not warm any more")
	}
	eventually(t, "the stream is stalled", func() bool { return r.s.Status().Stalled })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := r.s.PastEnd(ctx, "a", 0, 99); err == nil {
		t.Error("a question is answered")
	}
	if _, err := r.History().Earliest(ctx, "s", r.s.ring.Newest().Keys()[0]); err == nil {
		t.Error("a question of history is answered")
	}
	one.produce("a", 0, numbered(5, 10)...)
	r.moveTo(one, nil)
	r.expect("a", 0, numbered(0, 10))
	if n := r.tape.notices(); len(n) != 0 {
		t.Errorf("notices %q", n)
	}
	eventually(t, "the stream is not stalled", func() bool { return !r.s.Status().Stalled })
}

// TestQuestionsWaitForTheMove: who asks while a stream moves gets the answer of
// the cluster that it moves to, or an error where that is about another epoch.
func TestQuestionsWaitForTheMove(t *testing.T) {
	one, two := newKafka(t, kfake.SeedTopics(1, "a")), newKafka(t, kfake.ClusterID("two"), kfake.SeedTopics(3, "a"))
	one.produce("a", 0, numbered(0, 5)...)
	r := start(t, one, []string{"a"}, nil)
	r.live()
	r.expect("a", 0, numbered(0, 5))
	old := r.s.ring.Newest().Keys()[0]
	r.s.leave()
	type answer struct {
		n   int
		err error
	}
	lookUp, past, at := make(chan answer, 1), make(chan answer, 1), make(chan answer, 1)
	go func() {
		n, _, err := r.s.LookUp(t.Context(), "a")
		lookUp <- answer{n, err}
	}()
	go func() {
		end, _, err := r.s.PastEnd(t.Context(), "a", 0, 3)
		past <- answer{int(end), err}
	}()
	go func() {
		_, _, err := r.History().At(t.Context(), "s", old, 0)
		at <- answer{0, err}
	}()
	if _, err := r.History().Open([]HistoryRange{{"s", old, 0, 5}}); err == nil {
		t.Error("history of a stream that moves is opened")
	}
	r.moveTo(two, nil)
	if a := <-lookUp; a.n != 3 || a.err != nil {
		t.Errorf("LookUp: %+v", a)
	}
	if a := <-past; a.n != 0 || a.err != nil {
		t.Errorf("PastEnd: %+v", a)
	}
	if a := <-at; a.err == nil {
		t.Error("an offset of the other cluster is given out for one of this")
	}
	if _, err := r.History().Open([]HistoryRange{{"s", old, 0, 5}}); err == nil {
		t.Error("history of another cluster is opened")
	}
	now := r.s.ring.Newest().Keys()[0]
	if first, err := r.History().Earliest(t.Context(), "s", now); first != 0 || err != nil {
		t.Errorf("Earliest: %d, %v", first, err)
	}
}
