package blackbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/bench/ledger"
)

// awayRing is how many events the ring holds in these tests.
const awayRing = 64

// awayScene is a Kafka that goes and comes back, and an instance that has a
// history behind it.
type awayScene struct {
	*fake
	in     *instance
	live   *follower
	points []point
}

func newAwayScene(t *testing.T, server string) *awayScene {
	t.Helper()
	k := newFake(t, kfake.Ports(freePort(t)), kfake.DataDir(t.TempDir()), topics(2, "t"))
	s := &awayScene{fake: k, in: startConfig(t, k.config(server, fmt.Sprintf("events = %d", awayRing)))}
	s.in.waitReady()
	r := record(t, k.book, s.in.url("s"), "t", 2)
	for n := range int64(10) {
		k.scatterOver(2, awayRing/2)
		r.reach((n + 1) * awayRing / 2)
	}
	s.points = r.end()
	s.live = followAll(t, 1, ledger.Config{URLs: []string{s.in.url("s")}, Book: k.book}, 2)[0]
	return s
}

// resume starts a client behind event n, counted from the newest if negative.
func (s *awayScene) resume(n int) *follower {
	if n < 0 {
		n += len(s.points)
	}
	return follow(s.t, ledger.Config{URLs: []string{s.in.url("s")}, Book: s.book, LastEventID: s.points[n].id, Start: s.points[n].at})
}

// TestKafkaGoes: without Kafka everything that memory can serve is served, and
// the rest is refused so that a client comes back.
func TestKafkaGoes(t *testing.T) {
	t.Parallel()
	s := newAwayScene(t, "")
	failed := s.in.sum("ringcast_kafka_errors_total{")
	s.down()
	eventually(t, patience, func() bool { return s.in.sum("ringcast_kafka_errors_total{") > failed }, func() string { return "nobody noticed" })

	inside := []*follower{s.resume(-1), s.resume(-2), s.resume(-awayRing / 2)}
	joined := followAll(t, 2, ledger.Config{URLs: []string{s.in.url("s")}, Book: s.book}, 2)
	for _, c := range inside {
		c.started(2)
	}
	s.complete(inside...)
	deep := s.resume(0)
	end, _ := deep.firstEnd()
	if end.Status != 503 || end.Problem.Type != "upstream_unavailable" || end.Header["retry-after"] == "" {
		t.Errorf("a deep resume got %d %+v %v", end.Status, end.Problem, end.Header)
	}
	since := ledger.NewClient(ledger.Config{URLs: []string{s.in.url("s") + "?since=2001-01-01"}})
	if end := since.Visit(t.Context(), ledger.Visit{}); end.Status != 503 || end.Problem.Type != "upstream_unavailable" {
		t.Errorf("since got %d %+v", end.Status, end.Problem)
	}
	begun := time.Now()
	if head := exchange(t, s.in.addr, "HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: "+s.points[0].id+"\r\n\r\n", func(got string) bool { return strings.HasSuffix(got, "\r\n\r\n") }); !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("HEAD got %q", head)
	}
	if d := time.Since(begun); d > 10*time.Second {
		t.Errorf("a refusal took %v", d)
	}

	s.up()
	s.scatterOver(2, 10)
	s.complete(append(append(inside, joined...), s.live, deep)...)
	for i, c := range append(append(inside, joined...), s.live) {
		if n := c.Counts(); n.Connections != 1 || n.Refusals+n.Failures > 0 {
			t.Errorf("client %d: %+v", i, n)
		}
	}
}

// TestKafkaGoesAndClientsWait: with limit_response = "stream" nobody is refused:
// what needs Kafka waits for it, and goes on.
func TestKafkaGoesAndClientsWait(t *testing.T) {
	t.Parallel()
	s := newAwayScene(t, "limit_response = \"stream\"\nheartbeat = \"1s\"\n")
	failed := s.in.sum("ringcast_kafka_errors_total{")
	s.down()
	eventually(t, patience, func() bool { return s.in.sum("ringcast_kafka_errors_total{") > failed }, func() string { return "nobody noticed" })
	deep := []*follower{s.resume(0), s.resume(10), s.resume(100)}
	since := follow(t, ledger.Config{URLs: []string{s.in.url("s") + "?since=2001-01-01"}, Book: s.book, Start: both(0)})
	other := follow(t, ledger.Config{URLs: []string{s.in.url("s")}, Book: s.book, LastEventID: `[{"topic":"t","partition":0,"offset":-2},{"topic":"t","partition":1,"offset":-2}]`, Start: both(0)})
	clients := append(deep, since, other)
	for i, c := range clients {
		eventually(t, patience, func() bool { return c.Counts().Heartbeats > 1 }, func() string { return fmt.Sprintf("client %d: %+v %v", i, c.Counts(), c.all()) })
		if c == since || c == other {
			continue
		}
		if c.LastEventID() != s.points[[]int{0, 10, 100}[i]].id {
			t.Errorf("the greeting's id is %s", c.LastEventID())
		}
	}
	s.up()
	// What is parked is greeted with what it asked for, which here is no id of ours.
	s.exact([]ledger.Kind{ledger.BadID}, append(clients, s.live)...)
	s.scatterOver(2, 10)
	s.exact([]ledger.Kind{ledger.BadID}, append(clients, s.live)...)
	for i, c := range append(clients, s.live) {
		if n := c.Counts(); n.Connections != 1 || n.Refusals+n.Failures > 0 {
			t.Errorf("client %d: %+v", i, n)
		}
	}
	s.in.noPrivate()
}

// TestKafkaGoesUnderReplay: a client that is on its way through history when
// Kafka goes waits where it is, and goes on from there.
func TestKafkaGoesUnderReplay(t *testing.T) {
	t.Parallel()
	const records = 12_000
	k := newFake(t, kfake.Ports(freePort(t)), kfake.DataDir(t.TempDir()), topics(1, "t"))
	in := startConfig(t, k.config("heartbeat = \"1s\"", fmt.Sprintf("events = %d", awayRing))+"[replay]\ncache = \"1MiB\"\n")
	in.waitReady()
	w := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)[0]
	old := w.LastEventID()
	k.produce("t", 0, records, 400)
	k.complete(w)
	c := begin(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: old, ReceiveBuffer: smallWindow})
	failed := in.sum("ringcast_kafka_errors_total{")
	k.down()
	eventually(t, patience, func() bool { return in.sum("ringcast_kafka_errors_total{") > failed }, func() string { return "nobody noticed" })
	c.Resume()
	eventually(t, patience, func() bool { return c.Counts().Heartbeats > 1 }, func() string { return "it does not come to where it has to wait" })
	if n := c.Receipt().Received(); n == 0 || n >= records {
		t.Errorf("%d records came without Kafka", n)
	}
	k.up()
	k.complete(c, w)
	k.produce("t", 0, 10, 100)
	k.complete(c, w)
	if n := c.Counts(); n.Connections != 1 {
		t.Errorf("%+v", n)
	}
	in.noPrivate()
}
