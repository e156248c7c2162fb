//go:build kafka && faults

package blackbox

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// undisturbed is a row of a fault that costs the live clients nothing. do
// returns what else was measured.
func (l *siege) undisturbed(name string, do func() string) *fault {
	l.t.Helper()
	f := &fault{name: name, says: "none"}
	l.measure(f, func() { f.note = do() })
	f.limit = f.producer + quiet
	l.row(f)
	return f
}

// quiet is how much longer than its producer a partition is silent where nothing
// has happened to it, on busy cores.
const quiet = 500 * time.Millisecond

// tightRing is the number of events of a ring that who stops reading falls out
// of: two seconds of the load.
const tightRing = 600

// behind are clients of an instance with a small ring that do not read.
type behind struct {
	l   *siege
	all []*laggard
}

// laggard is a client that compares the notices with what it had and got.
type laggard struct {
	*follower
	name string

	mu   sync.Mutex
	next map[int32]int64 // counter of the next record by partition, which is its offset here
	told []told
}

// told is a gap notice.
type told struct {
	ledger.GapNotice
	had, got int64 // next record before it; first record after it, or what the next notice is about; -1: none yet
}

// behind starts two clients that stop reading when they are live, and two that
// read everything there is, slowly. It returns when they are far behind.
func (l *siege) behind() *behind {
	l.t.Helper()
	in := l.serve(tightRing, l.topic)
	in.waitReady()
	b := &behind{l: l}
	for _, query := range []string{"", "?notices=event"} {
		c := l.laggard("lagging", ledger.Config{URLs: []string{l.url(in) + query}, ReceiveBuffer: smallWindow})
		l.connected(c.Client)
		c.Pause()
		b.all = append(b.all, c)
	}
	first := idAt(l.t, l.all[0].LastEventID(), l.zeros(l.topic, l.partitions))
	for _, query := range []string{"", "?notices=event"} {
		b.all = append(b.all, l.laggard("replaying", ledger.Config{URLs: []string{l.url(in) + query}, LastEventID: first, ReceiveBuffer: smallWindow, StartPaused: true}))
	}
	in.replaying(2)
	n := l.count(l.topic, 0)
	eventually(l.t, settleTime, func() bool { return l.count(l.topic, 0) > n+2*tightRing }, func() string { return "the producer is slow" })
	return b
}

// replaying waits until so many clients are read from Kafka.
func (in *instance) replaying(n int) {
	in.t.Helper()
	eventually(in.t, settleTime, func() bool { return in.metric(`ringcast_clients{state="replay"}`) == float64(n) },
		func() string {
			return fmt.Sprintf("%v clients replay, want %d", in.metric(`ringcast_clients{state="replay"}`), n)
		})
}

func (l *siege) laggard(name string, config ledger.Config) *laggard {
	c := &laggard{name: name, next: map[int32]int64{}}
	config.Book, config.OnEvent, config.OnNotice = l.book, c.event, c.notice
	c.follower = follow(l.t, config)
	return c
}

