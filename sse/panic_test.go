package sse

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A panic while a request is answered ends that connection, with an answer.
func TestPanicInHandler(t *testing.T) {
	p := newPublisher(100, 1)
	s, addr := serve(t, p, func(c *Config) { c.Log = zerolog.Nop() })
	_, r := get(t, addr, "/v2/stream/s", "")
	block(t, r)
	p.set(func(p *publisher) { p.ask = func() { panic("a test") } })
	res, _ := get(t, addr, "/v2/stream/s", "")
	if res.StatusCode != 500 || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	p.set(func(p *publisher) { p.ask = nil })
	p.publish(0, 0, `{}`)
	block(t, r)
	until(t, "its connection is gone", func() bool { return s.sockets.Load() == 1 && s.Connections() == 1 })
	if n := closedFor(t, s, closedPanic); n != 1 {
		t.Errorf("%v counted", n)
	}
}

// A panic in a follower ends it alone.
func TestPanicInFollower(t *testing.T) {
	p := newPublisher(100, 1)
	p.set(func(p *publisher) {
		p.past = func(int32, int64) (int64, bool, error) { panic("a test") }
	})
	s, addr := serve(t, p, func(c *Config) { c.NoShards, c.Log = true, zerolog.Nop() })
	_, r := get(t, addr, "/v2/stream/s", "")
	block(t, r)
	_, ahead := get(t, addr, "/v2/stream/s", p.id(5))
	if _, err := io.ReadAll(ahead); err == nil {
		t.Error("a clean end")
	}
	until(t, "it is gone", func() bool {
		return s.sockets.Load() == 1 && s.Connections() == 1 && closedFor(t, s, closedPanic) == 1 && s.private.Load() == 0
	})
	p.publish(0, 0, `{}`)
	block(t, r)
}

// A panic in a shard resets its clients, and it starts again, empty.
func TestPanicInShard(t *testing.T) {
	p := newPublisher(100, 1)
	s, addr := serve(t, p, func(c *Config) { c.Shards, c.Log, c.Heartbeat = 1, zerolog.Nop(), 2*time.Second })
	for round := range int64(2) {
		var open []io.Reader
		for range 3 {
			_, r := get(t, addr, "/v2/stream/s", "")
			block(t, r)
			open = append(open, r)
		}
		_, ahead := get(t, addr, "/v2/stream/s", p.id(5+round))
		block(t, ahead)
		until(t, "one waits", func() bool { return metric(t, s, `ringcast_clients{state="waiting"}`) == 1 })
		var once atomic.Bool
		p.set(func(p *publisher) {
			p.ask = func() { // by the shard, for the one that waits
				if !once.Swap(true) {
					panic("a test")
				}
			}
		})
		for _, r := range append(open, ahead) {
			if _, err := io.ReadAll(r); err == nil {
				t.Error("a clean end")
			}
		}
		until(t, "they are gone", func() bool {
			return s.sockets.Load() == 0 && s.Connections() == 0 && closedFor(t, s, closedPanic) == float64(4*(round+1))
		})
		p.set(func(p *publisher) { p.ask = nil })
	}
	_, r := get(t, addr, "/v2/stream/s", "")
	block(t, r)
	p.publish(0, 0, `{}`)
	block(t, r)
}
