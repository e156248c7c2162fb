package sse

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// scripted is a client that sends what it has and closes.
type scripted struct {
	in io.Reader

	mu     sync.Mutex
	out    bytes.Buffer // guarded by mu
	closed bool         // guarded by mu
}

func (c *scripted) Read(b []byte) (int, error) { return c.in.Read(b) }

func (c *scripted) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	return c.out.Write(b)
}

func (c *scripted) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

func (c *scripted) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (c *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5} }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// FuzzRequest: whatever a client sends, every answer is one that the contract
// knows, its header holds only what we write into it, an error is JSON, and
// nothing stays counted.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD /v2/stream/s,alias/?since=2020-01-01&notices=event HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n",
		"GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: [{\"topic\":\"t\",\"partition\":0,\"offset\":4,\"timestamp\":1004}]\r\nX-Forwarded-For: 1.1.1.1, [2001:db8::1]:5\r\n\r\n",
		"GET /v2/stream/s?lastEventId=%5B%22t%22%5D HTTP/1.1\r\nHost: x\r\nReferer: http://y/?z\r\nUser-Agent: \xff\r\n\r\n",
		"GET /x?y=%22 HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\nGET /_info HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v2/stream/s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
		"GET /v2/stream/%0d%0a%00%zz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"GET http://x/v2/stream/none HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		// Paths and queries.
		"GET //v2/./stream/../stream/%73?since=1&since=2&lastEventId=&since HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/stream/s,,alias,none,s%2Cs?notices=event&notices=x&lastEventId=%00%0a HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/stream/s?since=%2B&lastEventId=[{\"topic\":\"t\",\"partition\":0,\"timestamp\":-1}]#x HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/stream HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/ui/ HTTP/1.1\r\nHost: x\r\n\r\nGET /?doc HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n",
		// Headers.
		"GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: a\r\nLast-Event-ID: AQIAAQ\r\nX-Forwarded-For: ,,::1%lo, 1.1.1.1.1\r\n\r\n",
		"GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAccept: application/json;q=0, text/*;q=1.5, */*;q=\r\n folded: x\r\n\r\n",
		"get /v2/stream/s HTTP/1.1\nHost: x\nHost: y\nConnection: upgrade, close\nUpgrade: websocket\n\n",
		"GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nTransfer-Encoding: chunked, identity\r\n\r\nffffffffffffffff\r\n",
		"GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer e30.e30.\r\nCookie: a=b; \x00=\xff\r\nRange: bytes=0-\r\nTE: trailers\r\n\r\n",
		// HTTP/1.0, and others.
		"GET /v2/stream/s HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /v2/stream/none HTTP/1.0\r\n\r\n",
		"GET /v2/stream/none HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /v2/stream/none HTTP/0.9\r\n\r\n",
		"GET /v2/stream/s HTTP/2.0\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		// Pipelined: behind answers, and behind a stream.
		"GET /none HTTP/1.1\r\nHost: x\r\n\r\nDELETE /v2/stream/s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /v2/stream/none HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\nGET",
	} {
		f.Add([]byte(seed))
	}
	cfg := testConfig(tenRecords())
	cfg.NoShards, cfg.AccessLog, cfg.UI, cfg.Log = true, true, true, zerolog.New(io.Discard)
	cfg.TrustedProxies, cfg.ClientIPHeader = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "X-Forwarded-For"
	s, err := New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		client := &scripted{in: bytes.NewReader(data)}
		s.sockets.Add(1)
		_ = s.http.ServeConn(&conn{Conn: client, sockets: &s.sockets})
		until(t, "nothing is counted", func() bool { return s.sockets.Load() == 0 && s.Connections() == 0 && s.open() == 0 })
		client.mu.Lock()
		defer client.mu.Unlock()
		if !client.closed {
			t.Fatal("not closed")
		}
		// Behind an answer to HEAD, which has the length of a body but no body, a
		// reader that does not know the requests is lost.
		checkAnswers(t, client.out.String(), bytes.Contains(data, []byte("HEAD")))
	})
}

// ours are the headers that a public answer may have.
var ours = []string{
	"Content-Type", "Content-Length", "Cache-Control", "X-Accel-Buffering", "Connection", "Vary", "X-Content-Type-Options", "Retry-After", "Allow", "Location",
	"Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Allow-Methods", "Access-Control-Max-Age",
	"Etag", "Content-Security-Policy", "Referrer-Policy", // of the pages
}

// checkAnswers reads all answers on one connection, or only the head of the first.
func checkAnswers(t *testing.T, text string, one bool) {
	t.Helper()
	for r := bufio.NewReader(strings.NewReader(text)); ; {
		if _, err := r.Peek(1); err != nil {
			return
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		if !slices.Contains([]int{200, 204, 303, 304, 400, 404, 405, 408, 413, 431, 503}, res.StatusCode) || res.Header.Get("X-Content-Type-Options") != "nosniff" ||
			res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Fatalf("%q", text)
		}
		for name := range res.Header {
			if !slices.Contains(ours, name) {
				t.Fatalf("a header %q: %q", name, text)
			}
		}
		if one {
			return
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode < 400 {
			continue
		}
		var p problem
		if len(body) > 0 && err == nil && json.Unmarshal(body, &p) != nil || len(body) > 0 && err == nil && p.Status != res.StatusCode {
			t.Fatalf("%v %q: %q", err, body, text)
		}
	}
}
