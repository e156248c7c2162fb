package raw

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestMetadata(t *testing.T) {
	k := startKafka(t, 3, 5, kfake.ClusterID("lkc-1"))
	c := newClient(t, k.ListenAddrs()[0])
	got, err := c.Metadata(t.Context(), []string{topic, "missing"})
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != "lkc-1" || len(got.Brokers) != 3 || len(got.Topics) != 2 {
		t.Fatalf("got %+v", got)
	}
	for _, addr := range got.Brokers {
		if !slices.Contains(k.ListenAddrs(), addr) {
			t.Fatalf("broker address %q, want one of %q", addr, k.ListenAddrs())
		}
	}
	events := got.Topics[topic]
	if events.Err != nil || events.ID != k.TopicInfo(topic).TopicID || len(events.Partitions) != 5 {
		t.Fatalf("got %+v", events)
	}
	for i, p := range events.Partitions {
		if p.ID != int32(i) || p.Err != nil || p.Leader != k.LeaderFor(topic, p.ID) || p.LeaderEpoch != k.PartitionInfo(topic, p.ID).Epoch {
			t.Fatalf("partition %d: got %+v", i, p)
		}
	}
	missing := got.Topics["missing"]
	if !errors.Is(missing.Err, sarama.ErrUnknownTopicOrPartition) || missing.ID != [16]byte{} || len(missing.Partitions) != 0 {
		t.Fatalf("got %+v for a topic that is missing", missing)
	}
	if _, err := c.Metadata(t.Context(), nil); err == nil {
		t.Fatal("asked for all topics")
	}
}

func TestMetadataOfATopicCreatedAgain(t *testing.T) {
	k := startKafka(t, 1, 1)
	c := newClient(t, k.ListenAddrs()...)
	ask := func() Topic {
		t.Helper()
		got, err := c.Metadata(t.Context(), []string{topic})
		if err != nil {
			t.Fatal(err)
		}
		return got.Topics[topic]
	}
	before := ask()
	if err := k.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if gone := ask(); !errors.Is(gone.Err, sarama.ErrUnknownTopicOrPartition) {
		t.Fatalf("got %+v for a topic that was deleted", gone)
	}
	if _, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1}); !errors.Is(err, ErrUnknownTopic) || Retriable(err) {
		t.Fatalf("got %v, want ErrUnknownTopic", err)
	}
	if err := k.CreateTopic(topic, 2, nil); err != nil {
		t.Fatal(err)
	}
	after := ask()
	if after.Err != nil || after.ID == before.ID || after.ID == [16]byte{} || len(after.Partitions) != 2 {
		t.Fatalf("got %+v, before it was %+v", after, before)
	}
	if _, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1}); err != nil {
		t.Fatal(err)
	}
}

// TestMetadataFromAFrozenBroker: the next broker is asked, and from then on first.
func TestMetadataFromAFrozenBroker(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 3, 1)
	c := newClient(t, k.ListenAddrs()...)
	if _, err := c.Metadata(t.Context(), []string{topic}); err != nil {
		t.Fatal(err)
	}
	frozen, asked := int32(-1), new(atomic.Int32)
	k.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if frozen == -1 {
			frozen = k.CurrentNode() // the one that answered before
		}
		if k.CurrentNode() != frozen {
			return nil, nil, false
		}
		asked.Add(1)
		return nil, nil, true
	})
	start := time.Now()
	for range 5 {
		if _, err := c.Metadata(t.Context(), []string{topic}); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Fatalf("the frozen broker was asked %d times, want once", n)
	}
	if took := time.Since(start); took < patience/2 {
		t.Fatalf("took %v: nobody was frozen", took)
	}
}

func TestMetadataDeadSeed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	k := startKafka(t, 1, 1)
	c := newClient(t, dead, k.ListenAddrs()[0])
	if _, err := c.Metadata(t.Context(), []string{topic}); err != nil {
		t.Fatal(err)
	}
}

func TestKafkaAway(t *testing.T) {
	k := startKafka(t, 1, 1)
	addr := k.ListenAddrs()[0]
	c := newClient(t, addr)
	ask := func() error {
		_, err := c.Metadata(t.Context(), []string{topic})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	k.Close()
	if err := ask(); !Retriable(err) {
		t.Fatalf("got %v while Kafka is away, want a retriable error", err)
	}
	_, err := c.Offsets(t.Context(), []TP{part}, sarama.OffsetNewest, false)
	if err != nil && !Retriable(err) {
		t.Fatalf("got %v while Kafka is away, want a retriable error", err)
	}
	if _, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1}); !Retriable(err) {
		t.Fatalf("got %v while Kafka is away, want a retriable error", err)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	startKafka(t, 1, 1, kfake.Ports(n))
	if err := ask(); err != nil {
		t.Fatal(err)
	}
}
