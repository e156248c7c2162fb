package broker

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/ringbuf"
)

func TestOpenTransactionAtStartReachesLive(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 2)...)
	end := k.transaction("a", 0, numbered(2, 5)...)
	r := start(t, k, []string{"a"}, nil)
	r.warm()
	r.expect("a", 0, numbered(0, 2))
	if v, ok := r.s.Live(); !ok || v.Pos[0].Next != 2 {
		t.Errorf("live position %v, want the last stable offset 2", v.Pos)
	}
	end(true)
	r.expect("a", 0, numbered(0, 5))
}

func TestTrailingMarkersMoveThePosition(t *testing.T) {
	f := func(name string, commit bool, want []string, next int64) {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			k := newKafka(t, kfake.SeedTopics(1, "a"))
			r := start(t, k, []string{"a"}, nil)
			r.live()
			k.produce("a", 0, numbered(0, 2)...)
			k.transaction("a", 0, numbered(2, 5)...)(commit)
			r.expect("a", 0, want)
			eventually(t, "the position is behind the marker", func() bool { return r.position("a", 0) == next })
			eventually(t, "an entry tells it", func() bool {
				e := r.s.ring.Newest()
				return e.Kind == ringbuf.Advance && e.At(0).Next == next
			})
			eventually(t, "there is no lag", func() bool { return r.counter(`kafka_lag_records{stream="s"}`) == 0 })
		})
	}
	f("committed", true, numbered(0, 5), 6)
	f("aborted", false, numbered(0, 2), 6)
}

func TestTrailingMarkersAtStart(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 2)...)
	k.transaction("a", 0, numbered(2, 5)...)(false)
	r := start(t, k, []string{"a"}, nil)
	r.warm()
	if r.position("a", 0) != 6 {
		t.Errorf("warm at position %d, want 6", r.position("a", 0))
	}
}

func TestReadUncommitted(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 2)...)
	end := k.transaction("a", 0, numbered(2, 5)...)
	defer func() { end(false) }()
	r := start(t, k, []string{"a"}, func(s *setup) { s.ReadCommitted = false })
	r.expect("a", 0, numbered(0, 5))
}

// TestBehindIsStalled: the group's fetches bring nothing although records wait.
func TestBehindIsStalled(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.StallAfter = 300e6 })
	r.live()
	k.produce("a", 0, numbered(0, 3)...)
	r.expect("a", 0, numbered(0, 3))
	// A consumer fetches with MaxWaitTime, the end check without.
	fault := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "a", Count: -1, When: func(req kmsg.Request) bool {
		return req.(*kmsg.FetchRequest).MaxWaitMillis > 0
	}})
	k.produce("a", 0, numbered(3, 6)...)
	eventually(t, "the stream is stalled", func() bool { return r.s.Status().Reason == "behind" })
	if n := r.counter(`kafka_lag_records{stream="s"}`); n != 3 {
		t.Errorf("a lag of %d records, want 3", n)
	}
	fault.Remove()
	r.expect("a", 0, numbered(0, 6))
	eventually(t, "the stream has recovered", func() bool { return !r.s.Status().Stalled })
}

// TestBehindIsLookedAtOnce: a stream of many partitions that is behind is not
// watched with a fetch for each of them again and again.
func TestBehindIsLookedAtOnce(t *testing.T) {
	const partitions = checkPlaces + 10
	k := newKafka(t, kfake.SeedTopics(partitions, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.StallAfter = 2 * time.Minute }) // looks again after half of it
	r.live()
	var looks, checks atomic.Int64
	consumers := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "a", Count: -1, When: func(req kmsg.Request) bool {
		return req.(*kmsg.FetchRequest).MaxWaitMillis > 0
	}})
	k.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if req.(*kmsg.FetchRequest).MaxWaitMillis == 0 {
			looks.Add(1)
		}
		return nil, nil, false
	})
	k.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		checks.Add(1)
		return nil, nil, false
	})
	cl := k.client()
	defer cl.Close()
	k.write(cl, oneEach("a", partitions)...)
	eventually(t, "all have been looked at", func() bool { return looks.Load() >= partitions })
	n := checks.Load()
	eventually(t, "five checks more", func() bool { return checks.Load() > n+5 })
	if n := looks.Load(); n != partitions {
		t.Errorf("%d looks at %d partitions", n, partitions)
	}
	consumers.Remove()
	for p := range int32(partitions) {
		r.expect("a", p, numbered(0, 1))
	}
	eventually(t, "there is no lag", func() bool { return r.counter(`kafka_lag_records{stream="s"}`) == 0 })
}

// TestManyTrailingMarkers: more of them than one check passes.
func TestManyTrailingMarkers(t *testing.T) {
	const partitions = checkPlaces + 10
	k := newKafka(t, kfake.SeedTopics(partitions, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	cl := k.client(kgo.TransactionalID("many"))
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	k.write(cl, oneEach("a", partitions)...)
	if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	for p := range int32(partitions) {
		eventually(t, "the position is behind the marker", func() bool { return r.position("a", p) == 2 })
	}
	r.notStalled()
}

// oneEach is a record for each partition.
func oneEach(topic string, partitions int32) (records []*kgo.Record) {
	for p := range partitions {
		records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: []byte(numbered(0, 1)[0])})
	}
	return records
}

func TestStatus(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(2, "a"))
	r := start(t, k, []string{"a", "none"}, nil)
	r.warm()
	r.live()
	k.produce("a", 1, numbered(0, 4)...)
	r.expect("a", 1, numbered(0, 4))
	eventually(t, "the end is known", func() bool { return r.s.Status().Topics[0].Partitions[1].Newest == 4 })
	st := r.s.Status()
	if st.Name != "s" || !st.Warm || st.Stalled || st.Reason != "" || !slices.Equal(st.Missing, []string{"none"}) || st.Sessions == 0 ||
		st.LastRecord == ringbuf.NoTime || !st.Topics[0].Exists || st.Topics[1].Exists ||
		st.Topics[0].Partitions[1].Next != 4 || st.Topics[0].Partitions[0].Next != 0 {
		t.Errorf("status %+v", st)
	}
}
