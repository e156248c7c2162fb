package broker

import (
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLongPoll: while a fetch waits for records, everything else that a group
// asks of the same broker is answered.
func TestLongPoll(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "t"))
	polling, answer := make(chan struct{}), make(chan struct{})
	let := sync.OnceFunc(func() { close(answer) })
	defer let()
	defer time.AfterFunc(patience, let).Stop() // so that a failure ends
	k.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(polling)
		k.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	b, err := New(Config{Brokers: k.addrs, GroupPrefix: "test", Host: "here"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&Stream{b: b}).newLive()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()

	if err := l.client.RefreshMetadata("t"); err != nil {
		t.Fatal(err)
	}
	leader, _, err := l.client.LeaderAndEpoch("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := l.client.Broker(leader.ID()); err != nil || again != leader {
		t.Errorf("fetches from replica %d use another connection: %v", leader.ID(), err)
	}
	fetched := make(chan error, 1)
	go func() {
		r := &sarama.FetchRequest{Version: 11, MinBytes: 1, MaxBytes: 1 << 20, MaxWaitTime: 1}
		r.AddBlock("t", 0, 0, 1<<20, -1)
		_, err := leader.Fetch(r)
		fetched <- err
	}()
	<-polling

	if err := l.client.RefreshMetadata("t"); err != nil {
		t.Error(err)
	}
	if _, err := l.client.GetOffset("t", 0, sarama.OffsetNewest); err != nil {
		t.Error(err)
	}
	if coordinator, err := l.client.Coordinator(l.id); err != nil {
		t.Error(err)
	} else if _, err := coordinator.Heartbeat(&sarama.HeartbeatRequest{GroupId: l.id}); err != nil {
		t.Error(err)
	}
	select {
	case err := <-fetched:
		t.Errorf("the others were answered only when the fetch had ended: %v", err)
	default:
	}
	let()
	if err := <-fetched; err != nil {
		t.Error(err)
	}
}

// TestLongPollClosed: a closed client opens no connection.
func TestLongPollClosed(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "t"))
	c, err := sarama.NewClient(k.addrs, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLongPoll(c)
	leader, _, err := l.LeaderAndEpoch("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.own(leader); err != sarama.ErrClosedClient {
		t.Errorf("a closed client gives a connection: %v", err)
	}
	if connected, _ := leader.Connected(); connected {
		t.Error("the connection is open")
	}
}
