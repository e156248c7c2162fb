package sse

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
)

// archive is a History in memory of one partition of topic "t", whose records
// are {"n":0}, {"n":1} and so on.
type archive struct {
	mu    sync.Mutex
	start int64
	times []int64       // of the records
	free  chan struct{} // readers wait until it is closed
	away  bool
}

var errAway = errors.New("away")

func (a *archive) set(f func(*archive)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

func (a *archive) At(_ context.Context, _ string, _ ringbuf.Key, ms int64) (int64, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for o := a.start; o < int64(len(a.times)) && !a.away; o++ {
		if a.times[o] >= ms {
			return o, true, nil
		}
	}
	if a.away {
		return 0, false, errAway
	}
	return 0, false, nil
}

func (a *archive) Earliest(context.Context, string, ringbuf.Key) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away {
		return 0, errAway
	}
	return a.start, nil
}

func (a *archive) Open(ranges []Range) (HistoryReader, error) {
	return &archiveReader{archive: a, Range: ranges[0]}, nil
}

// archiveReader hands out one record at a time.
type archiveReader struct {
	*archive
	Range
	item HistoryItem
}

func (r *archiveReader) Next(ctx context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	free := r.free
	if free != nil || r.away {
		r.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
		}
		r.mu.Lock()
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	r.item = HistoryItem{Kind: ringbuf.Event, Offset: r.From, Next: r.From + 1}
	switch {
	case r.From >= r.To:
		return 0, io.EOF
	case r.From < r.start:
		r.item.Kind, r.item.Reason, r.item.Next, r.item.Time = ringbuf.Gap, gapExpired, min(r.start, r.To), ringbuf.NoTime
	default:
		r.item.Time, r.item.Value = r.times[r.From], fmt.Appendf(nil, `{"n":%d}`, r.From)
	}
	r.From = r.item.Next
	return 1, nil
}

func (r *archiveReader) Item(int) HistoryItem { return r.item }
func (r *archiveReader) Release()             {}
func (r *archiveReader) Close()               {}

// archived is a publisher of records that its ring of four has mostly lost, and
// the archive that has them all.
func archived(records int) (*publisher, *archive) {
	p, a := newPublisher(4, 1), &archive{}
	for n := range int64(records) {
		a.times = append(a.times, firstTime+n)
		p.publishAt(0, n, firstTime+n, fmt.Sprintf(`{"n":%d}`, n))
	}
	return p, a
}

// more publishes records one after the other without letting anyone run.
func (p *publisher) more(a *archive, records int) {
	p.mu.Lock()
	defer p.ring.Wake()
	defer p.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	for range records {
		n := int64(len(a.times))
		a.times = append(a.times, firstTime+n)
		w := p.enc.Event(p.ring.Position(), 0, ringbuf.Pos{Next: n + 1, Time: firstTime + n}, fmt.Appendf(nil, `{"n":%d}`, n))
		if err := p.ring.Publish(0, n, firstTime+n, w); err != nil {
			panic(err)
		}
	}
}

// numbers reads events until the one with a number, and returns all numbers and
// what was said between.
func numbers(t testing.TB, r *bufio.Reader, last int) (list []int, said string) {
	t.Helper()
	for len(list) == 0 || list[len(list)-1] != last {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("after %v and %q: %v", list, said, err)
		}
		value, ok := strings.CutPrefix(strings.TrimPrefix(line, "data: "), `{"n":`)
		if n, err := strconv.Atoi(strings.TrimSuffix(value, "}\n")); ok && err == nil {
			list = append(list, n)
		} else if strings.HasPrefix(line, ":") || strings.HasPrefix(line, "event: gap") || strings.HasPrefix(line, "data: ") {
			said += line
		}
	}
	return list, said
}

// inOrder reports whether a list counts from one number to its last.
func inOrder(list []int, from int) bool {
	for i, n := range list {
		if n != from+i {
			return false
		}
	}
	return true
}

