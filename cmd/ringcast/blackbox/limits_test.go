package blackbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// limited is an instance with a [replay] table, a history of records in front of
// its ring, and an id from before all of it.
func limited(t *testing.T, records int, replay, server string) (k *fake, in *instance, old string) {
	t.Helper()
	k = newFake(t, topics(1, "t"))
	in = startConfig(t, k.config(server, "events = 32")+"[replay]\n"+replay)
	in.waitReady()
	w := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)[0]
	k.produce("t", 0, records, 400)
	k.complete(w)
	old = idAt(t, w.LastEventID(), ledger.Positions{{Topic: "t"}: 0})
	w.end()
	return k, in, old
}

// stalled are clients that are in replay and stay there: they do not read.
func stalled(t *testing.T, k *fake, in *instance, old string, n int) []*follower {
	t.Helper()
	var list []*follower
	for range n {
		list = append(list, follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: old, ReceiveBuffer: smallWindow, StartPaused: true}))
	}
	eventually(t, patience, func() bool { return in.metric(`ringcast_clients{state="replay"}`) == float64(n) }, func() string { return "not all clients are in replay" })
	return list
}

// TestReplayLimits: no more clients than configured catch up from Kafka at a
// time, in all and from one address, and those who need only memory are not
// meant. A client that is connected is never refused: it waits for its place.
func TestReplayLimits(t *testing.T) {
	f := func(name, replay, server string, status int, kind string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, in, old := limited(t, 8000, replay, server)
			clients := stalled(t, k, in, old, 2)
			refused := ledger.NewClient(ledger.Config{URLs: []string{in.url("s")}, LastEventID: old})
			end := refused.Visit(t.Context(), ledger.Visit{})
			if end.Status != status || end.Problem.Type != kind || status != 200 && end.Header["retry-after"] == "" || status == 200 && !strings.HasPrefix(end.Said, "limit ") {
				t.Errorf("got %d %+v %q %v, want %d %s", end.Status, end.Problem, end.Said, end.Header, status, kind)
			}
			if n := in.sum("ringcast_connections_refused_total{"); n != 1 {
				t.Errorf("%v refusals are counted", n)
			}
			live := followAll(t, 2, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)
			near := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: live[0].LastEventID()})
			near.started(1)

			// A live client falls out of the ring, and waits for its place.
			live[1].Pause()
			for range 40 {
				k.produce("t", 0, 30, 4000)
				k.complete(live[0], near)
			}
			live[1].Resume()
			for _, c := range clients {
				c.Resume()
			}
			late := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: old})
			k.complete(append(append(clients, live...), near)...)
			k.exact([]ledger.Kind{ledger.Framing}, late) // a refusal with the status of a stream is none
			for i, c := range append(append(clients, live...), near) {
				if n := c.Counts(); n.Connections != 1 || n.Refusals > 0 {
					t.Errorf("client %d: %+v, %v", i, n, c.Notices())
				}
			}
			in.noPrivate()
		})
	}
	f("in all", "max_clients = 2", "", 503, "overloaded")
	f("per address", "max_per_ip = 2", "", 429, "too_many_requests")
	f("as a stream", "max_clients = 2", `limit_response = "stream"`, 200, "")
}

// TestReplayAge: nobody is taken further back than configured, and everybody is
// told how far.
func TestReplayAge(t *testing.T) {
	t.Parallel()
	const records = 600
	k := newFake(t, topics(2, "t"))
	d := date(k, records, time.Second)
	in := startConfig(t, k.config("", "events = 64")+"[replay]\nmax_age = \"5m\"\n")
	in.waitReady()
	newest := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}}, 2)[0].LastEventID()
	f := func(asked int64, query string) {
		t.Helper()
		id := idAt(t, newest, both(asked))
		c := follow(t, ledger.Config{URLs: []string{in.url("s") + query}, Book: k.book, LastEventID: id, Start: both(asked)})
		k.exact([]ledger.Kind{ledger.Gap}, c)
		oldest := int64(time.Since(d.begin)/d.step) - 300
		if asked > oldest+1 {
			c.toldAll()
			return
		}
		if n := c.Counts(); n.Gaps != 2 || n.Connections != 1 {
			t.Errorf("%+v", n)
		}
		for _, n := range c.Notices() {
			if n.Gap == nil || n.Gap.Reason != "max_age" || n.Gap.Asked != asked || n.Gap.Given < oldest-30 || n.Gap.Given > oldest+1 {
				t.Errorf("told %q, want given %d", n.Text, oldest)
			}
		}
	}
	f(0, "")
	f(100, "?notices=event")
	f(400, "")
	f(590, "")
	if n := in.metric(`ringcast_gaps_total{stream="s",reason="max_age"}`); n != 4 {
		t.Errorf("%v gaps are counted", n)
	}
}

// TestReplayRate: a client that catches up gets no more bytes a second than
// configured.
func TestReplayRate(t *testing.T) {
	t.Parallel()
	const records, size, rate = 500, 400, 128 << 10
	k, in, old := limited(t, records, fmt.Sprintf("rate = %d", rate), "")
	begun := time.Now()
	c := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: old})
	k.complete(c)
	// Beside its value an event has an id and a frame. One batch comes ahead.
	if took, least := time.Since(begun), time.Duration((records-32)*size-96<<10)*time.Second/rate; took < least {
		t.Errorf("it took %v, at %d bytes a second %v at least", took, rate, least)
	}
}
