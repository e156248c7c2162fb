package blackbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestFlagsAndFile: both ways to start the server give the same stream.
func TestFlagsAndFile(t *testing.T) {
	k := newFake(t, topics(2, "t", "more"))
	k.produce("t", 0, 3, 100)
	f := func(name string, in *instance, stream string) {
		t.Run(name, func(t *testing.T) {
			in.waitReady()
			// From the first record that is there.
			c := follow(t, ledger.Config{URLs: []string{in.url(stream)}, Book: k.book,
				LastEventID: `[{"topic":"t","partition":0,"offset":-2},{"topic":"t","partition":1,"offset":-2}]`})
			k.produce("t", 1, 2, 100)
			k.complete(c)
		})
	}
	f("flags", startArgs(t, "serve", "-brokers", k.addr, "-stream", "s=t", "-stream", "both=t+more",
		"-listen", "127.0.0.1:0", "-admin-listen", "127.0.0.1:0"), "s")
	f("file", startConfig(t, k.config("", `aliases = ["alias"]`)), "s")
	f("alias", startConfig(t, k.config("", `aliases = ["alias"]`)), "alias")
}

// TestFirstBytes: what curl sees, byte for byte.
func TestFirstBytes(t *testing.T) {
	k := newFake(t, topics(2, "t"))
	k.produce("t", 0, 3, 100)
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	f := func(name, request, head, greeting, event string) {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			next := k.cluster.PartitionInfo("t", 0).HighWatermark
			head = strings.Replace(head, "COMMON", `cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\nconnection: close\r\n`, 1) + headRest
			greeting, event = head+at(greeting, next), head+at(greeting, next)+at(event, next+1)
			begun, whole := regexp.MustCompile("^"+greeting+"$"), regexp.MustCompile("^"+event+"$")
			exchange(t, in.addr, request, func(got string) bool {
				if begun.MatchString(got) {
					k.raw(jsonRecord("t", 0, `{"a":25.00,`+"\r\n"+`"b":"é"}`))
				}
				return whole.MatchString(got)
			})
		})
	}
	f("HTTP/1.1", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
		`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nCOMMONtransfer-encoding: chunked\r\n`,
		`[0-9a-f]+\r\nretry: \d+\nid: ID\n:ok\n\n\r\n`,
		`[0-9a-f]+\r\nevent: message\nid: ID\ndata: \{"a":25.00, "b":"é"\}\n\n\r\n`)
	f("HTTP/1.0", "GET /v2/stream/s/ HTTP/1.0\r\n\r\n",
		`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nCOMMON`,
		`retry: \d+\nid: ID\n:ok\n\n`,
		`event: message\nid: ID\ndata: \{"a":25.00, "b":"é"\}\n\n`)
	f("NDJSON", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n",
		`HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson; charset=utf-8\r\nCOMMONtransfer-encoding: chunked\r\n`,
		`1\r\n\n\r\n`,
		`16\r\n\{"a":25.00, "b":"é"\}\n\r\n`)
}

// headRest is how the head of every stream ends.
const headRest = `x-content-type-options: nosniff\r\naccess-control-allow-origin: \*\r\n` +
	`access-control-allow-headers: accept, cache-control, last-event-id, x-requested-with, content-type\r\naccess-control-expose-headers: retry-after\r\n\r\n`

// at fills a pattern in: ID is a position of topic t with two partitions, of
// which the second never had a record.
func at(pattern string, next int64) string {
	return strings.ReplaceAll(pattern, "ID", fmt.Sprintf(`\[\{"topic":"t","partition":0,"offset":%d,"timestamp":[0-9]{13},"epoch":"[\w-]{6}\.[\w-]{6}"\},`+
		`\{"topic":"t","partition":1,"offset":0,"epoch":"[\w-]{6}\.[\w-]{6}"\}\]`, next))
}

// TestRefusals: errors come before any byte of a stream, as JSON.
func TestRefusals(t *testing.T) {
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	f := func(method, path, lastID string, status int, kind string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method, "http://"+in.addr+path, nil)
		if lastID != "" {
			req.Header.Set("Last-Event-ID", lastID)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		var p ledger.Problem
		if res.StatusCode != status || json.Unmarshal(body, &p) != nil || p.Type != kind || p.Status != status || p.Method != method || p.URI != path {
			t.Errorf("%s %s: %d %s", method, path, res.StatusCode, body)
		}
		if got := res.Header.Get("content-type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s %s: content-type %q", method, path, got)
		}
	}
	f("GET", "/v2/stream/s,nope", "", 400, "not_found")
	f("GET", "/v2/stream/t", "", 400, "not_found") // a topic is no stream
	f("POST", "/v2/stream/s", "", 405, "method_not_allowed")
	f("GET", "/elsewhere?a=b", "", 404, "not_found")
	f("GET", "/v2/stream/s?since=yesterday", "", 400, "invalid_timestamp")
	f("GET", "/v2/stream/s", "nonsense", 400, "invalid_assignment")
	f("GET", "/v2/stream/s", `[{"topic":"other","partition":0,"offset":1}]`, 404, "topic_not_available")
	for _, path := range []string{"/metrics", "/readyz", "/healthz", "/streams", "/debug/pprof/"} {
		f("GET", path, "", 404, "not_found") // never on the public listener
	}
}

