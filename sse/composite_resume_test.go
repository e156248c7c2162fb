package sse

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/sse/position"
)

// union is a log of three streams, "a" to "c" with the topics ta to tc: records
// of two partitions each, in one order.
type unionLog struct {
	book    *ledger.Book
	records []ledger.Record
	next    map[partition]int64
	rnd     *rand.Rand
}

func newUnionLog(seed uint64) *unionLog {
	return &unionLog{book: ledger.NewBook(nil), next: make(map[partition]int64), rnd: rand.New(rand.NewPCG(seed, 1))}
}

var unionTopics = []string{"ta", "tb", "tc"}

func (l *unionLog) produce(t testing.TB, size int) {
	p := partition{unionTopics[l.rnd.IntN(3)], int32(l.rnd.IntN(2))}
	n := l.next[p]
	l.next[p]++
	r := ledger.Record{Topic: p.topic, Partition: p.id, Offset: n, Value: ledger.Value(p.topic, p.id, n, size)}
	if err := l.book.Add(r); err != nil {
		t.Fatal(err)
	}
	l.records = append(l.records, r)
}

// unionInstance publishes such a log in an order of its own.
type unionInstance struct {
	streams map[string]*publisher // by topic
	log     *unionLog
	low     int // every record before it has been published
	done    map[int]bool
	rnd     *rand.Rand
}

func (l *unionLog) instance(seed uint64, last position.Form) *unionInstance {
	in := &unionInstance{streams: make(map[string]*publisher), log: l, done: make(map[int]bool), rnd: rand.New(rand.NewPCG(seed, 2))}
	for i, topic := range unionTopics {
		in.streams[topic] = newTopic(topic, 1<<14, 2, []position.Form{position.Both, position.Offset, last}[i])
	}
	return in
}

func (in *unionInstance) serve(t testing.TB, change func(*Config)) (*Server, string) {
	return serveStreams(t, change, in.streams["ta"].ofTopics("a", "ta"), in.streams["tb"].ofTopics("b", "tb"), in.streams["tc"].ofTopics("c", "tc"))
}

// publish publishes one record of those within the window; false: there is none.
func (in *unionInstance) publish() bool {
	from := in.low + in.rnd.IntN(window)
	seen := make(map[partition]bool)
	picked := -1
	for i := in.low; i < min(in.low+window, len(in.log.records)); i++ {
		p := partition{in.log.records[i].Topic, in.log.records[i].Partition}
		if in.done[i] || seen[p] {
			continue
		}
		seen[p] = true
		if picked < 0 || i <= from {
			picked = i
		}
	}
	if picked < 0 {
		return false
	}
	r := in.log.records[picked]
	in.streams[r.Topic].publishAt(int(r.Partition), r.Offset, firstTime+int64(picked), string(r.Value))
	in.done[picked] = true
	for ; in.done[in.low]; in.low++ {
		delete(in.done, in.low)
	}
	return true
}

// unionStart is the id of the beginning.
func unionStart(in *unionInstance) string {
	id := ""
	for _, topic := range unionTopics {
		one := in.streams[topic].id(0, 0)
		if id == "" {
			id = one
		} else {
			id = id[:len(id)-1] + "," + one[1:]
		}
	}
	return id
}

