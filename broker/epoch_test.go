package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/ringbuf"
)

// TestTopicIsCreatedAgain is about the silent splice: old offsets must never
// be read on in a new log, whether they fit into it or not.
func TestTopicIsCreatedAgain(t *testing.T) {
	f := func(name string, before, after int) {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			k := newKafka(t, kfake.SeedTopics(2, "a"), kfake.SeedTopics(1, "other"))
			r := start(t, k, []string{"a", "other"}, nil)
			r.live()
			k.produce("a", 0, numbered(0, before)...)
			k.produce("other", 0, numbered(0, 3)...)
			r.expect("a", 0, numbered(0, before))
			r.expect("other", 0, numbered(0, 3))
			old := r.s.Status().Topics[0].Epoch

			k.remove("a")
			k.create("a", 3)
			k.produce("a", 0, numbered(1000, 1000+after)...)
			k.produce("a", 2, numbered(0, 2)...)
			eventually(t, "the new topic is read to its end", func() bool { return afterEpoch(r.tape, "a", 0, after) })
			got := sinceEpoch(r.tape, "a", 0)
			if !slices.Equal(got, numbered(1000, 1000+after)) {
				t.Errorf("the new epoch has %d events %s", len(got), ends(got))
			}
			k.produce("other", 0, numbered(3, 6)...)
			r.expect("other", 0, numbered(0, 6))
			r.expect("a", 2, numbered(0, 2))
			want := fmt.Sprintf("[recreated a/0 %d>0,recreated a/1 0>0]", before)
			if n := fmt.Sprint(r.tape.notices()); n != want {
				t.Errorf("notices %s, want %s", n, want)
			}
			if now := r.s.Status().Topics[0].Epoch; now == old {
				t.Errorf("the epoch is still %s", now)
			}
		})
	}
	f("shorter", 20, 5)
	f("longer", 20, 40)
	f("as long", 20, 20)
}

// sinceEpoch are the events of a partition after the last epoch entry.
func sinceEpoch(tp *tape, topic string, partition int32) []string {
	var texts []string
	for _, e := range tp.all() {
		switch {
		case e.Kind == ringbuf.Epoch:
			texts = nil
		case e.Kind == ringbuf.Event && e.at.Keys[e.Part].Topic == topic && e.at.Keys[e.Part].Partition == partition:
			texts = append(texts, e.text)
		}
	}
	return texts
}

func afterEpoch(tp *tape, topic string, partition int32, n int) bool {
	for _, e := range tp.all() {
		if e.Kind == ringbuf.Epoch {
			return len(sinceEpoch(tp, topic, partition)) >= n
		}
	}
	return false
}

func TestFewerPartitionsAfterCreatedAgain(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(3, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	for p := range int32(3) {
		k.produce("a", p, numbered(0, 5)...)
		r.expect("a", p, numbered(0, 5))
	}
	k.remove("a")
	k.create("a", 1)
	k.produce("a", 0, numbered(0, 3)...)
	eventually(t, "the new topic is read", func() bool { return afterEpoch(r.tape, "a", 0, 3) })
	all := r.tape.all()
	v := all[len(all)-1].at
	if len(v.Pos) != 3 || v.Pos[0].Next != 3 || v.Pos[1].Next != 0 || v.Pos[2].Next != 0 {
		t.Errorf("position %v", v.Pos)
	}
}

func TestDeletedTopicKeepsThePosition(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a", "b"))
	r := start(t, k, []string{"a", "b"}, nil)
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	k.remove("a")
	eventually(t, "the topic is missing", func() bool { return r.counter(`topics_missing{stream="s"}`) == 1 })
	k.produce("b", 0, numbered(0, 5)...)
	r.expect("b", 0, numbered(0, 5))
	if n := r.tape.notices(); len(n) != 0 || r.position("a", 0) != 5 {
		t.Errorf("notices %q, position %d", n, r.position("a", 0))
	}
}

// TestLaggingBrokerDoesNotFlipTheEpoch gives the answers of a broker that still
// knows the deleted topic.
func TestLaggingBrokerDoesNotFlipTheEpoch(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(2, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.poll = time.Hour })
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	old, err := r.meta.now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.s.mu.Lock()
	gen := r.s.gen
	r.s.mu.Unlock()
	k.remove("a")
	k.create("a", 2)
	if _, err := r.meta.now(t.Context()); err != nil {
		t.Fatal(err)
	}
	epoch := r.s.Status().Topics[0].Epoch
	if epoch == EpochTag(old.ID, old.Topics["a"].ID) {
		t.Fatal("the new topic was not noticed")
	}
	if err := r.s.publish(gen, 0, r.s.newBatch(), 0); err != errStale {
		t.Errorf("a reader of the old log may still publish: %v", err)
	}
	if !r.s.takeIn(old) {
		t.Error("an answer of before is not doubted")
	}
	if now := r.s.Status().Topics[0].Epoch; now != epoch {
		t.Errorf("the epoch went from %s to %s", epoch, now)
	}
	if n := len(r.tape.notices()); n > 1 {
		t.Errorf("%d epochs", n)
	}
}

// TestFallenLeaderEpochIsDoubtful: without topic ids it is the only sign.
func TestFallenLeaderEpochIsDoubtful(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.poll = time.Hour })
	r.warm()
	c, err := r.meta.now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer := func(epoch int32) raw.Cluster {
		topic := c.Topics["a"]
		topic.Partitions = []raw.Partition{{ID: 0, LeaderEpoch: epoch}}
		return raw.Cluster{ID: c.ID, Topics: map[string]raw.Topic{"a": topic}}
	}
	for _, step := range []struct {
		epoch    int32
		doubtful bool
	}{{7, false}, {7, false}, {3, true}, {3, false}, {8, false}} {
		if got := r.s.takeIn(answer(step.epoch)); got != step.doubtful {
			t.Errorf("leader epoch %d: doubtful %v, want %v", step.epoch, got, step.doubtful)
		}
	}
}

// TestLogIsCut: the log ends below the position, by the word of the leader.
func TestLogIsCut(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	k.produce("a", 0, numbered(0, 5)...)
	r.expect("a", 0, numbered(0, 5))
	r.s.mu.Lock()
	r.s.ring.Advance(0, 50) // as if 45 records had been lost by the cluster
	r.s.ring.Flush()
	r.s.mu.Unlock()
	r.s.ring.Wake()
	eventually(t, "the tape is there", func() bool { all := r.tape.all(); return all[len(all)-1].at.Pos[0].Next == 50 })
	r.s.interrupt(errLayout)
	eventually(t, "the notice is there", func() bool { return len(r.tape.notices()) == 1 })
	if n := r.tape.notices(); n[0] != "truncated a/0 50>5" {
		t.Errorf("notices %q", n)
	}
	k.produce("a", 0, numbered(5, 10)...)
	r.expect("a", 0, numbered(0, 10))
	// What lies below the end is Kafka's to tell: the ring does not hold it.
	if seq, ok := r.s.ring.Locate([]int64{2}); ok {
		t.Errorf("offset 2 is to be found at a %v", r.s.ring.At(seq).Kind)
	}
	if first, ok := r.s.ring.First(0); first != 5 || ok {
		t.Errorf("the ring begins at %d (nothing older: %t), want 5 and older records elsewhere", first, ok)
	}
}
