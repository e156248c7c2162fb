package raw

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestOutOfRange(t *testing.T) {
	k := startKafka(t, 1, 1)
	newProducer(t, k, nil).send(part, numbered("a", 10)...)
	if err := k.DeleteRecords(topic, 0, 4); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, k.ListenAddrs()...)
	for _, offset := range []int64{3, 11} {
		_, err := c.Fetch(t.Context(), part, offset, FetchOptions{LeaderEpoch: -1})
		var out *OutOfRangeError
		if !errors.As(err, &out) || !errors.Is(err, sarama.ErrOffsetOutOfRange) || Retriable(err) {
			t.Fatalf("got %v at %d, want an OutOfRangeError", err, offset)
		}
		if *out != (OutOfRangeError{part, offset, 4}) {
			t.Fatalf("got %+v at %d", *out, offset)
		}
	}
	f, err := c.Fetch(t.Context(), part, 4, FetchOptions{LeaderEpoch: -1})
	if err != nil || f.LogStart != 4 || f.Records[0].Offset != 4 {
		t.Fatalf("got %+v, %v", f, err)
	}

	k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.OffsetNotAvailable, Count: -1})
	_, err = c.Fetch(t.Context(), part, 3, FetchOptions{LeaderEpoch: -1})
	var out *OutOfRangeError
	if !errors.As(err, &out) || out.LogStart != -1 {
		t.Fatalf("got %v, want an unknown log start", err)
	}
}

func TestPastEnd(t *testing.T) {
	k := startKafka(t, 3, 1)
	newProducer(t, k, nil).send(part, numbered("a", 10)...) // 0-9
	a := newProducer(t, k, transactional("a"))
	if err := a.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	a.send(part, "open", "open") // 10-11
	if err := k.DeleteRecords(topic, 0, 4); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, k.ListenAddrs()...)
	f := func(offset int64, readCommitted bool, want End) {
		t.Helper()
		epoch := k.PartitionInfo(topic, 0).Epoch
		for _, seen := range []int32{-1, max(0, epoch-1), epoch} {
			got, err := c.PastEnd(t.Context(), part, offset, seen, readCommitted)
			if err != nil || got != want {
				t.Fatalf("offset %d, epoch %d: got %+v, %v; want %+v", offset, seen, got, err, want)
			}
		}
	}
	for node := range int32(3) {
		if err := k.MoveTopicPartition(topic, 0, node); err != nil {
			t.Fatal(err)
		}
		f(3, false, End{false, 12}) // below the log start
		f(4, false, End{false, 12})
		f(12, false, End{false, 12}) // the end
		f(13, false, End{true, 12})
		f(11, true, End{false, 10}) // inside the open transaction
		f(12, true, End{false, 10})
		f(13, true, End{true, 10}) // what it holds is still to come
	}
	if err := a.AbortTxn(); err != nil { // marker 12
		t.Fatal(err)
	}
	f(14, true, End{true, 13})
}

// TestPastEndNotKnown: whatever is not the leader's word is an error.
func TestPastEndNotKnown(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 1, 1)
	newProducer(t, k, nil).send(part, "a")
	c := newClient(t, k.ListenAddrs()...)
	f := func(name string, epoch int32, faults ...kfake.Fault) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			if len(faults) > 0 {
				h := k.Fault(faults...)
				defer h.Remove()
			}
			got, err := c.PastEnd(t.Context(), part, 5, epoch, false)
			if !Retriable(err) || got != (End{}) {
				t.Fatalf("got %+v, %v; want a retriable error", got, err)
			}
		})
	}
	always := func(key kmsg.Key, err *kerr.Error) kfake.Fault {
		return kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: -1}
	}
	f("epoch of the future", 9)
	f("not the leader", -1, always(kmsg.Fetch, kerr.NotLeaderForPartition))
	f("fenced", -1, always(kmsg.Fetch, kerr.FencedLeaderEpoch))
	f("no end yet", -1, always(kmsg.ListOffsets, kerr.OffsetNotAvailable))
	f("leader moved between the questions", -1, always(kmsg.ListOffsets, kerr.NotLeaderForPartition))

	t.Run("asked again", func(t *testing.T) {
		h := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets}, Err: kerr.NotLeaderForPartition, Count: 3})
		defer h.Remove()
		if got, err := c.PastEnd(t.Context(), part, 5, 0, false); err != nil || got != (End{true, 1}) {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
	t.Run("missing topic", func(t *testing.T) {
		_, err := c.PastEnd(t.Context(), TP{"missing", 0}, 5, -1, false)
		if !errors.Is(err, ErrUnknownTopic) {
			t.Fatalf("got %v, want ErrUnknownTopic", err)
		}
	})
	t.Run("grown meanwhile", func(t *testing.T) {
		k.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
			k.KeepControl()
			asked := req.(*kmsg.ListOffsetsRequest).Topics[0]
			resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
			p := kmsg.NewListOffsetsResponseTopicPartition()
			if p.Offset = 0; asked.Partitions[0].Timestamp == sarama.OffsetNewest {
				p.Offset = 5
			}
			topic := kmsg.NewListOffsetsResponseTopic()
			topic.Topic = asked.Topic
			topic.Partitions = append(topic.Partitions, p)
			resp.Topics = append(resp.Topics, topic)
			return resp, nil, true
		})
		got, err := c.PastEnd(t.Context(), part, 5, -1, false)
		if !Retriable(err) {
			t.Fatalf("got %+v, %v; want a retriable error", got, err)
		}
	})
}
