package sse

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	corsBytes = "x-content-type-options: nosniff\r\naccess-control-allow-origin: *\r\n" +
		"access-control-allow-headers: accept, cache-control, last-event-id, x-requested-with, content-type\r\naccess-control-expose-headers: retry-after\r\n\r\n"
	streamBytes = "cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\nconnection: close\r\n"
)

// tenRecords is a publisher of one partition with the offsets 0 to 9, of times
// 1000 to 1009.
func tenRecords() *publisher {
	p := newPublisher(100, 1)
	for i := range int64(10) {
		p.publishAt(0, i, 1000+i, fmt.Sprintf(`{"n":%d}`, i))
	}
	return p
}

// Every byte up to the first event, for every kind of client.
func TestResponse(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		_, addr := serve(t, tenRecords(), change)
		const newest = `[{"topic":"t","partition":0,"offset":10,"timestamp":1010,"epoch":"cccccc.tttttt"}]`
		const greeting = "id: " + newest + "\n:ok\n\n"
		chunked := fmt.Sprintf("%x\r\n%s\r\n", len(greeting), greeting)
		f := func(name, request, want string) {
			t.Helper()
			t.Run(name, func(t *testing.T) { begins(t, dial(t, addr, request), want) })
		}
		const sse = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n" + streamBytes
		f("1.1", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n", sse+"transfer-encoding: chunked\r\n"+corsBytes+chunked)
		f("1.0", "GET /v2/stream/s HTTP/1.0\r\n\r\n", sse+corsBytes+greeting)
		f("1.0 keep-alive", "GET /v2/stream/s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", sse+corsBytes+greeting)
		f("close", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", sse+"transfer-encoding: chunked\r\n"+corsBytes+chunked)
		f("any type", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAccept: text/html, application/json\r\n\r\n", sse)
		f("JSON", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAccept: Application/JSON;q=1\r\n\r\n",
			"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n"+streamBytes+"transfer-encoding: chunked\r\n"+corsBytes+"1\r\n\n\r\n")
		f("NDJSON", "GET /v2/stream/s HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n",
			"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson; charset=utf-8\r\n"+streamBytes+corsBytes+"\n")
		f("alias, slash, %2C, query", "GET /v2/stream/s%2calias%2Cs/?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", sse+"transfer-encoding: chunked\r\n"+corsBytes+chunked)
		f("id in the query", "GET /v2/stream/s?lastEventId="+escapedID(10)+" HTTP/1.0\r\n\r\n",
			sse+corsBytes+`id: [{"topic":"t","partition":0,"offset":10,"epoch":"cccccc.tttttt"}]`+"\n:ok\n\n")
		f("empty id in the query", "GET /v2/stream/s?lastEventId= HTTP/1.0\r\n\r\n", sse+corsBytes+greeting)
		f("empty since", "GET /v2/stream/s?since= HTTP/1.0\r\n\r\n", sse+corsBytes+greeting)
		f("header wins", "GET /v2/stream/s?lastEventId="+escapedID(3)+" HTTP/1.0\r\nLast-Event-ID: [{\"topic\":\"t\",\"partition\":0,\"offset\":9}]\r\n\r\n",
			sse+corsBytes+`id: [{"topic":"t","partition":0,"offset":9,"epoch":"cccccc.tttttt"}]`+"\n:ok\n\nevent: message\nid: "+newest+"\ndata: {\"n\":9}\n\n")

		t.Run("HEAD", func(t *testing.T) {
			want := sse + "transfer-encoding: chunked\r\n" + corsBytes
			if got := answer(t, addr, "HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"); got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
		t.Run("OPTIONS", func(t *testing.T) {
			got := answer(t, addr, "OPTIONS /v2/stream/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			for _, want := range []string{"HTTP/1.1 204 No Content\r\n", "access-control-allow-methods: GET, HEAD, OPTIONS\r\n", "access-control-max-age: ", "access-control-allow-origin: *\r\n"} {
				if !containsFold(got, want) {
					t.Errorf("no %q in %q", want, got)
				}
			}
			if !strings.HasSuffix(got, "\r\n\r\n") {
				t.Errorf("a body: %q", got)
			}
		})
	})
}

func escapedID(offset int64) string {
	return fmt.Sprintf(`%%5B%%7B%%22topic%%22:%%22t%%22,%%22partition%%22:0,%%22offset%%22:%d%%7D%%5D`, offset)
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

func TestRetryIsJittered(t *testing.T) {
	_, addr := serve(t, tenRecords(), func(c *Config) { c.Retry = 100 * time.Second })
	seen := map[string]bool{}
	for range 10 {
		res, r := get(t, addr, "/v2/stream/s", "")
		g := block(t, r)
		res.Body.Close()
		var ms int
		if _, err := fmt.Sscanf(g, "retry: %d\nid: ", &ms); err != nil || ms < 50_000 || ms > 150_000 {
			t.Fatalf("%q", g)
		}
		seen[g] = true
	}
	if len(seen) < 5 {
		t.Errorf("%d different", len(seen))
	}
}

func TestCORS(t *testing.T) {
	f := func(origins []string, asked, want string, vary bool) {
		t.Helper()
		_, addr := serve(t, tenRecords(), func(c *Config) { c.CORSOrigins = origins })
		for _, path := range []string{"/v2/stream/s", "/v2/stream/none", "/none"} {
			got := answer(t, addr, "HEAD "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: "+asked+"\r\n\r\n")
			if containsFold(got, "access-control-allow-origin: ") != (want != "") || want != "" && !containsFold(got, "\r\naccess-control-allow-origin: "+want+"\r\n") ||
				containsFold(got, "\r\nvary: Origin\r\n") != vary || !containsFold(got, "x-content-type-options: nosniff") {
				t.Errorf("%v, %s, %s: %q", origins, asked, path, got)
			}
		}
	}
	f([]string{"*"}, "https://a.example", "*", false)
	f([]string{"https://a.example", "https://b.example"}, "https://b.example", "https://b.example", true)
	f([]string{"https://a.example", "https://b.example"}, "https://c.example", "", true)
	f([]string{"https://a.example"}, "https://c.example", "https://a.example", false)
	f(nil, "https://a.example", "", false)
}

// Every refusal, as its JSON says it, in the order of the checks.
func TestRefusals(t *testing.T) {
	p := newPublisher(4, 1)
	for i := range int64(20) {
		p.publishAt(0, i, 1000+i, `{}`)
	}
	s, addr := serve(t, p, func(c *Config) { c.HeaderTimeout = time.Second })
	f := func(name, request string, status int, kind, title, detail string, headers ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			head, body, _ := strings.Cut(answer(t, addr, request), "\r\n\r\n")
			var got problem
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %q %q", err, head, body)
			}
			if got.Status != status || got.Type != kind || title != "" && got.Title != title || !strings.Contains(got.Detail, detail) {
				t.Errorf("got %+v", got)
			}
			if line := strings.SplitN(request, " ", 3); len(line) == 3 && status != 431 && status != 408 && (got.Method != line[0] || got.URI != line[1]) {
				t.Errorf("got %s %s", got.Method, got.URI)
			}
			for _, want := range append(headers, fmt.Sprintf("HTTP/1.1 %d ", status), "content-type: application/json; charset=utf-8\r\n", "access-control-allow-origin: *") {
				if !containsFold(head+"\r\n", want) {
					t.Errorf("no %q in %q", want, head)
				}
			}
		})
	}
	const rest = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	with := func(id string) string {
		return "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nLast-Event-ID: " + id + "\r\n\r\n"
	}
	f("no route", "GET /x?y=%22"+rest, 404, "not_found", "Not Found", "")
	f("no stream named", "GET /v2/stream/"+rest, 404, "not_found", "Not Found", "")
	f("below a stream", "GET /v2/stream/s/x"+rest, 404, "not_found", "Not Found", "")
	f("method", "POST /v2/stream/s"+rest, 405, "method_not_allowed", "", "", "allow: GET, HEAD, OPTIONS\r\n")
	f("unknown streams", "GET /v2/stream/b,s,a"+rest, 400, "not_found", "Stream Not Found", "Invalid streams: b,a")
	f("not HTTP", "GET\r\n\r\n", 400, "bad_request", "", "")
	f("body", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", 413, "payload_too_large", "", "")
	f("headers", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 16<<10), 431, "request_header_too_large", "", "")
	f("too slow", "GET /v2/stream/s HTTP/1.1\r\nHo", 408, "request_timeout", "", "")
	f("since", "GET /v2/stream/s?since=yesterday"+rest, 400, "invalid_timestamp", "Invalid timestamp", "since")
	f("stream before since", "GET /v2/stream/x?since=yesterday"+rest, 400, "not_found", "Stream Not Found", "")
	f("since before id", "GET /v2/stream/s?since=yesterday&lastEventId=x"+rest, 400, "invalid_timestamp", "", "")
	f("not JSON", with("x"), 400, "invalid_assignment", "", "not JSON")
	f("no entries", with("[]"), 400, "invalid_assignment", "", "no entries")
	f("empty header", with(" "), 400, "invalid_assignment", "", "empty")
	f("empty header wins", "GET /v2/stream/s?lastEventId="+escapedID(18)+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nLast-Event-ID:\r\n\r\n", 400, "invalid_assignment", "", "empty")
	f("two headers", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nLast-Event-ID: [\"t\"]\r\nLast-Event-ID: [\"t\"]\r\n\r\n", 400, "invalid_assignment", "", "More than one")
	f("fraction", with(`[{"topic":"t","partition":0,"offset":1.0}]`), 400, "invalid_assignment", "", "offset")
	f("twice", with(`[{"topic":"t","partition":0,"offset":1},{"topic":"t","partition":0,"offset":1}]`), 400, "invalid_assignment", "", "twice")
	f("below -2", with(`[{"topic":"t","partition":0,"offset":-3}]`), 400, "invalid_assignment", "", "")
	f("other topic", with(`[{"topic":"u","partition":0,"offset":1}]`), 404, "topic_not_available", "", `"u"`)
	f("other topic by name", with(`["u"]`), 404, "topic_not_available", "", `"u"`)
	f("bad id before other topic", with(`[{"topic":"u","partition":0,"offset":1},5]`), 400, "invalid_assignment", "", "")
	f("Kafka is asked and away", with(`[{"topic":"t","partition":7,"offset":1}]`), 503, "upstream_unavailable", "", "", "retry-after: ")
	f("other topic before Kafka", with(`[{"topic":"t","partition":7,"offset":1},{"topic":"u","partition":0,"offset":1}]`), 404, "topic_not_available", "", "")
	f("before the ring", with(`[{"topic":"t","partition":0,"offset":1}]`), 503, "overloaded", "", "", "retry-after: ")
	f("before the ring, ours", with(p.id(1)), 503, "overloaded", "", "", "retry-after: ")
	f("before the ring by time", "GET /v2/stream/s?since=1005"+rest, 503, "upstream_unavailable", "", "", "retry-after: ")
	p.set(func(p *publisher) { p.lookUp = func(string) (int, bool, error) { return 2, true, nil } })
	f("no such partition", with(`[{"topic":"t","partition":2,"offset":1}]`), 400, "invalid_assignment", "", "no partition 2")
	f("too many entries", with(`[{"topic":"t","partition":0,"offset":18},{"topic":"t","partition":1,"offset":1},{"topic":"t","partition":2,"offset":1}]`), 400, "invalid_assignment", "", "3 entries")
	if n := metric(t, s, `ringcast_connections_refused_total{reason="replay"}`); n != 2 {
		t.Errorf("%v refused for replay", n)
	}
	if n := metric(t, s, `ringcast_connections_refused_total{reason="kafka"}`); n != 2 {
		t.Errorf("%v refused for Kafka", n)
	}
}

func TestSilentConnectionIsClosed(t *testing.T) {
	s, addr := serve(t, tenRecords(), func(c *Config) { c.HeaderTimeout = 50 * time.Millisecond })
	if got := answer(t, addr, ""); got != "" && !strings.HasPrefix(got, "HTTP/1.1 408 ") {
		t.Errorf("%q", got)
	}
	until(t, "it is gone", func() bool { return s.sockets.Load() == 0 })
}

// Before Kafka was ever reached a wrong request is told so, and an id that only
// Kafka can place is asked to come back.
func TestRefusalsWhileCold(t *testing.T) {
	p := newEmptyPublisher(10, 0)
	p.cold.Store(true)
	_, addr := serve(t, p, nil)
	f := func(id string, status int) {
		t.Helper()
		res, _ := get(t, addr, "/v2/stream/s", id)
		if res.StatusCode != status {
			t.Errorf("%s: %d", id, res.StatusCode)
		}
	}
	f(`[{"topic":"u","partition":0,"offset":1}]`, 404)
	f(`[{"topic":"t","partition":0,"offset":1}]`, 503)
	f(`[{"topic":"t","partition":0,"offset":1,"epoch":"cccccc.tttttt"}]`, 503)
	f(`[{"topic":"u","partition":0,"offset":1,"epoch":"cccccc.tttttt"}]`, 503)
}

func TestInstanceFull(t *testing.T) {
	s, addr := serve(t, tenRecords(), func(c *Config) { c.MaxConnections = 1 })
	res, r := get(t, addr, "/v2/stream/s", "")
	block(t, r)
	// Limits come before everything else.
	if full, _ := get(t, addr, "/v2/stream/none", ""); full.StatusCode != 503 || full.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", full.StatusCode, full.Header)
	}
	if n := metric(t, s, `ringcast_connections_refused_total{reason="total"}`); n != 1 {
		t.Errorf("%v refused", n)
	}
	res.Body.Close()
	until(t, "there is room", func() bool { return s.Connections() == 0 })
	_, r = get(t, addr, "/v2/stream/s", "")
	block(t, r)
}

func TestRoutesAreUnique(t *testing.T) {
	p := tenRecords()
	if _, err := New(Config{Streams: []Stream{{Name: "a", Ring: p.ring}, {Name: "b", Aliases: []string{"a"}, Ring: p.ring}}}); err == nil {
		t.Error("two streams have one route")
	}
}