// free reports whether nobody has a place.
func (p *places) free() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used == 0
}

func replays(t testing.TB, s *Server) float64 {
	return metric(t, s, `ringcast_clients{state="replay"}`)
}

// What the ring has lost is read from Kafka, in every lane; what Kafka has lost
// too is told where the lane has notices.
func TestReplay(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p, a := archived(50)
		a.start = 5
		s, addr := serve(t, p, func(c *Config) { change(c); c.History = a })
		last := 50
		f := func(version, accept, query, notice string) {
			t.Helper()
			c := dial(t, addr, "GET /v2/stream/s"+query+" HTTP/"+version+"\r\nHost: x\r\n"+accept+"Last-Event-ID: "+p.id(0)+"\r\n\r\n")
			r := bufio.NewReader(c)
			p.more(a, 1)
			list, said := numbers(t, r, last)
			if !inOrder(list, 5) || strings.TrimPrefix(said, ":ok\n") != notice {
				t.Errorf("%s %s%s: %v after %q", version, accept, query, list, said)
			}
			last++
			until(t, "nobody replays", func() bool { return replays(t, s) == 0 && s.places.free() })
			c.Close()
		}
		const comment = ": gap topic=t partition=0 asked=0 given=5 reason=expired\n"
		f("1.1", "", "", comment)
		f("1.0", "", "", comment)
		f("1.1", "", "?notices=event", "event: gap\ndata: {\"topic\":\"t\",\"partition\":0,\"asked\":0,\"given\":5,\"reason\":\"expired\"}\n")
		f("1.1", "Accept: application/json\r\n", "", "")
		f("1.0", "Accept: application/x-ndjson\r\n", "", "")
		if n := metric(t, s, `ringcast_gaps_total{stream="s",reason="expired"}`); n != 5 {
			t.Errorf("%v gaps counted", n)
		}
		if n := metric(t, s, `ringcast_resumes_total{stream="s",from="kafka"}`); n != 5 {
			t.Errorf("%v resumes from Kafka", n)
		}
	})
}

// A client that was live and has fallen out of the ring goes on without a gap.
func TestReplayAfterFallingOut(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p, a := archived(10)
		s, addr := serve(t, p, func(c *Config) { change(c); c.History = a })
		_, r := get(t, addr, "/v2/stream/s", "")
		block(t, r)
		p.more(a, 1)
		numbers(t, r, 10)
		for from := 11; from < 200; from += 30 {
			p.more(a, 30)
			if list, said := numbers(t, r, from+29); !inOrder(list, from) || said != "" {
				t.Errorf("%v %q", list, said)
			}
		}
		until(t, "nobody replays", func() bool { return replays(t, s) == 0 })
	})
}

func TestReplayTLS(t *testing.T) {
	p, a := archived(50)
	server, client := selfSigned(t)
	_, addr := serve(t, p, func(c *Config) { c.TLS, c.History = server, a })
	c, err := tls.Dial("tcp", addr, client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: "+p.id(0)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	if list, _ := numbers(t, r, 49); !inOrder(list, 0) {
		t.Error(list)
	}
	p.more(a, 1)
	numbers(t, r, 50)
}

