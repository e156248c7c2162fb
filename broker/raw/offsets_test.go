package raw

import (
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestOffsets(t *testing.T) {
	k := startKafka(t, 3, 4)
	p := newProducer(t, k, nil)
	when := time.UnixMilli(1_700_000_000_000)
	parts := make([]TP, 4)
	for i := range parts {
		parts[i] = TP{topic, int32(i)}
		for n := range i * 3 {
			msg := &sarama.ProducerMessage{
				Topic: topic, Partition: int32(i), Value: sarama.StringEncoder("v"), Timestamp: when.Add(time.Duration(n) * time.Second),
			}
			if _, _, err := p.SendMessage(msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := k.DeleteRecords(topic, 3, 2); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, k.ListenAddrs()...)
	f := func(at int64, want ...int64) {
		t.Helper()
		got, err := c.Offsets(t.Context(), parts, at, true)
		if err != nil || len(got) != len(parts) {
			t.Fatalf("got %v, %v", got, err)
		}
		for i, tp := range parts {
			if got[tp].Err != nil || got[tp].Offset != want[i] {
				t.Fatalf("partition %d at %d: got %+v, want %d", i, at, got[tp], want[i])
			}
		}
	}
	f(sarama.OffsetNewest, 0, 3, 6, 9)
	f(sarama.OffsetOldest, 0, 0, 0, 2)
	f(when.UnixMilli(), -1, 0, 0, 2)
	f(when.UnixMilli()+3500, -1, -1, 4, 4)
	f(when.UnixMilli()+10_000, -1, -1, -1, -1)

	got, err := c.Offsets(t.Context(), parts[2:3], when.UnixMilli()+3500, true)
	if err != nil || got[parts[2]].Timestamp != when.UnixMilli()+4000 {
		t.Fatalf("got %+v, %v; want the record's own time", got, err)
	}
	if got, err := c.Offsets(t.Context(), nil, sarama.OffsetNewest, true); err != nil || len(got) != 0 {
		t.Fatalf("got %v, %v for no partitions", got, err)
	}
}

func TestOffsetsPartial(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 2, 2)
	c := newClient(t, k.ListenAddrs()...)
	unknown := []TP{{topic, 9}, {"missing", 0}}
	got, err := c.Offsets(t.Context(), append(unknown, part), sarama.OffsetNewest, false)
	if err != nil || len(got) != 3 || got[part].Err != nil {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, tp := range unknown {
		if !errors.Is(got[tp].Err, ErrUnknownTopic) || Retriable(got[tp].Err) {
			t.Fatalf("got %+v for %v, want ErrUnknownTopic", got[tp], tp)
		}
	}

	k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Partitions: []int32{1}, Err: kerr.OffsetNotAvailable, Count: -1})
	got, err = c.Offsets(t.Context(), []TP{part, {topic, 1}}, sarama.OffsetNewest, false)
	if err != nil || got[part].Err != nil {
		t.Fatalf("got %v, %v", got, err)
	}
	if err := got[TP{topic, 1}].Err; !errors.Is(err, sarama.ErrOffsetNotAvailable) || !Retriable(err) {
		t.Fatalf("got %v, want a retriable error", err)
	}
}

func TestOffsetsRetried(t *testing.T) {
	k := startKafka(t, 3, 3)
	c := newClient(t, k.ListenAddrs()...)
	f := func(fault kfake.Fault) {
		t.Helper()
		fault.Keys = []kmsg.Key{kmsg.ListOffsets}
		h := k.Fault(fault)
		defer h.Remove()
		got, err := c.Offsets(t.Context(), []TP{part, {topic, 1}, {topic, 2}}, sarama.OffsetNewest, false)
		for _, o := range got {
			err = errors.Join(err, o.Err)
		}
		if err != nil || h.Hits() == 0 {
			t.Fatalf("%v: got %v, %v after %d faults", fault.Err, got, err, h.Hits())
		}
	}
	f(kfake.Fault{Err: kerr.NotLeaderForPartition, Count: 3})
	f(kfake.Fault{Err: kerr.UnknownTopicOrPartition, Count: 1})
	f(kfake.Fault{Err: kerr.OffsetNotAvailable, Count: 2})
}
