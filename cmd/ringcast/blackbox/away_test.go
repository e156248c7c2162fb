package blackbox

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestKafkaAwayAtStart: the server starts without Kafka, takes clients, and
// gives them what comes once Kafka is there.
func TestKafkaAwayAtStart(t *testing.T) {
	port := freePort(t)
	k := awayFake(t, kfake.Ports(port), topics(2, "t"))
	k.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	in := startConfig(t, k.config("", ""))

	begun := time.Now()
	got := exchange(t, in.addr, "GET /v2/stream/s HTTP/1.0\r\n\r\n", func(got string) bool { return strings.HasSuffix(got, ":ok\n\n") })
	if !strings.HasPrefix(got, "HTTP/1.1 200 ") || strings.Contains(got, "\nid:") {
		t.Errorf("a live connection got %q, want 200 and a greeting without a position", got)
	}
	if d := time.Since(begun); d > 2*time.Second {
		t.Errorf("the greeting took %v", d)
	}
	resume := ledger.NewClient(ledger.Config{URLs: []string{in.url("s")},
		LastEventID: `[{"topic":"t","partition":0,"offset":1,"epoch":"abcdef.ghijkl"}]`})
	if end := resume.Visit(t.Context(), ledger.Visit{}); end.Status != 503 || end.Problem.Type != "upstream_unavailable" || end.Header["retry-after"] == "" {
		t.Errorf("a resume got %d %+v %v", end.Status, end.Problem, end.Header)
	}
	if status, body := in.get("/readyz"); status != 503 || !strings.Contains(body, "never reached") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := in.get("/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	if n := in.metric(`ringcast_connections_refused_total{reason="kafka"}`); n != 1 {
		t.Errorf("refused for Kafka: %v", n)
	}

	waiting := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book,
		Start: ledger.Positions{{Topic: "t", Partition: 0}: 0, {Topic: "t", Partition: 1}: 0}})
	eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == 1 }, func() string { return "no connection" })
	k.start()
	in.waitReady()
	k.produce("t", 0, 5, 100)
	k.produce("t", 1, 5, 100)
	k.complete(waiting)
	if c := waiting.Counts(); c.Connections != 1 || c.Refusals != 0 {
		t.Errorf("the client that waited: %+v", c)
	}
	after := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	k.produce("t", 1, 5, 100)
	k.complete(waiting, after[0])
}
