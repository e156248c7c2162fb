package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

const (
	taken   = `"message":"configuration is in force"`
	refused = `"message":"the new configuration is not good, the old one stays in force"`
)

// TestReload: streams that stay the same notice nothing of a new configuration;
// those that are gone end; those that have other topics go on by reconnecting.
func TestReload(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t", "u", "v", "w"))
	document := func(server, kept, others string) string {
		return k.config(server, kept) + others
	}
	in := startConfig(t, document("", "events = 500", `
[streams.gone]
topics = ["u"]
[streams.changed]
topics = ["v"]
`))
	in.waitReady()
	clients := func(n int, path string, partitions int) []*follower {
		t.Helper()
		return followAll(t, n, ledger.Config{URLs: []string{in.url(path)}, Book: k.book}, partitions)
	}
	produce := func(topics ...string) {
		t.Helper()
		for _, topic := range topics {
			for p := range int32(2) {
				k.produce(topic, p, 50, 200)
			}
		}
	}
	whole := func(list []*follower, topics ...string) {
		t.Helper()
		end := k.book.End(topics...)
		for i, c := range list {
			eventually(t, patience, func() bool { return c.Receipt().Reached(end) }, func() string { return fmt.Sprintf("client %d: %v", i, c.Check(end)) })
			if err := c.Check(end); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		}
	}
	kept, gone := clients(3, "s", 2), clients(2, "gone", 2)
	changed, both, mixed := clients(3, "changed", 2), clients(2, "s,changed", 4), clients(1, "s,gone", 4)
	produce("t", "u", "v")
	whole(kept, "t")
	whole(changed, "v")

	// A file with errors changes nothing.
	in.reload(document("", "events = 0", ""), refused)
	if log := in.text(); !strings.Contains(log, in.file+":") || !strings.Contains(log, "streams.s.events") {
		t.Errorf("the log does not say what is wrong:\n%s", in.tail(2000))
	}
	if n := in.metric(`ringcast_connections{stream="gone"}`); n != 3 {
		t.Errorf("%v clients of a stream that is to stay", n)
	}

	const others = `
[streams.changed]
topics = ["v", "w"]
[streams.fresh]
topics = ["u"]
`
	in.reload(document("", "events = 100\naliases = [\"too\"]", others), taken)
	for _, c := range append(gone, mixed...) {
		if e, _ := c.firstEnd(); e.Cause != ledger.ServerEnded || e.Said != "removed" {
			t.Errorf("a client of the stream that is gone ended with %+v", e)
		}
	}
	for _, path := range []string{"gone", "s,gone"} {
		res, err := http.Get(in.url(path))
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	fresh, too := clients(2, "fresh", 2), clients(1, "too", 2)
	produce("t", "u", "v", "w")
	whole(kept, "t")
	whole(fresh, "u")
	whole(too, "t")
	whole(changed, "v", "w")
	whole(both, "t", "v", "w")
	for _, c := range kept {
		if n := c.Counts(); n.Connections != 1 {
			t.Errorf("a client of the stream that stays the same has connected %d times", n.Connections)
		}
	}
	_, metrics := in.get("/metrics")
	if strings.Contains(metrics, `stream="gone"`) {
		t.Error("there are metrics of the stream that is gone")
	}
	if n := in.metric(`ringcast_ring_events{stream="s"}`); n > 100 {
		t.Errorf("%v entries in a ring of 100", n)
	}
	if _, body := in.get("/streams"); !strings.Contains(body, `"max_events": 100`) || !strings.Contains(body, `"fresh"`) || strings.Contains(body, `"gone"`) {
		t.Errorf("/streams: %s", body)
	}

	// Limits; those who are there stay.
	in.reload(document("max_connections_per_ip = 1\nmax_request_bytes = \"2KiB\"", "events = 100", others), taken)
	if log := in.text(); !strings.Contains(log, `"keys":["server.max_request_bytes"],`) {
		t.Errorf("what takes a restart is not named:\n%s", in.tail(1000))
	}
	clients(1, "s", 2)
	res, err := http.Get(in.url("s"))
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("beyond the new limit: %s", res.Status)
	}
	produce("t")
	whole(kept, "t")
	if status := in.stop(15); status != exitOK {
		t.Errorf("exit status %d", status)
	}
}

// TestReloadsUnderLoad: rings that grow and shrink, and neighbours that come and
// go, cost nobody a record.
func TestReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t", "u"))
	document := func(i int) string {
		other := ""
		if i%2 == 1 {
			other = fmt.Sprintf("[streams.other%d]\ntopics = [\"u\"]\n", i%3)
		}
		return k.config("", fmt.Sprintf("events = %d", []int{64, 1000, 200, 5000}[i%4])) + other
	}
	in := startConfig(t, document(0))
	in.waitReady()
	live := followAll(t, 4, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	hopping := followAll(t, 4, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	for i := range 16 {
		for range 3 {
			k.produce("t", 0, 40, 200)
			k.produce("t", 1, 40, 200)
			hopping[i%4].Cut(i%2 == 0)
		}
		in.reload(document(i+1), taken)
	}
	k.complete(live...)
	k.complete(hopping...)
	for _, c := range live {
		if n := c.Counts(); n.Connections != 1 {
			t.Errorf("a client that was not cut has connected %d times", n.Connections)
		}
	}
	eventually(t, 10*time.Second, func() bool { return in.sum("ringcast_connections{") == 8 }, func() string { return "connections are not counted as before" })
}