// TestAdmin: what an operator looks at.
func TestAdmin(t *testing.T) {
	k := newFake(t, topics(2, "t"))
	k.produce("t", 0, 3, 100)
	in := startConfig(t, k.config("", "aliases = [\"alias\"]\n[streams.absent]\ntopics = [\"absent\"]"))
	in.waitReady()
	clients := followAll(t, 3, ledger.Config{URLs: []string{in.url("alias")}, Book: k.book}, 2)
	k.produce("t", 1, 5, 100)
	k.complete(clients...)

	var ready struct {
		Ready          bool
		Process, Kafka string
		Streams        map[string]string
	}
	status, body := in.get("/readyz")
	if err := json.Unmarshal([]byte(body), &ready); err != nil || status != 200 || !ready.Ready || ready.Process != "serving" || ready.Kafka != "reached" ||
		ready.Streams["s"] != "warm" || ready.Streams["absent"] != "warm; missing topics: absent" {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, body := in.get("/healthz"); status != 200 {
		t.Errorf("/healthz: %d %s", status, body)
	}
	if status, _ := in.get("/debug/pprof/"); status != 200 {
		t.Errorf("/debug/pprof/ from loopback: %d", status)
	}

	var list struct {
		Streams []struct {
			Name    string
			Warm    bool
			Clients int
			Missing []string `json:"missing_topics"`
			Ring    struct {
				Events, Bytes int64
				Seconds       float64
			}
			Topics []struct {
				Name, Epoch string
				Exists      bool
				Partitions  []struct {
					Partition int32
					Next      int64 `json:"next_offset"`
				}
			}
		}
	}
	_, body = in.get("/streams")
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Streams) != 2 {
		t.Fatalf("/streams: %v\n%s", err, body)
	}
	for _, s := range list.Streams {
		if s.Name == "absent" {
			if len(s.Missing) != 1 || s.Topics[0].Exists {
				t.Errorf("/streams of a missing topic: %+v", s)
			}
			continue
		}
		if !s.Warm || s.Clients != 3 || s.Ring.Events < 8 || s.Ring.Bytes < 800 || len(s.Topics) != 1 || len(s.Topics[0].Partitions) != 2 ||
			s.Topics[0].Partitions[0].Next != 3 || s.Topics[0].Partitions[1].Next != 5 || len(s.Topics[0].Epoch) != 13 {
			t.Errorf("/streams: %+v\n%s", s, body)
		}
	}

	for name, want := range map[string]float64{
		`ringcast_connections{stream="s"}`:                                3,
		`ringcast_connections_total{stream="s"}`:                          3,
		`ringcast_clients{state="shard"}`:                                 3,
		`ringcast_clients{state="follower"}`:                              0,
		`ringcast_clients{state="private"}`:                               0,
		`ringcast_clients{state="waiting"}`:                               0,
		`ringcast_clients{state="replay"}`:                                0,
		`ringcast_topics_missing{stream="s"}`:                             0,
		`ringcast_topics_missing{stream="absent"}`:                        1,
		`ringcast_events_total{stream="s"}`:                               8,
		`ringcast_deliveries_total{stream="s"}`:                           15,
		`ringcast_ring_events{stream="s"}`:                                -2,
		`ringcast_ring_warm{stream="s"}`:                                  1,
		`ringcast_stream_stalled{stream="s"}`:                             0,
		`ringcast_resumes_total{stream="s",from="live"}`:                  3,
		`ringcast_connections_closed_total{reason="client"}`:              0,
		`ringcast_connections_refused_total{reason="total"}`:              0,
		`ringcast_events_skipped_total{stream="s",reason="invalid_json"}`: 0,
		`ringcast_build_info{version="dev"}`:                              1,
		`ringcast_pending_bytes`:                                          0,
		`ringcast_delivery_bytes_total{stream="s"}`:                       -2,
		`ringcast_delivery_lag_seconds_count{stream="s"}`:                 -2,
		`ringcast_writes_total`:                                           -2,
		`ringcast_short_writes_total`:                                     0,
		`ringcast_shard_lag_events`:                                       0,
		`ringcast_kafka_lag_records{stream="s"}`:                          0,
		`ringcast_kafka_last_record_timestamp_seconds{stream="s"}`:        -2,
		`ringcast_gaps_total{stream="s",reason="recreated"}`:              0,
		`ringcast_connections_closed_total{reason="blocked"}`:             0,
		`process_cpu_seconds_total`:                                       -2,
		`go_goroutines`:                                                   -2,
	} {
		// Below -1: any value, as long as it is there.
		if got := in.metric(name); got != want && (want > -2 || got < 0) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// TestHangupDoesNotKill: SIGHUP is for a reload, and leaves everything as it is
// where there is none.
func TestHangupDoesNotKill(t *testing.T) {
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	c := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)
	if err := in.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() bool { return strings.Contains(in.text(), "SIGHUP") }, func() string { return "nothing in the log" })
	k.produce("t", 0, 3, 100)
	k.complete(c...)
	if n := c[0].Counts().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}
