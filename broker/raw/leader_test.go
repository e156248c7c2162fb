package raw

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestLeaderMoves(t *testing.T) {
	k := startKafka(t, 3, 1)
	newProducer(t, k, nil).send(part, "a")
	c := newClient(t, k.ListenAddrs()...)
	for node := range int32(6) {
		if err := k.MoveTopicPartition(topic, 0, node%3); err != nil {
			t.Fatal(err)
		}
		epoch := k.PartitionInfo(topic, 0).Epoch
		// With an epoch of the past, which the leader fences, and with its own.
		for _, seen := range []int32{-1, max(epoch-1, 0), epoch} {
			f, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: seen})
			if err != nil || len(f.Records) != 1 || f.Epoch < 0 {
				t.Fatalf("node %d, epoch %d: got %+v, %v", node, seen, f, err)
			}
		}
		o, err := c.Offsets(t.Context(), []TP{part}, sarama.OffsetNewest, true)
		if err != nil || o[part].Err != nil || o[part].Offset != 1 {
			t.Fatalf("node %d: got %v, %v", node, o, err)
		}
	}
}

// TestLaggingBroker: one that tells an old leader for ever is not the only one that is asked.
func TestLaggingBroker(t *testing.T) {
	k := startKafka(t, 3, 1)
	newProducer(t, k, nil).send(part, "a")
	c := newClient(t, k.ListenAddrs()...)
	before, err := c.Metadata(t.Context(), []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	old := before.Topics[topic].Partitions[0]
	lagging := int32(-1)
	k.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if lagging == -1 {
			lagging = k.CurrentNode()
		}
		if k.CurrentNode() != lagging {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		for id, addr := range before.Brokers {
			b := kmsg.NewMetadataResponseBroker()
			host, port, _ := net.SplitHostPort(addr)
			n, _ := strconv.Atoi(port)
			b.NodeID, b.Host, b.Port = id, host, int32(n)
			resp.Brokers = append(resp.Brokers, b)
		}
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Leader, p.LeaderEpoch = old.Leader, old.LeaderEpoch
		m := kmsg.NewMetadataResponseTopic()
		m.Topic, m.Partitions = kmsg.StringPtr(topic), []kmsg.MetadataResponseTopicPartition{p}
		resp.Topics = append(resp.Topics, m)
		return resp, nil, true
	})
	if _, err := c.Metadata(t.Context(), []string{topic}); err != nil {
		t.Fatal(err)
	}
	if err := k.MoveTopicPartition(topic, 0, (old.Leader+1)%3); err != nil {
		t.Fatal(err)
	}
	f, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
	if err != nil || len(f.Records) != 1 {
		t.Fatalf("got %+v, %v", f, err)
	}
}

func TestFetchRetried(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 3, 1)
	newProducer(t, k, nil).send(part, "a")
	c := newClient(t, k.ListenAddrs()...)
	f := func(err *kerr.Error) {
		t.Helper()
		h := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: err, Count: 3})
		defer h.Remove()
		got, fetchErr := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
		if fetchErr != nil || len(got.Records) != 1 || h.Hits() != 3 {
			t.Fatalf("%v: got %+v, %v after %d faults", err, got, fetchErr, h.Hits())
		}
	}
	f(kerr.NotLeaderForPartition)
	f(kerr.FencedLeaderEpoch)
	f(kerr.UnknownLeaderEpoch)
	f(kerr.UnknownTopicOrPartition)
	f(kerr.ReplicaNotAvailable)
	f(kerr.KafkaStorageError)
}

func TestFetchRetriesEnd(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 1, 1)
	c := newClient(t, k.ListenAddrs()...)
	f := func(err *kerr.Error, want error, retriable bool) {
		t.Helper()
		h := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: err, Count: -1})
		defer h.Remove()
		_, fetchErr := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
		if !errors.Is(fetchErr, want) || Retriable(fetchErr) != retriable {
			t.Fatalf("got %v, retriable %v; want %v, %v", fetchErr, Retriable(fetchErr), want, retriable)
		}
	}
	f(kerr.NotLeaderForPartition, sarama.ErrNotLeaderForPartition, true)
	f(kerr.UnknownLeaderEpoch, sarama.ErrUnknownLeaderEpoch, true)
	f(kerr.UnknownTopicOrPartition, ErrUnknownTopic, false)
	f(kerr.TopicAuthorizationFailed, sarama.ErrTopicAuthorizationFailed, false)
}

func TestDroppedConnections(t *testing.T) {
	k := startKafka(t, 3, 1)
	newProducer(t, k, nil).send(part, "a")
	c := newClient(t, k.ListenAddrs()...)
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata} {
		for range 2 {
			k.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) { return nil, io.EOF, true })
		}
		got, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
		if err != nil || len(got.Records) != 1 {
			t.Fatalf("%v dropped: got %+v, %v", key, got, err)
		}
		o, err := c.Offsets(t.Context(), []TP{part}, sarama.OffsetNewest, false)
		if err != nil || o[part].Err != nil {
			t.Fatalf("%v dropped: got %v, %v", key, o, err)
		}
		if _, err := c.Metadata(t.Context(), []string{topic}); err != nil {
			t.Fatalf("%v dropped: got %v", key, err)
		}
	}
}

