package sse

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Requests that no honest client sends: each is answered as the contract says,
// in JSON that a parser takes, with nothing of it outside the JSON.
func TestHostileRequests(t *testing.T) {
	s, addr := serve(t, tenRecords(), func(c *Config) { c.HeaderTimeout = time.Second })
	f := func(name, request string, status int, kind string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			text := answer(t, addr, request)
			res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
			if err != nil {
				t.Fatalf("%v: %q", err, text)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			var got problem
			if err != nil || json.Unmarshal(body, &got) != nil || res.StatusCode != status || got.Status != status || got.Type != kind {
				t.Errorf("%v: %q", err, text)
			}
			// Nothing is made up of what could not be read.
			uri, _, _ := strings.Cut(strings.ToValidUTF8(got.URI, "\ufffd"), "\ufffd")
			if first := got.Method + " " + uri; first != " " && !strings.HasPrefix(request, first) {
				t.Errorf("told as %q", first)
			}
			for _, h := range everywhere {
				if !containsFold(text, "\r\n"+h) {
					t.Errorf("no %q in %q", h, text)
				}
			}
			if strings.Contains(strings.ToLower(fmt.Sprint(res.Header)), "evil") || bytes.ContainsAny(body, "\r\n\x00") {
				t.Errorf("%q", text)
			}
		})
	}
	const end = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	const get = "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	long := strings.Repeat("a", 20<<10)
	f("long path", "GET /v2/stream/"+long+end, 431, "request_header_too_large")
	f("long query", "GET /v2/stream/s?since="+long+end, 431, "request_header_too_large")
	f("long header", get+"Cookie: "+long+"\r\n\r\n", 431, "request_header_too_large")
	f("many headers", get+strings.Repeat("A: b\r\n", 4000)+"\r\n", 431, "request_header_too_large")
	f("long method", long+" /v2/stream/s"+end, 431, "request_header_too_large")
	f("bad escape", "GET /v2/stream/%zz"+end, 400, "bad_request")
	f("half an escape", "GET /v2/stream/s%2"+end, 400, "bad_request")
	f("CR LF in a name", "GET /v2/stream/s%0d%0aevil:%201"+end, 400, "not_found")
	f("NUL in a name", "GET /v2/stream/s%00"+end, 400, "not_found")
	f("no UTF-8 in a name", "GET /v2/stream/%ff%fe"+end, 400, "not_found")
	f("raw bytes in the path", "GET /v2/stream/\xff\xfe<script>"+end, 400, "not_found")
	f("NUL in the path", "GET /v2/stream/s\x00"+end, 400, "bad_request")
	f("CR in the path", "GET /v2/stream/s\revil: 1"+end, 400, "bad_request")
	f("tab in the path", "GET /v2/stream/s\tx"+end, 400, "bad_request")
	f("257 names", "GET /v2/stream/"+strings.Repeat("s,", 256)+"s"+end, 400, "bad_request")
	f("only commas", "GET /v2/stream/,,"+end, 400, "not_found")
	f("NUL in a header", get+"X: a\x00b\r\n\r\n", 400, "bad_request")
	f("CR in a header", get+"X: a\revil: 1\r\n\r\n", 400, "bad_request")
	f("no colon", get+"evil\r\n\r\n", 400, "bad_request")
	f("space before the colon", get+"X : a\r\n\r\n", 400, "bad_request")
	f("no name", get+": a\r\n\r\n", 400, "bad_request")
	f("no host", "GET /v2/stream/s HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "bad_request")
	f("two hosts", get+"Host: y\r\n\r\n", 400, "bad_request")
	f("bad host", "GET /v2/stream/s HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_request")
	f("no path", "GET HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request")
	f("no slash", "GET v2/stream/s"+end, 400, "bad_request")
	f("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request")
	f("HTTP/3", "GET /v2/stream/s HTTP/3.0\r\nHost: x\r\n\r\n", 400, "bad_request")
	f("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request")
	f("bad method", "GE\x00T /v2/stream/s"+end, 400, "bad_request")
	f("two lengths", get+"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", 400, "bad_request")
	f("negative length", get+"Content-Length: -1\r\n\r\n", 400, "bad_request")
	f("other coding", get+"Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request")
	f("small body", get+"Content-Length: 5\r\n\r\nhello", 413, "payload_too_large")
	f("chunked body", get+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 413, "payload_too_large")
	f("body of another route", "GET /_info HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 413, "payload_too_large")
	f("large body", get+"Content-Length: 5000000\r\n\r\nhello", 413, "payload_too_large")
	f("very large body", get+"Content-Length: 9223372036854775807\r\n\r\nhello", 413, "payload_too_large")
	f("large chunk", get+"Transfer-Encoding: chunked\r\n\r\nffffff\r\nhello", 413, "payload_too_large")
	f("small POST", "POST /v2/stream/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 405, "method_not_allowed")
	f("large POST", "POST /v2/stream/s HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nhello", 413, "payload_too_large")
	f("a body that is asked about", "POST /v2/stream/s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50000\r\n\r\n", 413, "payload_too_large")
	f("slow headers", get+"X: a", 408, "request_timeout")
	f("slow body", "POST /v2/stream/s HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello", 408, "request_timeout")
	f("CONNECT", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "not_found")
	f("absolute, no such route", "GET http://y/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "not_found")
	f("two ids", get+"Last-Event-ID: [\"t\"]\r\nlast-event-id: [\"t\"]\r\n\r\n", 400, "invalid_assignment")
	f("deep id", get+"Last-Event-ID: "+strings.Repeat("[", 12<<10)+"\r\n\r\n", 400, "invalid_assignment")
	f("deep object in an id", get+"Last-Event-ID: [{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"x\":"+strings.Repeat("{\"x\":", 2000)+"1"+strings.Repeat("}", 2001)+"]\r\n\r\n", 400, "invalid_assignment")
	for _, n := range []string{"9223372036854775808", "-9223372036854775809", "1e9", "1.0", "01", "+1", strings.Repeat("9", 9000), "null", `"5"`, "[]", "NaN"} {
		f("offset "+n[:min(len(n), 20)], get+`Last-Event-ID: [{"topic":"t","partition":0,"offset":`+n+"}]\r\n\r\n", 400, "invalid_assignment")
	}
	f("empty objects", get+"Last-Event-ID: [{}]\r\n\r\n", 400, "invalid_assignment")
	f("id with a NUL", "GET /v2/stream/s?lastEventId=%00"+end, 400, "invalid_assignment")
	f("topic with CR LF", "GET /v2/stream/s?lastEventId=[%22t%0d%0aevil:1%22]"+end, 400, "invalid_assignment")
	f("topic with escapes", get+`Last-Event-ID: ["\r\nevil: 1"]`+"\r\n\r\n", 404, "topic_not_available")
	f("since with CR LF", "GET /v2/stream/s?since=%0d%0aevil:1"+end, 400, "invalid_timestamp")
	f("since that is long", "GET /v2/stream/s?since="+strings.Repeat("1", 8000)+end, 400, "invalid_timestamp")
	until(t, "all are gone", func() bool { return s.sockets.Load() == 0 })
}

// More entries than an id may have, where the request is allowed to be so long.
func TestIDOfTooManyEntries(t *testing.T) {
	_, addr := serve(t, tenRecords(), func(c *Config) { c.MaxRequestBytes = 1 << 20 })
	f := func(n int, detail string) {
		t.Helper()
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"topic":"t","partition":%d,"offset":1}`, i)
		}
		_, body := one(t, addr, request+"Connection: close\r\nLast-Event-ID: ["+b.String()[1:]+"]\r\n\r\n")
		if !strings.Contains(body, `"status":400,"type":"invalid_assignment"`) || !strings.Contains(body, detail) {
			t.Errorf("%d entries: %q", n, body)
		}
	}
	f(4096, "4096 entries")
	f(4097, "4096")
	f(20000, "4096")
}

// What is odd but allowed is served.
func TestOddRequests(t *testing.T) {
	_, addr := serve(t, tenRecords(), nil)
	f := func(request string) {
		t.Helper()
		begins(t, dial(t, addr, request), "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n")
	}
	f("GET http://elsewhere:99/v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET /v2/stream/s#fragment HTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET /v2/stream/%73 HTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET /v2/stream/s?x=http://y/%zz&&=&since= HTTP/1.1\r\nHost: x\r\n\r\n")
	f("\r\nGET /v2/stream/s HTTP/1.1\r\nhOsT: x\r\n\r\n")
	f("GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAccept: " + strings.Repeat("text/html;q=0.1,", 800) + "\r\n\r\n")
	f("GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAccept: \xff\xfe\r\nAccept: application/json\r\n\r\n")
	f("GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	f("GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + strings.Repeat("1.1.1.1,", 1500) + "\r\n\r\n")
}

// Requests that come in one go are answered in order, and a stream is the last.
func TestPipelining(t *testing.T) {
	_, addr := serve(t, tenRecords(), nil)
	c := dial(t, addr, "GET /_info/name HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"+
		request+"\r\nGET /never HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(c)
	for _, want := range []int{200, 404, 204, 200} {
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != want {
			t.Fatalf("%v %v, want %d", res, err, want)
		}
		if want == 200 && strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
			block(t, bufio.NewReader(res.Body))
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	t.Error("no stream")
}

// badStreams are as many different requests as would show.
const badStreams = 10_000

// Names that are none leave nothing behind: no label, no memory.
func TestBadStreamsLeaveNothing(t *testing.T) {
	s, addr := serve(t, tenRecords(), func(c *Config) { c.ConnectRatePerIP = 0 })
	c := dial(t, addr, "")
	r := bufio.NewReader(c)
	ask := func(i int) {
		if _, err := fmt.Fprintf(c, "GET /v2/stream/none%d?x=%d HTTP/1.1\r\nHost: x%d\r\nAccept: a/%d\r\nLast-Event-ID: %d\r\nUser-Agent: %d\r\n\r\n", i, i, i, i, i, i); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != 400 {
			t.Fatalf("%v %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	lines := func() int {
		var b bytes.Buffer
		s.cfg.Metrics.WritePrometheus(&b)
		return bytes.Count(b.Bytes(), []byte("\n"))
	}
	inUse := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for i := range 100 {
		ask(badStreams + i)
	}
	before, memory := lines(), inUse()
	for i := range badStreams {
		ask(i)
	}
	if after := lines(); after != before {
		t.Errorf("%d lines of metrics, %d before", after, before)
	}
	if after := inUse(); after > memory+badStreams*10 {
		t.Errorf("%d bytes more", after-memory)
	}
	if n := s.addresses.size(); n != 0 {
		t.Errorf("%d addresses are known", n)
	}
}

// An error says which request it is about, as far as that could be read.
func TestMalformedSaysWhatWasAsked(t *testing.T) {
	_, addr := serve(t, tenRecords(), func(c *Config) { c.HeaderTimeout = time.Second })
	f := func(request, method, uri string) {
		t.Helper()
		_, body := one(t, addr, request)
		var got problem
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Method != method || got.URI != uri {
			t.Errorf("%.40q is told as %q %q: %q", request, got.Method, got.URI, body)
		}
	}
	const post = "POST /v2/stream/s?a=b HTTP/1.1\r\nHost: x\r\n"
	f(post+"Cookie: "+strings.Repeat("a", 20<<10)+"\r\n\r\n", "", "")
	f(post+"X : a\r\n\r\n", "", "")
	f(post+"X: a", "", "") // and no more
	f(post+"Content-Length: 50000\r\n\r\n", "POST", "/v2/stream/s?a=b")
	f(post+"Content-Length: 50\r\n\r\nhello", "", "") // fasthttp forgets the head of a body that is late
	f("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n", "GET", "/")
	f("GET /v2/stream/s HTTP/3.0\r\nHost: x\r\n\r\n", "GET", "/v2/stream/s")
}