// Requests are refused while as many clients as may catch up from Kafka; one
// that goes away makes room.
func TestReplayPlaces(t *testing.T) {
	f := func(name string, change func(*Config), status int, reason string) {
		t.Run(name, func(t *testing.T) {
			p, a := archived(50)
			a.free = make(chan struct{})
			s, addr := serve(t, p, func(c *Config) { change(c); c.History = a })
			_, first := get(t, addr, "/v2/stream/s", p.id(0))
			block(t, first)
			until(t, "it replays", func() bool { return replays(t, s) == 1 })
			res, body := get(t, addr, "/v2/stream/s", p.id(1))
			b, err := io.ReadAll(body)
			if err != nil || res.StatusCode != status {
				t.Fatalf("%d %q %v", res.StatusCode, b, err)
			}
			if status == http.StatusOK {
				m := regexp.MustCompile(`^retry: (\d+)\n: limit ` + reason + `\n\n$`).FindSubmatch(b)
				if m == nil {
					t.Fatalf("%q", b)
				}
				if ms, _ := strconv.Atoi(string(m[1])); ms < 5000 || ms > 60000 {
					t.Errorf("%q", b)
				}
				if got := answer(t, addr, "GET /v2/stream/s HTTP/1.0\r\nAccept: application/json\r\nLast-Event-ID: "+p.id(1)+"\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.") || !strings.HasSuffix(got, "\r\n\r\n\n") {
					t.Errorf("%q", got)
				}
			} else if res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if n := metric(t, s, fmt.Sprintf(`ringcast_connections_refused_total{reason=%q}`, reason)); n < 1 {
				t.Errorf("%v counted", n)
			}
			// Who needs no Kafka is not refused.
			_, live := get(t, addr, "/v2/stream/s", "")
			block(t, live)
			a.set(func(a *archive) { close(a.free); a.free = nil })
			numbers(t, first, 49)
			until(t, "its place is free", func() bool { return s.places.free() })
			_, next := get(t, addr, "/v2/stream/s", p.id(1))
			if list, _ := numbers(t, next, 49); !inOrder(list, 1) {
				t.Error(list)
			}
		})
	}
	f("in all", func(c *Config) { c.ReplayClients = 1 }, http.StatusServiceUnavailable, "replay")
	f("per address", func(c *Config) { c.ReplaysPerIP = 1 }, http.StatusTooManyRequests, "per_ip")
	f("as a stream", func(c *Config) { c.ReplayClients, c.LimitAsResponse = 1, true }, http.StatusOK, "replay")
}

// A client that goes away in the middle of a replay gives its place back.
func TestReplayGoneInBetween(t *testing.T) {
	p, a := archived(50)
	a.free = make(chan struct{})
	s, addr := serve(t, p, func(c *Config) { c.History, c.ReplayClients = a, 1 })
	c := dial(t, addr, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: "+p.id(0)+"\r\n\r\n")
	until(t, "it replays", func() bool { return replays(t, s) == 1 })
	c.Close()
	until(t, "its place is free", func() bool { return replays(t, s) == 0 && s.places.free() && s.Connections() == 0 })
}

// A client that is connected already is never refused: it waits for a place,
// and its heart beats.
func TestReplayWaitsForPlace(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p, a := archived(50)
		s, addr := serve(t, p, func(c *Config) {
			change(c)
			c.History, c.ReplayClients, c.Heartbeat = a, 1, 100*time.Millisecond
		})
		_, live := get(t, addr, "/v2/stream/s", "")
		block(t, live)
		a.set(func(a *archive) { a.free = make(chan struct{}) })
		_, first := get(t, addr, "/v2/stream/s", p.id(0))
		block(t, first)
		until(t, "it replays", func() bool { return replays(t, s) == 1 })
		p.more(a, 40) // too many for the ring
		begins(t, live, ":\n:\n")
		begins(t, first, ":\n:\n")
		a.set(func(a *archive) { close(a.free); a.free = nil })
		list, said := numbers(t, live, 89)
		if !inOrder(list, 50) || strings.Trim(said, ":\n") != "" {
			t.Errorf("%v %q", list, said)
		}
		if list, _ := numbers(t, first, 89); !inOrder(list, 0) {
			t.Error(list)
		}
		until(t, "nobody replays", func() bool { return replays(t, s) == 0 })
	})
}