// freeze makes k never answer a fetch. The channel gets a value for each.
func freeze(k *kfake.Cluster) <-chan struct{} {
	asked := make(chan struct{}, 100)
	k.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		asked <- struct{}{}
		return nil, nil, true
	})
	return asked
}

func TestFrozenLeader(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 1, 1)
	freeze(k)
	start := time.Now()
	_, err := newClient(t, k.ListenAddrs()...).Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
	if !Retriable(err) {
		t.Fatalf("got %v, want a retriable error", err)
	}
	if took, limit := time.Since(start), 10*time.Second; took > limit {
		t.Fatalf("took %v, limit %v", took, limit)
	}
}

// TestFrozenLeaderReplaced: who gave up waiting for a leader asks for another one the next time.
func TestFrozenLeaderReplaced(t *testing.T) {
	t.Parallel()
	f := func(question func(context.Context, *Client) error) {
		t.Helper()
		k := startKafka(t, 3, 1)
		newProducer(t, k, nil).send(part, "a")
		c := newClient(t, k.ListenAddrs()...)
		if err := question(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		old := k.LeaderFor(topic, 0)
		asked := make(chan struct{}, 100)
		k.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
			k.KeepControl()
			if k.CurrentNode() != old {
				return nil, nil, false
			}
			asked <- struct{}{}
			return nil, nil, true
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		go func() {
			<-asked
			cancel(context.DeadlineExceeded)
		}()
		if err := question(ctx, c); err == nil {
			t.Fatal("a frozen leader answers")
		}
		for c.connected(k.ListenAddrs()[old]) { // until the request is given up
			time.Sleep(time.Millisecond)
		}
		if err := k.MoveTopicPartition(topic, 0, (old+1)%3); err != nil {
			t.Fatal(err)
		}
		if err := question(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if n := len(asked); n > 0 {
			t.Errorf("the frozen broker was asked %d times more", n)
		}
	}
	f(func(ctx context.Context, c *Client) error {
		_, err := c.Fetch(ctx, part, 0, FetchOptions{LeaderEpoch: -1})
		return err
	})
	f(func(ctx context.Context, c *Client) error {
		o, err := c.Offsets(ctx, []TP{part}, sarama.OffsetNewest, false)
		return errors.Join(err, o[part].Err)
	})
}

func (c *Client) connected(addr string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conns[addr] != nil
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 1, 1)
	asked := freeze(k)
	c := newClient(t, k.ListenAddrs()...)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := c.Fetch(ctx, part, 0, FetchOptions{LeaderEpoch: -1})
	if !errors.Is(err, context.Canceled) || Retriable(err) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 1, 1)
	asked := freeze(k)
	c := newClient(t, k.ListenAddrs()...)
	fetched := make(chan error, 1)
	go func() {
		_, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
		fetched <- err
	}()
	<-asked
	c.Close()
	if err := <-fetched; !errors.Is(err, ErrClosed) || Retriable(err) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
	if _, err := c.Metadata(t.Context(), []string{topic}); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
	if o, err := c.Offsets(t.Context(), []TP{part}, sarama.OffsetNewest, false); !errors.Is(errors.Join(err, o[part].Err), ErrClosed) {
		t.Fatalf("got %v, %v; want ErrClosed", o, err)
	}
	c.Close()
}

// untilAnswered asks again after a retriable error: leaders may move faster than they can be asked.
func untilAnswered(t *testing.T, ask func() error) {
	t.Helper()
	for t.Context().Err() == nil {
		if err := ask(); err == nil {
			return
		} else if !Retriable(err) {
			t.Error(err)
			return
		}
	}
}

func TestManyCallers(t *testing.T) {
	t.Parallel()
	k := startKafka(t, 3, 6)
	p := newProducer(t, k, nil)
	parts := make([]TP, 6)
	for i := range parts {
		parts[i] = TP{topic, int32(i)}
		p.send(parts[i], "a", "b")
	}
	c := newClient(t, k.ListenAddrs()...)
	moving, stop := context.WithCancel(t.Context())
	var mover, callers sync.WaitGroup
	mover.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				k.ShufflePartitionLeaders()
			case <-moving.Done():
				return
			}
		}
	})
	for i := range 8 {
		callers.Go(func() {
			for n := range 50 {
				tp := parts[(i+n)%len(parts)]
				untilAnswered(t, func() error {
					f, err := c.Fetch(t.Context(), tp, 0, FetchOptions{LeaderEpoch: -1, ReadCommitted: i%2 == 0})
					if err == nil && len(f.Records) != 2 {
						t.Errorf("got %+v", f)
					}
					return err
				})
				untilAnswered(t, func() error {
					offsets, err := c.Offsets(t.Context(), parts, sarama.OffsetNewest, true)
					for _, o := range offsets {
						if err == nil {
							err = o.Err
						}
					}
					return err
				})
			}
		})
	}
	callers.Wait()
	stop()
	mover.Wait()
}
