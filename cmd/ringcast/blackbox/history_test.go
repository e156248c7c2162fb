package blackbox

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestTransactionsInHistory: what was aborted is delivered to those who read
// uncommitted records and to nobody else, markers to nobody, wherever in them a
// client resumes. Then the producer falls silent, and nobody stays private.
func TestTransactionsInHistory(t *testing.T) {
	f := func(isolation string) {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			k := newFake(t, topics(2, "t"))
			k.aborted = isolation == "read_uncommitted"
			config := strings.Replace(k.config("", "events = 32"), "[kafka]", fmt.Sprintf("[kafka]\nisolation = %q", isolation), 1)
			one := startConfig(t, config)
			one.waitReady()
			for range 12 {
				p := rand.Int32N(2)
				k.produce("t", p, 1+rand.N(10), 100)
				k.transaction("t", p, 1+rand.N(20))(rand.N(2) == 0)
				end := k.transaction("t", 1-p, 1+rand.N(5))
				k.produce("t", 1-p, 1+rand.N(5), 100) // inside of it
				end(rand.N(2) == 0)
			}
			k.transaction("t", 0, 3)(false)
			k.transaction("t", 1, 3)(true)
			two := startConfig(t, config)
			two.waitReady()

			newest := follow(t, ledger.Config{URLs: []string{two.url("s")}, Book: k.book})
			newest.started(2)
			var clients []*follower
			at := func(p int32, n int64) ledger.Positions {
				return ledger.Positions{{Topic: "t", Partition: p}: n, {Topic: "t", Partition: 1 - p}: 0}
			}
			for p := range int32(2) {
				for n := int64(0); n <= k.cluster.PartitionInfo("t", p).LastStableOffset; n += 5 {
					in := []*instance{one, two}[n%2]
					c := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: idAt(t, newest.LastEventID(), at(p, n)), Start: at(p, n)})
					clients = append(clients, c)
				}
			}
			k.complete(clients...)
			one.noPrivate()
			two.noPrivate()
			k.produce("t", 0, 5, 100)
			k.produce("t", 1, 5, 100)
			k.complete(append(clients, newest)...)
			for i, c := range clients {
				if n := c.Counts(); n.Connections != 1 || c.wrong() {
					t.Errorf("client %d: %+v", i, n)
				}
			}
		})
	}
	f("read_committed")
	f("read_uncommitted")
}

// TestReplayToAnOpenTransaction: history ends where a transaction is open. What
// it wrote, and what lies behind it, comes when it ends.
func TestReplayToAnOpenTransaction(t *testing.T) {
	f := func(name string, commit bool) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newFake(t, topics(2, "t"))
			config := k.config("", "events = 32")
			one := startConfig(t, config)
			one.waitReady()
			w := followAll(t, 1, ledger.Config{URLs: []string{one.url("s")}, Book: k.book}, 2)[0]
			old := w.LastEventID()
			k.produce("t", 0, 100, 100)
			k.complete(w)
			end := k.transaction("t", 0, 50)
			var behind []*kgo.Record
			for range 50 {
				behind = append(behind, k.next("t", 0, 100))
			}
			k.raw(behind...)
			two := startConfig(t, config)
			two.waitReady()
			var clients []*follower
			for _, in := range []*instance{one, two} {
				for _, at := range []int64{0, 40, 100} {
					from := ledger.Positions{{Topic: "t"}: at, {Topic: "t", Partition: 1}: 0}
					clients = append(clients, follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: idAt(t, old, from), Start: from}))
				}
			}
			k.complete(clients...)
			one.noPrivate()
			two.noPrivate()
			k.produce("t", 1, 5, 100) // is not held up
			k.complete(clients...)
			end(commit)
			for _, r := range behind {
				k.enter(r)
			}
			k.complete(append(clients, w)...)
			late := follow(t, ledger.Config{URLs: []string{two.url("s")}, Book: k.book, LastEventID: old})
			k.complete(late)
			one.noPrivate()
			two.noPrivate()
		})
	}
	f("committed", true)
	f("aborted", false)
}
