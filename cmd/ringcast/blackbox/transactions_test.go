package blackbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestOpenTransactionAtStart: the live end is the last stable offset. What a
// transaction wrote before the server started, and commits afterwards, is new to
// everybody.
func TestOpenTransactionAtStart(t *testing.T) {
	f := func(name string, commit bool) {
		t.Run(name, func(t *testing.T) {
			k := newFake(t, topics(2, "t"))
			k.produce("t", 0, 2, 100)
			end := k.transaction("t", 0, 3)
			k.produce("t", 0, 2, 100) // nobody may see them before
			in := startConfig(t, k.config("", ""))
			in.waitReady()
			clients := followAll(t, 2, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
			if start := clients[0].Receipt().Start()[ledger.TopicPartition{Topic: "t"}]; start != 2 {
				t.Errorf("live clients start at %d, want 2", start)
			}
			k.produce("t", 1, 3, 100)
			eventually(t, patience, func() bool { return clients[0].Receipt().Received() == 3 }, func() string { return "an open transaction holds up another partition" })
			end(commit)
			k.complete(clients...)
		})
	}
	f("committed", true)
	f("aborted", false)
}

// TestNobodyStaysPrivate: behind the last record of a quiet partition lie
// transaction markers, and two instances stand before and behind them. Whoever
// comes from the one to the other is a live client again without any new record.
func TestNobodyStaysPrivate(t *testing.T) {
	k := newFake(t, topics(2, "t"))
	first := startConfig(t, k.config("", ""))
	first.waitReady()
	witness := followAll(t, 1, ledger.Config{URLs: []string{first.url("s")}, Book: k.book}, 2)
	k.transaction("t", 0, 3)(true)
	k.complete(witness...)
	before := witness[0].LastEventID()
	stable := k.cluster.PartitionInfo("t", 0).LastStableOffset
	behind := strings.Replace(before, `"partition":0,"offset":3,`, fmt.Sprintf(`"partition":0,"offset":%d,`, stable), 1)
	if behind == before || stable != 4 {
		t.Fatalf("id %s, last stable offset %d", before, stable)
	}
	second := startConfig(t, k.config("", ""))
	ahead := followAll(t, 3, ledger.Config{URLs: []string{first.url("s")}, Book: k.book, LastEventID: behind}, 2)
	second.waitReady()

	for i := range 8 {
		id := before
		if i%2 == 0 {
			id = behind
		}
		ahead = append(ahead, follow(t, ledger.Config{URLs: []string{first.url("s"), second.url("s")}, Book: k.book, LastEventID: id}))
	}
	for range 5 {
		for _, c := range ahead[3:] {
			n := c.Counts().Connections
			c.Cut(false)
			eventually(t, patience, func() bool { return c.Counts().Connections > n }, func() string { return "no connection" })
		}
	}
	for _, in := range []*instance{first, second} {
		eventually(t, patience, func() bool {
			return in.metric(`ringcast_clients{state="private"}`) == 0 && in.metric(`ringcast_clients{state="waiting"}`) == 0
		}, func() string { return "a client waits for a record that may never come" })
	}
	k.produce("t", 0, 2, 100)
	k.produce("t", 1, 2, 100)
	k.complete(append(ahead, witness...)...)
}