// From wherever a client of several streams was cut, it goes on exactly there,
// on its own instance and on one that interleaves everything differently.
func TestCompositeResumesAtEveryEvent(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newUnionLog(1)
		a, b := l.instance(2, position.Timestamp), l.instance(3, position.Timestamp)
		_, addrA := a.serve(t, change)
		_, addrB := b.serve(t, change)
		for range 60 {
			l.produce(t, 100)
		}
		for a.publish() || b.publish() {
		}
		follow := func(c ledger.Config) *ledger.Client {
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
		var ids []string
		// Ids that are times do not tell the ledger where a client stands.
		begin := ledger.Positions{}
		for _, topic := range unionTopics {
			begin[ledger.TopicPartition{Topic: topic}], begin[ledger.TopicPartition{Topic: topic, Partition: 1}] = 0, 0
		}
		var starts []ledger.Positions
		stand := maps.Clone(begin)
		follow(ledger.Config{URLs: []string{"http://" + addrA + "/v2/stream/a,b,c"}, LastEventID: unionStart(a), Start: begin, OnEvent: func(e ledger.Event) {
			ids = append(ids, string(e.ID))
			topic, part, n, _ := ledger.IdentifyValue(e.Data)
			stand[ledger.TopicPartition{Topic: topic, Partition: part}] = n + 1
			starts = append(starts, maps.Clone(stand))
		}})
		if len(ids) != len(l.records) {
			t.Fatalf("%d ids", len(ids))
		}
		for k, id := range ids {
			for _, addr := range []string{addrA, addrB} {
				c := follow(ledger.Config{URLs: []string{"http://" + addr + "/v2/stream/c,a,b"}, Mode: ledger.Mode(k % 2), LastEventID: id, Start: starts[k]})
				if n := c.Counts(); n.Refusals+n.Gaps != 0 {
					t.Errorf("%+v", n)
				}
			}
		}
	})
}

// Clients of several streams hop between two instances, cut after any byte,
// while both publish the same records in different orders.
func TestCompositeHops(t *testing.T) {
	const (
		hops    = 400
		clients = 10
		ahead   = 1500 // of the slowest client, events; the views hold more
	)
	f := func(name string, changeA, changeB func(*Config)) {
		t.Run(name, func(t *testing.T) {
			l := newUnionLog(uint64(len(name)))
			instances := []*unionInstance{l.instance(5, position.Both), l.instance(6, position.Both)}
			var servers []*Server
			var urls []string
			for i, change := range []func(*Config){changeA, changeB} {
				s, addr := instances[i].serve(t, func(c *Config) {
					change(c)
					c.SendBuffer, c.ViewsMax = 8<<10, 8
				})
				servers, urls = append(servers, s), append(urls, "http://"+addr+"/v2/stream/a,b,c")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			var reached [clients]atomic.Int64
			var hopping, following sync.WaitGroup
			var all []*ledger.Client
			stop := make(chan struct{})
			for i := range clients {
				rnd := rand.New(rand.NewPCG(7, uint64(i)))
				c := ledger.NewClient(ledger.Config{URLs: urls, Book: l.book, Mode: ledger.Mode(i % 2), LastEventID: unionStart(instances[0]),
					ReceiveBuffer: 2048, ReconnectDelay: time.Millisecond,
					OnEvent: func(ledger.Event) { reached[i].Add(1) },
					OnEnd: func(e ledger.End) {
						if e.Status != 200 && e.Status != 0 || e.Said != "" || e.Cause != ledger.WasCut && e.Cause != ledger.Cancelled {
							t.Errorf("client %d: %+v", i, e)
						}
					}})
				all = append(all, c)
				hopping.Go(func() {
					for range hops / clients {
						c.Visit(ctx, ledger.Visit{URL: urls[rnd.IntN(2)], CutAfter: 1 + rnd.Int64N(9000), Reset: rnd.IntN(2) == 0})
					}
					following.Go(func() { c.Follow(ctx) })
				})
			}
			go func() { hopping.Wait(); close(stop) }()
			for hops := true; ctx.Err() == nil && (hops || instances[0].low+instances[1].low < 2*len(l.records)); {
				select {
				case <-stop:
					hops = false
				default:
				}
				slowest := reached[0].Load()
				for i := range reached {
					slowest = min(slowest, reached[i].Load())
				}
				moved := false
				for k, in := range instances {
					if in.low <= instances[1-k].low+skew && (!hops || int64(in.low) < slowest+ahead) {
						moved = in.publish() || moved
					}
				}
				for hops && len(l.records) < min(instances[0].low, instances[1].low)+window {
					l.produce(t, 100)
				}
				if !moved {
					time.Sleep(100 * time.Microsecond) // for the slowest reader
				}
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
