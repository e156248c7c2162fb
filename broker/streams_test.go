package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/ringbuf"
)

// TestStreamsComeAndGo: streams are added to a broker that runs and taken out
// of it, and the others are read as before.
func TestStreamsComeAndGo(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a", "b"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	k.produce("b", 0, numbered(0, 5)...)

	sc := r.s.cfg
	sc.Name, sc.Topics, sc.Ring = "other", []string{"b", "a"}, ringbuf.New(100, 1<<20)
	other, err := r.Add(sc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Add(sc); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("a stream is added twice: %v", err)
	}
	eventually(t, "the new stream is warm", other.Warm)
	k.produce("a", 0, numbered(0, 5)...)
	k.produce("b", 0, numbered(5, 10)...)
	r.expect("a", 0, numbered(0, 5))
	at := func(topic string) int64 {
		for _, topicStatus := range other.Status().Topics {
			if topicStatus.Name == topic {
				return topicStatus.Partitions[0].Next
			}
		}
		return -1
	}
	eventually(t, "the new stream has all of it", func() bool { return at("a") == 5 && at("b") == 10 })

	r.Remove("other")
	r.Remove("other")
	if r.Stream("other") != nil {
		t.Error("the stream is still there")
	}
	var text strings.Builder
	r.metrics.WritePrometheus(&text)
	if strings.Contains(text.String(), `stream="other"`) {
		t.Error("its metrics are still there")
	}
	head := sc.Ring.Head()
	k.produce("a", 0, numbered(5, 10)...)
	r.expect("a", 0, numbered(0, 10))
	if sc.Ring.Head() != head {
		t.Error("its ring is still filled")
	}

	// The same name again, with another ring.
	sc.Ring = ringbuf.New(100, 1<<20)
	if other, err = r.Add(sc); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is there again", func() bool { return other.Warm() && at("a") == 10 })
	if n := r.counter(`ring_events{stream="other"}`); n == 0 {
		t.Error("its metrics are those of before")
	}
	other.Resize(3, 1<<20, time.Minute)
	if n, _ := sc.Ring.Bounds(); n != 3 || sc.Ring.Head()-sc.Ring.Tail() != 2 {
		t.Errorf("the ring has %d entries of %d", sc.Ring.Head()-sc.Ring.Tail()+1, n)
	}
	r.notStalled()
}
