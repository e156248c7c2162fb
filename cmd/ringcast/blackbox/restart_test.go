package blackbox

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestBrokerRestart: live clients lose nothing and get nothing twice when the
// broker goes and comes back under load.
func TestBrokerRestart(t *testing.T) {
	k := newFake(t, kfake.Ports(freePort(t)), kfake.DataDir(t.TempDir()), topics(2, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	clients := followAll(t, 5, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	load := k.traffic(2)
	load.reach(50)
	for range 2 {
		failed := in.sum("ringcast_kafka_errors_total{")
		k.down()
		eventually(t, patience, func() bool { return in.sum("ringcast_kafka_errors_total{") > failed }, func() string { return "nobody noticed" })
		if status, body := in.get("/readyz"); status != 200 {
			t.Errorf("without Kafka /readyz is %d, what is there can still be served: %s", status, body)
		}
		k.up()
		load.reach(50)
	}
	load.stop()
	k.complete(clients...)
	for _, c := range clients {
		if n := c.Counts().Connections; n != 1 {
			t.Errorf("a client connected %d times", n)
		}
	}
}

// TestInstanceDies: an instance that is killed takes nothing with it. Its clients
// go on at another one.
func TestInstanceDies(t *testing.T) {
	k := newFake(t, topics(3, "t"))
	dies, stays := startConfig(t, k.config("", "")), startConfig(t, k.config("", ""))
	dies.waitReady()
	stays.waitReady()
	clients := followAll(t, 20, ledger.Config{URLs: []string{dies.url("s"), stays.url("s")}, Book: k.book}, 3)
	load := k.traffic(3)
	load.reach(100)
	if err := dies.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	load.reach(100)
	load.stop()
	k.complete(clients...)
	if n := stays.metric(`ringcast_resumes_total{stream="s",from="ring"}`); n < 1 {
		t.Errorf("%v resumes at the other instance", n)
	}
}

// traffic is a producer in the background.
type traffic struct {
	k       *fake
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	acked int // guarded by mu
}

// traffic writes records to partitions in turn until it is stopped. The broker may
// be away meanwhile.
func (k *fake) traffic(partitions int32) *traffic {
	ctx, cancel := context.WithCancel(context.Background())
	l := &traffic{k: k, cancel: cancel}
	tick := time.NewTicker(2 * time.Millisecond)
	l.running.Go(func() {
		defer tick.Stop()
		for p := int32(0); ; p = (p + 1) % partitions {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			l.running.Add(1)
			k.client.Produce(context.Background(), k.next("t", p, 200), l.ack)
		}
	})
	k.t.Cleanup(l.stop)
	return l
}

func (l *traffic) ack(r *kgo.Record, err error) {
	defer l.running.Done()
	if err != nil {
		l.k.t.Errorf("cannot produce: %v", err)
		return
	}
	l.k.enter(r)
	l.mu.Lock()
	l.acked++
	l.mu.Unlock()
}

// reach waits until n more records are acknowledged.
func (l *traffic) reach(n int) {
	l.k.t.Helper()
	now := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.acked
	}
	want := now() + n
	eventually(l.k.t, patience, func() bool { return now() >= want }, func() string { return "the producer does not get on" })
}

// stop ends the load when everything is acknowledged.
func (l *traffic) stop() {
	l.cancel()
	l.running.Wait()
}