func (c *laggard) event(e ledger.Event) {
	_, p, n, ok := ledger.IdentifyValue(e.Data)
	if !ok {
		return // the ledger says so
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, t := range c.told {
		if t.Partition == p && t.got < 0 {
			c.told[i].got = n
		}
	}
	c.next[p] = n + 1
}

func (c *laggard) notice(n ledger.Notice) {
	if n.Gap == nil {
		return
	}
	g, p := *n.Gap, n.Gap.Partition
	c.mu.Lock()
	defer c.mu.Unlock()
	before := slices.IndexFunc(c.told, func(t told) bool { return t.Partition == p && t.got < 0 })
	switch {
	case before < 0:
	case c.told[before].Asked == g.Asked: // again, on the next connection
		c.next[p] = c.told[before].had
		c.told = slices.Delete(c.told, before, before+1)
	default: // what the one before gave has gone as well
		c.told[before].got = g.Asked
	}
	c.told = append(c.told, told{g, c.next[p], -1})
	c.next[p] = g.Given
}

// lost reports whether records are gone, in every partition, that the client has
// not had and that are not on their way to it either.
func (c *laggard) lost(starts map[int32]int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, start := range starts {
		if c.next[p]+tightRing >= start {
			return false
		}
	}
	return true
}

// goOn lets them read, and waits until they are live.
func (b *behind) goOn() string {
	b.l.t.Helper()
	for _, c := range b.all {
		c.Resume()
	}
	end := b.l.book.End()
	for _, c := range b.all {
		eventually(b.l.t, settleTime, func() bool { return c.Receipt().Reached(end) },
			func() string { return fmt.Sprintf("a %s client does not come to the end: %+v", c.name, c.Counts()) })
	}
	n := 0
	for _, c := range b.all {
		c.mu.Lock()
		n += len(c.told)
		c.mu.Unlock()
	}
	return fmt.Sprintf("%d notices to %d clients that were behind", n, len(b.all))
}

// end demands that each was told what it did not get, in every partition, and
// that it goes on at the first record there was: from and to are the first ones
// before they came, and now.
func (b *behind) end(from, to map[int32]int64) {
	t := b.l.t
	t.Helper()
	var list []*follower
	for _, c := range b.all {
		list = append(list, c.follower)
	}
	exact(t, b.l.book, []ledger.Kind{ledger.Gap}, list...)
	for _, c := range b.all {
		var partitions []int32
		for _, g := range c.told {
			partitions = append(partitions, g.Partition)
			if g.Reason != "expired" || g.Asked != g.had || g.Given != g.got || g.Given < from[g.Partition] || g.Given > to[g.Partition] {
				t.Errorf("a %s client was told %v: it had %d, then came %d; Kafka's first was %d, then %d", c.name, g.GapNotice, g.had, g.got, from[g.Partition], to[g.Partition])
			}
		}
		slices.Sort(partitions)
		if len(slices.Compact(partitions)) != int(b.l.partitions) {
			t.Errorf("a %s client was told of gaps in partitions %v", c.name, partitions)
		}
		for _, e := range c.follower.all() {
			if e.Said != "slow" { // on busy cores a small ring is faster than who reads behind it
				t.Errorf("the connection of a %s client ended: %+v", c.name, e)
			}
		}
	}
}

// keeper is a client of a compacted log, whose events are not compared with
// those that were written.
type keeper struct {
	*follower
	l  *siege
	mu sync.Mutex
	n  map[int32][]int64 // counters by partition
}

// keeper starts one that reads nothing yet, from the first record on.
func (l *siege) keeper(in *instance) *keeper {
	k := &keeper{l: l, n: map[int32][]int64{}}
	first := idAt(l.t, l.all[0].LastEventID(), l.zeros(l.topic, l.partitions))
	k.follower = follow(l.t, ledger.Config{URLs: []string{l.url(in)}, LastEventID: first, ReceiveBuffer: smallWindow, StartPaused: true, OnEvent: func(e ledger.Event) {
		_, p, n, _ := ledger.IdentifyValue(e.Data)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.n[p] = append(k.n[p], n)
	}})
	return k
}

func (k *keeper) got(partition int32) []int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.n[partition])
}

// reach waits until it is further than n in every partition, and returns how
// many records came of those before.
func (k *keeper) reach(n int64) (came int) {
	k.l.t.Helper()
	for p := range k.l.partitions {
		eventually(k.l.t, settleTime, func() bool { got := k.got(p); return len(got) > 0 && got[len(got)-1] > n },
			func() string { return fmt.Sprintf("a replay does not come to record %d: %+v", n, k.Counts()) })
		came += len(slices.DeleteFunc(k.got(p), func(m int64) bool { return m >= n }))
	}
	return came
}

// has demands the records of a log, among others, once and in order.
func (k *keeper) has(partition int32, log []int64) {
	k.l.t.Helper()
	var got []int64
	eventually(k.l.t, settleTime, func() bool { got = k.got(partition); return len(got) > 0 && got[len(got)-1] >= log[len(log)-1] },
		func() string { return fmt.Sprintf("a replay does not come to the end: %+v", k.Counts()) })
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		k.l.t.Errorf("records of partition %d out of order, or doubled: %v", partition, got)
	}
	for _, n := range log {
		if _, ok := slices.BinarySearch(got, n); !ok {
			k.l.t.Errorf("record %d of partition %d is in the log and did not come", n, partition)
		}
	}
}
