package sse

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/bench/ledger"
)

// A panic while records flow: in a handler or a follower it ends no other
// connection, in a shard it ends all of its own; nobody lacks a record or has one
// twice.
func TestPanicsLoseNothing(t *testing.T) {
	p := newPublisher(10_000, 1)
	s, addr := serve(t, p, func(c *Config) { c.Shards, c.Log, c.Heartbeat = 1, zerolog.Nop(), 2*time.Second })
	url := "http://" + addr + "/v2/stream/s"
	book := ledger.NewBook(nil)
	end := func() ledger.Positions { return book.End() }

	following, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	var clients []*ledger.Client
	var last, pause atomic.Int64 // of the first client, nanoseconds
	for i := range 6 {
		c := ledger.Config{URLs: []string{url}, Book: book, Mode: ledger.Mode(i % 2)}
		if i == 0 {
			c.OnEvent = func(e ledger.Event) {
				now := e.Received.UnixNano()
				if before := last.Swap(now); before > 0 {
					pause.Store(max(pause.Load(), now-before))
				}
			}
		}
		client := ledger.NewClient(c)
		clients = append(clients, client)
		running.Go(func() { client.Follow(following) })
	}
	until(t, "all are there", func() bool { return s.Connections() == len(clients) })
	producing, enough := context.WithCancel(following)
	var producer sync.WaitGroup
	producer.Go(func() {
		for n := int64(0); producing.Err() == nil; n++ {
			value := ledger.Value("t", 0, n, 100)
			if err := book.Add(ledger.Record{Topic: "t", Offset: n, Value: value}); err != nil {
				t.Error(err)
			}
			p.publish(0, n, string(value))
			select {
			case <-producing.Done():
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	defer producer.Wait()
	defer enough()
	all := func(connections int64) {
		t.Helper()
		tp := ledger.TopicPartition{Topic: "t"}
		behind := end()
		behind[tp] += 20
		until(t, "more is published", func() bool { return end()[tp] >= behind[tp] })
		for i, c := range clients {
			until(t, "a client gets on", func() bool { return c.Receipt().Reached(behind) && c.Connected() })
			if n := c.Counts(); n.Connections != connections {
				t.Errorf("client %d: %+v, want %d connections", i, n, connections)
			}
		}
		t.Logf("longest pause %v", time.Duration(pause.Swap(0)))
	}
	all(1)

	once := func() func() {
		var done atomic.Bool
		return func() {
			if !done.Swap(true) {
				panic("a test")
			}
		}
	}
	p.set(func(p *publisher) { p.ask = once() })
	if res, _ := get(t, addr, "/v2/stream/s", ""); res.StatusCode != 500 {
		t.Errorf("a handler that panics answers %d", res.StatusCode)
	}
	all(1)

	ahead := p.id(1 << 40)
	p.set(func(p *publisher) { p.past = func(int32, int64) (int64, bool, error) { panic("a test") } })
	_, r := get(t, addr, "/v2/stream/s", ahead) // a follower, when it has waited for long enough
	if _, err := io.ReadAll(r); err == nil {
		t.Error("a clean end")
	}
	all(1)

	_, r = get(t, addr, "/v2/stream/s", ahead)
	block(t, r)
	until(t, "it waits", func() bool { return metric(t, s, `ringcast_clients{state="waiting"}`) == 1 })
	p.set(func(p *publisher) { p.past, p.ask = nil, once() })
	if _, err := io.ReadAll(r); err == nil {
		t.Error("a clean end")
	}
	all(2)
	if n := closedFor(t, s, closedPanic); n != float64(2+1+len(clients)) {
		t.Errorf("%v ended by a panic", n)
	}
	enough()
	producer.Wait()
	for i, c := range clients {
		if err := c.WaitUntil(t.Context(), end()); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
		if err := c.Check(end()); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}