// While Kafka is away a client that needs it gets its own position at once and
// heartbeats, and goes on when Kafka is back; without that setting it is refused.
func TestReplayParked(t *testing.T) {
	p, a := archived(50)
	a.away = true
	_, strict := serve(t, p, func(c *Config) { c.History = a })
	res, _ := get(t, strict, "/v2/stream/s", p.id(0))
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	f := func(id string, from int) {
		t.Helper()
		a.set(func(a *archive) { a.away = true })
		s, addr := serve(t, p, func(c *Config) { c.History, c.LimitAsResponse, c.Heartbeat = a, true, 100*time.Millisecond })
		_, r := get(t, addr, "/v2/stream/s", id)
		if g := block(t, r); g != "id: "+strings.ReplaceAll(id, " ", "")+"\n:ok\n\n" {
			t.Errorf("greeting %q", g)
		}
		begins(t, r, ":\n:\n")
		a.set(func(a *archive) { a.away = false })
		if list, _ := numbers(t, r, 49); !inOrder(list, from) {
			t.Error(list)
		}
		until(t, "nobody replays", func() bool { return replays(t, s) == 0 })
	}
	f(p.id(7), 7)
	f(`[{"topic":"t", "partition":0, "offset":-2}]`, 0)
	f(fmt.Sprintf(`[{"topic":"t","partition":0,"offset":3,"timestamp":%d,"epoch":"oooooo.tttttt"}]`, firstTime+10), 9)
}

// A replay that waits for Kafka ends like any other connection.
func TestReplayEnds(t *testing.T) {
	p, a := archived(50)
	a.free = make(chan struct{})
	f := func(change func(*Config), end func(*Server), said string) {
		t.Helper()
		s, addr := serve(t, p, func(c *Config) { c.History = a; change(c) })
		_, r := get(t, addr, "/v2/stream/s", p.id(0))
		block(t, r)
		until(t, "it replays", func() bool { return replays(t, s) == 1 })
		end(s)
		if b, err := io.ReadAll(r); err != nil || !strings.HasSuffix(string(b), said) {
			t.Errorf("%q %v", b, err)
		}
		until(t, "it is gone", func() bool { return replays(t, s) == 0 && s.Connections() == 0 })
	}
	f(func(*Config) {}, func(s *Server) {
		if err := s.Drain(t.Context(), 10*time.Millisecond); err != nil {
			t.Error(err)
		}
	}, ": drain\n")
	f(func(c *Config) { c.MaxConnectionAge, c.Heartbeat = 300*time.Millisecond, time.Second }, func(*Server) {}, ": age\n")
}

// A replay takes no more bytes in a second than it may.
func TestReplayRate(t *testing.T) {
	const rate = 20_000
	p, a := archived(100)
	_, addr := serve(t, p, func(c *Config) { c.History, c.ReplayRate = a, rate })
	begun := time.Now()
	res, _ := get(t, addr, "/v2/stream/s", p.id(0))
	counted := &counter{r: res.Body}
	if list, _ := numbers(t, bufio.NewReader(counted), 99); !inOrder(list, 0) {
		t.Error(list)
	}
	// What the ring had itself came at once.
	if least := time.Duration(counted.n) * time.Second / rate / 2; time.Since(begun) < least {
		t.Errorf("%d bytes in %v", counted.n, time.Since(begun))
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}

// What is older than a replay may go back is told.
func TestReplayAge(t *testing.T) {
	p, a := archived(50)
	now := time.Now().UnixMilli()
	for n := range a.times {
		a.times[n] = now - int64(len(a.times)-n)*60_000 // a minute each
	}
	s, addr := serve(t, p, func(c *Config) { c.History, c.ReplayAge = a, 30*time.Minute+30*time.Second })
	_, r := get(t, addr, "/v2/stream/s", p.id(0))
	list, said := numbers(t, r, 49)
	if !inOrder(list, 20) || !strings.Contains(said, ": gap topic=t partition=0 asked=0 given=20 reason=max_age\n") {
		t.Errorf("%v %q", list, said)
	}
	if n := metric(t, s, `ringcast_gaps_total{stream="s",reason="max_age"}`); n != 1 {
		t.Errorf("%v gaps counted", n)
	}
}
