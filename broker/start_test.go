package broker

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/ringbuf"
)

func TestEventsFlow(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(2, "a"))
	k.produce("a", 0, numbered(0, 10)...)
	r := start(t, k, []string{"a"}, nil)
	r.expect("a", 0, numbered(0, 10))
	r.warm()
	k.produce("a", 1, numbered(0, 5)...)
	k.produce("a", 0, numbered(10, 20)...)
	r.expect("a", 0, numbered(0, 20))
	r.expect("a", 1, numbered(0, 5))
	if !r.Reached() {
		t.Error("kafka counts as never reached")
	}
	if n := r.counter(`events_total{stream="s"}`); n != 25 {
		t.Errorf("%d events counted, want 25", n)
	}
}

func TestStartIsBoundedByEvents(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 50)...)
	r := start(t, k, []string{"a"}, func(s *setup) { s.Events = 10 })
	r.expect("a", 0, numbered(40, 50))
	if _, ok := r.s.ring.LocateTime(0, time.Now().Add(-time.Minute).UnixMilli()); ok {
		t.Error("the ring claims to know the times of records that it was not filled with")
	}
}

func TestStartIsBoundedByTime(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	cl := k.client()
	defer cl.Close()
	now := time.Now()
	for n, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, 30 * time.Minute, time.Minute} {
		k.write(cl, &kgo.Record{Topic: "a", Timestamp: now.Add(-age), Value: []byte(numbered(n, n+1)[0])})
	}
	r := start(t, k, []string{"a"}, nil)
	r.expect("a", 0, numbered(2, 4))
	if e, ok := r.s.ring.LocateTime(0, now.Add(-50*time.Minute).UnixMilli()); !ok || e == nil || e.Offset != 2 {
		t.Errorf("LocateTime within the warm-up: entry %v, ok %v", e, ok)
	}
	if _, ok := r.s.ring.LocateTime(0, now.Add(-2*time.Hour).UnixMilli()); ok {
		t.Error("the ring claims to know records older than the warm-up")
	}
}

func TestWithoutWarmUpTheEndIsTheStart(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 10)...)
	r := start(t, k, []string{"a"}, func(s *setup) { s.WarmUp = 0 })
	r.warm()
	k.produce("a", 0, numbered(10, 12)...)
	r.expect("a", 0, numbered(10, 12))
	if n := r.counter(`events_skipped_total{stream="s",reason="stale"}`); n != 0 {
		t.Errorf("%d records were read in vain", n)
	}
}

func TestWarmUpIsMergedByTime(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(3, "a"))
	cl := k.client()
	defer cl.Close()
	from := time.Now().Add(-30 * time.Minute)
	var records []*kgo.Record
	for n := range 3000 {
		records = append(records, &kgo.Record{
			Topic: "a", Partition: int32(n / 1000), Timestamp: from.Add(time.Duration(n%1000) * time.Second),
			Value: []byte(fmt.Sprintf(`{"n":%d,"pad":%q}`, n, strings.Repeat("x", 100))),
		})
	}
	k.write(cl, records...)
	r := start(t, k, []string{"a"}, func(s *setup) { s.FetchBytes = 64 << 10 })
	r.warm()
	eventually(t, "all are on the tape", func() bool {
		return len(r.tape.events("a", 0))+len(r.tape.events("a", 1))+len(r.tape.events("a", 2)) == 3000
	})
	var last int64
	for _, e := range r.tape.all() {
		if e.Kind != ringbuf.Event {
			continue
		}
		if e.Time < last {
			t.Fatalf("offset %d of partition %d comes %d ms too late", e.Offset, e.Part, last-e.Time)
		}
		last = e.Time
	}
}

func TestKeysAreInCanonicalOrder(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(2, "b", "a"))
	r := start(t, k, []string{"b", "none", "a"}, nil)
	r.warm()
	id := r.s.Status().Topics
	var got []string
	for _, key := range r.s.ring.Newest().Vector().Keys {
		got = append(got, fmt.Sprintf("%s/%d %s", key.Topic, key.Partition, key.Epoch))
	}
	want := []string{
		"b/0 " + id[0].Epoch, "b/1 " + id[0].Epoch, "none/0 " + ClusterTag("kfake") + ".-", "a/0 " + id[2].Epoch, "a/1 " + id[2].Epoch,
	}
	if !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
	if !slices.Equal(r.s.Status().Missing, []string{"none"}) || r.counter(`topics_missing{stream="s"}`) != 1 {
		t.Errorf("missing topics: %v", r.s.Status().Missing)
	}
}

func TestLiveWhileNotWarm(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 100)...)
	fault := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "a", Count: -1})
	r := start(t, k, []string{"a"}, nil)
	eventually(t, "there is a live position", func() bool { _, ok := r.s.Live(); return ok })
	if v, _ := r.s.Live(); v.Pos[0] != (ringbuf.Pos{Next: 100, Time: ringbuf.NoTime}) || r.s.Warm() || r.position("a", 0) != 0 {
		t.Errorf("live position %v, warm %v, position %d", v.Pos[0], r.s.Warm(), r.position("a", 0))
	}
	fault.Remove()
	r.warm()
	k.produce("a", 0, numbered(100, 101)...)
	eventually(t, "the live position is the position", func() bool { v, _ := r.s.Live(); return v.Pos[0].Next == 101 })
	r.expect("a", 0, numbered(0, 101))
}

func TestKafkaIsReachedLater(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 3)...)
	gate := newGate()
	gate.shut()
	r := start(t, k, []string{"a"}, func(s *setup) { s.Configure = gate.configure })
	if _, ok := r.s.Live(); ok || r.Reached() || r.s.Warm() {
		t.Error("kafka counts as reached")
	}
	gate.open()
	r.expect("a", 0, numbered(0, 3))
}

func TestRequireKafka(t *testing.T) {
	stream := StreamConfig{Name: "s", Topics: []string{"a"}, Encoder: recorder{t}, Ring: ringbuf.New(10, math.MaxInt32)}
	if _, err := New(Config{Brokers: []string{"127.0.0.1:1"}, RequireKafka: true}, []StreamConfig{stream}); err == nil {
		t.Error("New succeeded without kafka")
	}
}
