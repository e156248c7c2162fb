package sse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/ringbuf"
)

// follow has a client of a log read to its end and compares.
func (l *log) follow(t *testing.T, c ledger.Config) *ledger.Client {
	t.Helper()
	c.Book = l.book
	client := ledger.NewClient(c)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := client.FollowUntil(ctx, l.book.End()); err != nil {
		t.Error(err)
	}
	if err := client.Check(l.book.End()); err != nil {
		t.Error(err)
	}
	return client
}

// From wherever a client was cut, it goes on exactly there, on its own instance
// and on one that interleaves the partitions differently.
func TestResumeAtEveryEvent(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(1)
		a, b := l.instance(1000, 2), l.instance(1000, 3)
		_, addrA := serve(t, a.publisher, change)
		_, addrB := serve(t, b.publisher, change)
		for range 60 {
			l.produce(t, 100)
		}
		a.publishAll()
		b.publishAll()

		var ids []string
		urls := []string{"http://" + addrA + "/v2/stream/s"}
		l.follow(t, ledger.Config{URLs: urls, LastEventID: a.id(0, 0, 0), OnEvent: func(e ledger.Event) { ids = append(ids, string(e.ID)) }})
		if len(ids) != len(l.records) {
			t.Fatalf("%d ids", len(ids))
		}
		f := func(id, addr string, mode ledger.Mode) {
			t.Helper()
			c := l.follow(t, ledger.Config{URLs: []string{"http://" + addr + "/v2/stream/s"}, Mode: mode, LastEventID: id})
			if n := c.Counts(); n.Refusals+n.Failures+n.Gaps != 0 {
				t.Errorf("%+v", n)
			}
		}
		for k, id := range ids {
			f(id, addrA, ledger.SSE)
			f(id, addrB, ledger.Mode(k%2))
		}
	})
}

// Clients hop between two instances, cut after any byte, while both publish the
// same records in different orders, and rings are as small as reading clients
// allow. Some clients never read.
func TestHops(t *testing.T) {
	const (
		hops    = 1000
		clients = 20
		ring    = 64
	)
	f := func(name string, changeA, changeB func(*Config)) {
		t.Run(name, func(t *testing.T) {
			l := newLog(uint64(len(name)))
			instances := []*instance{l.instance(ring, 5), l.instance(ring, 6)}
			var servers []*Server
			var urls []string
			for i, change := range []func(*Config){changeA, changeB} {
				s, addr := serve(t, instances[i].publisher, func(c *Config) {
					change(c)
					c.SendBuffer, c.SlowClientTimeout = 8<<10, 3*time.Second
				})
				servers, urls = append(servers, s), append(urls, "http://"+addr+"/v2/stream/s")
			}

			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			var reached [clients][3]atomic.Int64 // what each reading client has
			var hopping, following sync.WaitGroup
			var all []*ledger.Client
			stop := make(chan struct{})
			for i := range clients {
				never := i%20 == 19
				rnd := rand.New(rand.NewPCG(7, uint64(i)))
				c := ledger.NewClient(ledger.Config{URLs: urls, Book: l.book, Mode: ledger.Mode(i % 2), LastEventID: instances[0].id(0, 0, 0),
					StartPaused: never, ReceiveBuffer: 2048, ReconnectDelay: time.Millisecond,
					OnEvent: func(e ledger.Event) {
						_, part, n, _ := ledger.IdentifyValue(e.Data)
						reached[i][part].Store(n + 1)
					},
					OnEnd: func(e ledger.End) {
						if !never && (e.Status != 200 && e.Status != 0 || e.Said != "" || e.Cause != ledger.WasCut && e.Cause != ledger.Cancelled) {
							t.Errorf("client %d: %+v", i, e)
						}
					}})
				if never {
					following.Go(func() { c.Follow(ctx) })
					continue
				}
				all = append(all, c)
				hopping.Go(func() {
					for range hops / (clients - clients/20) {
						c.Visit(ctx, ledger.Visit{URL: urls[rnd.IntN(2)], CutAfter: 1 + rnd.Int64N(6000), Reset: rnd.IntN(2) == 0})
					}
					following.Go(func() { c.Follow(ctx) })
				})
			}
			go func() { hopping.Wait(); close(stop) }()

			// free reports whether nobody who reads needs what the next event evicts.
			free := func(in *instance) bool {
				if in.ring.Head()-in.ring.Tail()+1 < ring {
					return true
				}
				oldest := in.ring.Oldest()
				for i := range clients {
					if oldest.Part >= 0 && i%20 != 19 && reached[i][oldest.Part].Load() <= oldest.Offset {
						return false
					}
				}
				return true
			}
			publish := func() (moved bool) {
				for k, in := range instances {
					if other := instances[1-k]; in.low > other.low+skew || !free(in) {
						continue
					}
					if i := in.pick(); i >= 0 {
						in.publishPicked(i)
						moved = true
					}
				}
				return moved
			}
			for hops := true; hops && ctx.Err() == nil; {
				select {
				case <-stop:
					hops = false
				default:
				}
				for len(l.records) < min(instances[0].low, instances[1].low)+window {
					l.produce(t, 100)
				}
				if !publish() {
					time.Sleep(100 * time.Microsecond) // for the slowest reader
				}
			}
			for settles(func() bool {
				return publish() || ctx.Err() != nil || instances[0].low+instances[1].low == 2*len(l.records)
			}) &&
				instances[0].low+instances[1].low < 2*len(l.records) && ctx.Err() == nil {
			}
			for i, c := range all {
				if err := c.WaitUntil(ctx, l.book.End()); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
			cancel()
			following.Wait()
			for i, c := range all {
				if err := c.Check(l.book.End()); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
			for _, s := range servers {
				until(t, "nobody is left", func() bool { return s.Connections() == 0 && s.private.Load() == 0 })
			}
		})
	}
	shards, followers := func(c *Config) { c.Shards = 2 }, func(c *Config) { c.NoShards = true }
	f("shards", shards, shards)
	f("followers", followers, followers)
	f("one of each", shards, followers)
}

// A client ahead of its instance gets its own position at once, and joins where
// the instance reaches it, skipping what it has.
func TestAhead(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		for _, wait := range []time.Duration{0, waitTime + 600*time.Millisecond} {
			p := newPublisher(100, 2)
			p.publish(0, 0, `{"n":0}`)
			s, addr := serve(t, p, func(c *Config) {
				change(c)
				c.Heartbeat = 200 * time.Millisecond
			})
			_, r := get(t, addr, "/v2/stream/s", p.id(3, 1))
			if g, want := block(t, r), "id: "+p.id(3, 1)+"\n:ok\n\n"; g != want {
				t.Fatalf("got %q\nwant %q", g, want)
			}
			if wait > 0 {
				until(t, "it is private", func() bool { return metric(t, s, `ringcast_clients{state="private"}`) == 1 })
				until(t, "its shard has no client", func() bool { return metric(t, s, `ringcast_clients{state="waiting"}`) == 0 })
				begins(t, r, ":\n")
			}
			for i := int64(1); i < 5; i++ {
				p.publish(0, i, fmt.Sprintf(`{"n":%d}`, i))
			}
			p.publish(1, 0, `{"skipped":true}`)
			p.publish(1, 1, `{"last":true}`)
			for _, want := range []string{`{"n":3}`, `{"n":4}`, `{"last":true}`} {
				e := strings.TrimLeft(block(t, r), ":\n")
				if !strings.Contains(e, "\ndata: "+want+"\n\n") || strings.Contains(e, `"partition":1,"offset":0`) {
					t.Fatalf("want %s: %q", want, e)
				}
			}
			until(t, "nobody is private", func() bool {
				return metric(t, s, `ringcast_clients{state="private"}`) == 0 && metric(t, s, `ringcast_clients{state="waiting"}`) == 0
			})
			if len(s.shards) > 0 {
				until(t, "a shard has it", func() bool { return metric(t, s, `ringcast_clients{state="shard"}`) == 1 })
			}
			if s.Connections() != 1 || s.sockets.Load() != 1 {
				t.Errorf("%d connections, %d sockets", s.Connections(), s.sockets.Load())
			}
		}
	})
}

