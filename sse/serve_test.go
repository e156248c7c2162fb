package sse

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// instead of the tests this is run, if it is set: the test binary is then a
// server of its own.
var instead func()

func TestMain(m *testing.M) {
	if instead != nil {
		instead()
		return
	}
	// fasthttp's worker pool ends up to 10 s after its server, its clock never.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// testConfig is how a publisher's stream "s" is served in tests.
func testConfig(p *publisher) Config {
	return Config{
		Streams:  []Stream{{Name: "s", Aliases: []string{"alias"}, Topics: []string{"t"}, ID: p.form, Ring: p.ring, Source: p}},
		BasePath: "/v2/stream", MaxRequestBytes: 16 << 10, SendBuffer: 64 << 10, HeaderTimeout: 10 * time.Second,
		Limits: Limits{MaxConnections: 4000, Heartbeat: 15 * time.Second, SlowClientTimeout: time.Minute, MinRate: 4096, PendingBytes: 64 << 20,
			ConnectionsPerIP: 1 << 20, ConnectRatePerIP: 1 << 20, CORSOrigins: []string{"*"}},
		Log: zerolog.New(os.Stderr).Level(zerolog.WarnLevel), Metrics: metrics.NewSet(),
	}
}

// serve starts a server for one stream "s" and returns its address.
func serve(t testing.TB, p *publisher, change func(*Config)) (*Server, string) {
	t.Helper()
	cfg := testConfig(p)
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if s.Connections() != 0 || s.sockets.Load() != 0 && !settles(func() bool { return s.sockets.Load() == 0 }) {
			t.Errorf("after Close: %d connections, %d sockets", s.Connections(), s.sockets.Load())
		}
		if n := s.open(); n != 0 && !settles(func() bool { return s.open() == 0 }) {
			t.Errorf("after Close: %d connections of addresses", n)
		}
		if n := s.pending.Load(); n != 0 {
			t.Errorf("after Close: %d pending bytes", n)
		}
	})
	return s, ln.Addr().String()
}

// bothPaths runs a test with shards and with a goroutine per client.
func bothPaths(t *testing.T, f func(t *testing.T, change func(*Config))) {
	t.Run("shards", func(t *testing.T) { f(t, func(c *Config) { c.Shards = 2 }) })
	t.Run("followers", func(t *testing.T) { f(t, func(c *Config) { c.NoShards = true }) })
}

// patience is how long a test waits for a condition.
const patience = 20 * time.Second

// settles reports whether a condition comes true.
func settles(f func() bool) bool {
	for deadline := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// until waits for a condition.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	if !settles(f) {
		t.Fatalf("still not: %s", what)
	}
}

// metric is the value of one metric of a server, with its labels as in the text.
func metric(t testing.TB, s *Server, name string) float64 {
	t.Helper()
	var b bytes.Buffer
	s.cfg.Metrics.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// closedFor is how many connections ended for a reason.
func closedFor(t testing.TB, s *Server, r closedReason) float64 {
	t.Helper()
	return metric(t, s, fmt.Sprintf("ringcast_connections_closed_total{reason=%q}", string(r)))
}

// get opens a stream and returns its response and a reader of its body.
func get(t *testing.T, addr, path, lastID string) (*http.Response, *bufio.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res, bufio.NewReader(res.Body)
}

// block reads up to and including the next blank line.
func block(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			t.Fatalf("after %q: %v", b.String(), err)
		}
		if line == "\n" {
			return b.String()
		}
	}
}

// dial connects and sends a request as it is.
func dial(t testing.TB, addr, request string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// answer sends a request as it is and returns all that comes back until the
// server closes.
func answer(t testing.TB, addr, request string) string {
	t.Helper()
	b, err := io.ReadAll(dial(t, addr, request))
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

// begins reads exactly as many bytes as want has, and compares.
func begins(t testing.TB, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(r, b); err != nil || string(b) != want {
		t.Errorf("got  %q (%v)\nwant %q", b[:n], err, want)
	}
}
