package blackbox

import (
	"fmt"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestFallingOutOfTheRing: live clients of every wire form stop reading, come
// back when the ring has long left them behind, and miss and repeat nothing on
// the connection that they have. They do so more than once.
func TestFallingOutOfTheRing(t *testing.T) {
	t.Parallel()
	const ring, partitions = 64, 2
	k := newFake(t, topics(partitions, "t"))
	in := startConfig(t, k.config("send_buffer = \"16KiB\"", fmt.Sprintf("events = %d", ring)))
	in.waitReady()
	zero := ledger.Positions{{Topic: "t"}: 0, {Topic: "t", Partition: 1}: 0}
	var clients []*follower
	for _, c := range []ledger.Config{
		{Mode: ledger.SSE},
		{Mode: ledger.SSE10},
		{Mode: ledger.NDJSON},
		{Mode: ledger.NDJSON, StartPaused: true},
		{Mode: ledger.SSE, URLs: []string{in.url("s") + "?notices=event"}},
		{Mode: ledger.SSE10, URLs: []string{in.url("s") + "?notices=event"}},
		{Mode: ledger.SSE, StartPaused: true},
	} {
		if c.URLs == nil {
			c.URLs = []string{in.url("s")}
		}
		c.Book, c.Start, c.ReceiveBuffer = k.book, zero, smallWindow
		clients = append(clients, follow(t, c))
	}
	lines := rawLines(t, in)
	eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == float64(len(clients)+1) }, func() string { return "not all clients are there" })
	reader := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, partitions)[0]
	for round := range 3 {
		read := in.metric("ringcast_replay_bytes_total")
		for _, c := range clients {
			c.Pause()
		}
		for range 12 {
			for p := range int32(partitions) {
				k.produce("t", p, ring/4, 2500)
			}
			k.complete(reader) // a live client that reads stays live
		}
		for _, c := range clients {
			c.Resume()
		}
		k.complete(clients...)
		if n := in.metric("ringcast_replay_bytes_total"); n <= read {
			t.Errorf("round %d: nothing was read from Kafka", round)
		}
		in.privateAtMost(1) // lines has not read anything yet
		k.scatterOver(partitions, 10)
		k.complete(append(clients, reader)...)
	}
	for i, c := range append(clients, reader) {
		if n := c.Counts(); n.Connections != 1 || n.Gaps > 0 {
			t.Errorf("client %d: %+v", i, n)
		}
	}
	lines.complete(k)
	in.noPrivate()
}
