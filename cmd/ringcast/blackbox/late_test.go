//go:build unix

package blackbox

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestPartitionsFoundLate: one instance knows of new partitions and another does
// not yet. Clients go to and fro, some of them with ids of before, and the new
// partitions' first records have left the rings.
func TestPartitionsFoundLate(t *testing.T) {
	f := func(name, id string, allowed ...ledger.Kind) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			partitionsFoundLate(t, id, allowed)
		})
	}
	f("both", "both")
	f("offset", "offset")
	f("timestamp", "timestamp", ledger.Double, ledger.IDBehind)
}

func partitionsFoundLate(t *testing.T, id string, allowed []ledger.Kind) {
	const ring = 48
	k := newFake(t, topics(2, "t"))
	config := k.config("", fmt.Sprintf("events = %d\nid = %q", ring, id))
	early, late := startConfig(t, config), startConfig(t, config)
	early.waitReady()
	late.waitReady()
	r := record(t, k.book, early.url("s"), "t", 2)
	k.scatterOver(2, 3*ring)
	r.reach(3 * ring)
	before := r.end()
	zeros := ledger.Positions{}
	for p := range int32(4) {
		zeros[ledger.TopicPartition{Topic: "t", Partition: p}] = 0
	}
	back := func(p point, in ...*instance) *follower {
		start := ledger.Positions{}
		for tp := range zeros {
			start[tp] = p.at[tp]
		}
		var urls []string
		for _, i := range in {
			urls = append(urls, i.url("s"))
		}
		return follow(t, ledger.Config{URLs: urls, Book: k.book, LastEventID: p.id, Start: start})
	}

	late.signal(syscall.SIGSTOP)
	k.grow("t", 4)
	w := back(before[0], early)
	k.scatterOver(4, 4*ring)
	k.exact(allowed, w)
	newest := point{id: w.LastEventID(), at: k.book.End()}
	w.end()
	late.signal(syscall.SIGCONT)
	// At once: it has not looked for partitions yet.
	var clients []*follower
	for _, p := range []point{before[0], before[ring], before[len(before)-1], newest} {
		clients = append(clients, back(p, late), back(p, early), back(p, late, early), back(p, early, late))
	}
	for range 10 {
		k.scatterOver(4, ring/4)
		for i, c := range clients {
			if i%4 > 1 {
				c.Cut(i%8 > 3)
			}
		}
	}
	k.exact(allowed, clients...)
	k.scatterOver(4, 10)
	k.exact(allowed, clients...)
	for i, c := range clients {
		if n := c.Counts(); c.wrong() || n.Gaps > 0 {
			t.Errorf("client %d: %+v, %v", i, n, c.Notices())
		}
	}
	for _, in := range []*instance{early, late} {
		in.noPrivate()
	}
}

// signal sends a signal to the server.
func (in *instance) signal(sig syscall.Signal) {
	in.t.Helper()
	if err := in.cmd.Process.Signal(sig); err != nil {
		in.t.Fatal(err)
	}
}
