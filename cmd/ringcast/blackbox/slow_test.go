package blackbox

import (
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestNeverReading: a client that takes nothing is reset after the configured
// time, what it held is given back, and nobody else notices.
func TestNeverReading(t *testing.T) {
	k := newFake(t, topics(2, "t"))
	in := startConfig(t, k.config("slow_client_timeout = \"2s\"", "events = 64"))
	in.waitReady()
	stuck := follow(t, ledger.Config{URLs: []string{in.url("s")}, ReceiveBuffer: 4096, StartPaused: true})
	readers := followAll(t, 49, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	connections := func(n float64) {
		t.Helper()
		eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == n }, func() string { return "wrong number of connections" })
	}
	connections(50)
	blocked := func() float64 { return in.metric(`ringcast_connections_closed_total{reason="blocked"}`) }
	// What the kernel takes for one client, and a ring: then an event lives on for the stuck one alone, until it is reset.
	for i := int32(0); in.metric("ringcast_pending_bytes") == 0 && blocked() == 0; i++ {
		if i == 200 {
			t.Fatal("nothing is kept for a client that does not read")
		}
		k.produce("t", i%2, 10, 2000)
		k.complete(readers...)
	}
	connections(49)
	if n := blocked(); n != 1 {
		t.Errorf("%v connections closed as blocked", n)
	}
	eventually(t, patience, func() bool { return in.metric("ringcast_pending_bytes") == 0 }, func() string { return "pending bytes are left" })
	if n := in.metric("ringcast_sockets"); n != 49 {
		t.Errorf("%v sockets are left", n)
	}
	stuck.Resume()
	if end, _ := stuck.firstEnd(); end.Cause != ledger.Broken {
		t.Errorf("the client that did not read ended so: %+v", end)
	}
	stuck.end()
	k.produce("t", 0, 20, 2000)
	k.complete(readers...)
	for _, c := range readers {
		if n := c.Counts().Connections; n != 1 {
			t.Errorf("a reading client connected %d times", n)
		}
	}
}