// What keeps a client private has an end without new records.
func TestAheadEnds(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		f := func(name, id string, prepare func(p *publisher), end func(p *publisher), notice string, next int64) {
			t.Helper()
			t.Run(name, func(t *testing.T) {
				p := newPublisher(100, 2)
				p.publish(0, 0, `{"n":0}`)
				prepare(p)
				s, addr := serve(t, p, change)
				_, r := get(t, addr, "/v2/stream/s", id)
				if g, want := block(t, r), "id: "+id+"\n:ok\n\n"; g != want {
					t.Fatalf("got %q\nwant %q", g, want)
				}
				end(p)
				if notice != "" {
					begins(t, r, notice)
				}
				until(t, "nobody is private", func() bool {
					return metric(t, s, `ringcast_clients{state="private"}`) == 0 && metric(t, s, `ringcast_clients{state="waiting"}`) == 0
				})
				p.publish(0, next, `{"last":true}`)
				if e := block(t, r); !strings.HasSuffix(e, "\ndata: {\"last\":true}\n\n") || !strings.HasPrefix(e, "event: message\n") {
					t.Fatalf("got %q", e)
				}
				if notice != "" {
					reason := strings.TrimSpace(notice[strings.Index(notice, "reason=")+len("reason="):])
					if n := metric(t, s, fmt.Sprintf(`ringcast_gaps_total{stream="s",reason=%q}`, reason)); n != 1 {
						t.Errorf("%v gaps counted", n)
					}
				}
			})
		}
		nothing := func(*publisher) {}
		two := newPublisher(1, 2)
		three := newPublisher(1, 3)
		f("advance", two.id(5, 0), nothing, func(p *publisher) {
			p.change(func(r *ringbuf.Ring) { r.Advance(0, 5); r.Flush() })
		}, "", 5)
		f("truncated", two.id(9, 0), func(p *publisher) {
			p.past = func(part int32, offset int64) (int64, bool, error) { return 4, part == 0 && offset == 9, nil }
		}, func(p *publisher) {
			p.change(func(r *ringbuf.Ring) { r.Advance(0, 4); r.Flush() })
		}, ": gap topic=t partition=0 asked=9 given=4 reason=truncated\n", 4)
		f("gone", three.id(1, 0, 7), func(p *publisher) {
			p.lookUp = func(string) (int, bool, error) { return 2, true, nil }
		}, nothing, ": gap topic=t partition=2 asked=7 given=-1 reason=partition_gone\n", 1)
		f("topic gone", three.id(1, 0, 7), func(p *publisher) {
			p.lookUp = func(string) (int, bool, error) { return 0, false, nil }
		}, nothing, ": gap topic=t partition=2 asked=7 given=-1 reason=partition_gone\n", 1)
		f("found", three.id(1, 0, 0), func(p *publisher) {
			p.lookUp = func(string) (int, bool, error) { return 3, true, nil }
		}, func(p *publisher) {
			p.change(func(r *ringbuf.Ring) { p.add("t", 2, 0); r.Flush() })
		}, "", 1)
	})
}
