package sse

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// logged is a log that a test reads.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// accessLine is a line of the access log.
type accessLine struct {
	Message string
	Address string
	Agent   string `json:"user_agent"`
	Referer string
	Streams string
	Seconds float64
	Events  int64
	Bytes   int64
	Resumed string
	Reason  string
	LeftOut int64 `json:"left_out"`
}

// lines are the lines of the access log so far.
func (l *logged) lines(t testing.TB) (list []accessLine) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		var x accessLine
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if x.Message == "access" {
			list = append(list, x)
		}
	}
	return list
}

// next waits for line n and returns it.
func (l *logged) next(t testing.TB, n int) accessLine {
	t.Helper()
	until(t, fmt.Sprintf("there are %d lines", n+1), func() bool { return len(l.lines(t)) > n })
	return l.lines(t)[n]
}

// accessLogged serves with an access log.
func accessLogged(t testing.TB, p *publisher, change func(*Config)) (*Server, string, *logged) {
	t.Helper()
	l := &logged{}
	s, addr := serve(t, p, func(c *Config) {
		c.AccessLog, c.Log = true, zerolog.New(l).Level(zerolog.ErrorLevel)
		c.TrustedProxies, c.ClientIPHeader = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "X-Forwarded-For"
		change(c)
	})
	return s, addr, l
}

// One line at the end of a stream says who it was, what it got, how it began and
// why it ended, whatever the level of the log.
func TestAccessLog(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := tenRecords()
		_, addr, l := accessLogged(t, p, change)
		n := 0
		f := func(name, request string, read int, want accessLine) {
			t.Helper()
			t.Run(name, func(t *testing.T) {
				c := dial(t, addr, request)
				r := bufio.NewReader(c)
				var got strings.Builder
				for strings.Count(got.String(), "data:") < read || read == 0 && !strings.Contains(got.String(), ":ok") {
					line, err := r.ReadString('\n')
					if err != nil {
						t.Fatalf("%q %v", got.String(), err)
					}
					got.WriteString(line)
				}
				c.Close()
				x := l.next(t, n)
				n++
				want.Message = "access"
				if x.Bytes < int64(got.Len()) || x.Bytes > int64(got.Len())+10 || x.Seconds < 0 || x.Seconds > 20 {
					t.Errorf("%+v after %d bytes", x, got.Len())
				}
				x.Bytes, x.Seconds = 0, 0
				if x != want {
					t.Errorf("got  %+v\nwant %+v", x, want)
				}
			})
		}
		f("live", "GET /v2/stream/alias HTTP/1.1\r\nHost: x\r\n\r\n", 0,
			accessLine{Address: "127.0.0.1", Streams: "s", Resumed: "live", Reason: "client"})
		f("who", "GET /v2/stream/s?secret=1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1, 2001:db8::7\r\nUser-Agent: a \"b\"\\{}\xff\u009b31m\r\nReferer: https://x.example/page?token=secret\r\n\r\n", 0,
			accessLine{Address: "2001:db8::7", Agent: "a \"b\"\\{}\ufffd\ufffd31m", Referer: "https://x.example/page", Streams: "s", Resumed: "live", Reason: "client"})
		f("long", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nUser-Agent: "+strings.Repeat("a", 5000)+"\r\nReferer: "+strings.Repeat("b", 5000)+"\r\n\r\n", 0,
			accessLine{Address: "127.0.0.1", Agent: strings.Repeat("a", 256), Referer: strings.Repeat("b", 256), Streams: "s", Resumed: "live", Reason: "client"})
		f("resumed", "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: [{\"topic\":\"t\",\"partition\":0,\"offset\":4}]\r\n\r\n", 6,
			accessLine{Address: "127.0.0.1", Streams: "s", Events: 6, Resumed: "ring", Reason: "client"})
		if got := answer(t, addr, "HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"); l.next(t, n).Bytes != int64(len(got)) || l.next(t, n).Events != 0 {
			t.Errorf("HEAD: %+v", l.next(t, n))
		}
		answer(t, addr, "GET /v2/stream/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") // is no stream, and no line
		n++
		f("after it", request+"\r\n", 0, accessLine{Address: "127.0.0.1", Streams: "s", Resumed: "live", Reason: "client"})
	})
}

// Events and bytes are exact for a client that is live, falls behind, and comes
// back, and for those beside it.
func TestAccessLogCounts(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(10_000, 1)
		s, addr, l := accessLogged(t, p, func(c *Config) { change(c); c.SendBuffer = 16 << 10 })
		c, slow := dial(t, addr, request+"\r\n"), dial(t, addr, request+"\r\n")
		_ = slow.SetReadBuffer(64 << 10)
		until(t, "both are there", func() bool { return s.Connections() == 2 })
		const events = 3000
		value := `{"x":"` + strings.Repeat("y", 1000) + `"}`
		read := make(chan int, 1)
		count := func(r io.Reader, events int) (n int) {
			buf := bufio.NewReader(r)
			for data := 0; data < events; {
				line, err := buf.ReadString('\n')
				n += len(line)
				if err != nil {
					t.Error(err)
					break
				}
				if strings.HasPrefix(line, "data: ") {
					data++
				}
			}
			return n
		}
		go func() { read <- count(c, events) }()
		for i := range int64(events) {
			p.publish(0, i, value)
		}
		n := <-read
		c.Close()
		x := l.next(t, 0)
		// Behind the last line are its chunk's end and a heartbeat at most.
		if x.Events != events || x.Bytes < int64(n) || x.Bytes > int64(n)+20 {
			t.Errorf("%+v, read %d bytes", x, n)
		}
		n = count(slow, events)
		slow.Close()
		if x := l.next(t, 1); x.Events != events || x.Bytes < int64(n) || x.Bytes > int64(n)+20 {
			t.Errorf("the slow one: %+v, read %d bytes", x, n)
		}
	})
}

// A stream that the server ends says why.
func TestAccessLogReasons(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		_, addr, l := accessLogged(t, tenRecords(), func(c *Config) { change(c); c.MaxConnectionAge = 50 * time.Millisecond })
		answer(t, addr, request+"\r\n")
		if x := l.next(t, 0); x.Reason != "age" {
			t.Errorf("%+v", x)
		}
	})
}

// A log that cannot be written holds nobody up: what does not fit is left out,
// and counted.
func TestAccessLogIsBounded(t *testing.T) {
	stuck := make(chan struct{})
	l := newAccessLog(zerolog.New(stuckWriter{stuck}))
	v := &visit{begun: time.Now()}
	left := 0
	for range 3 * accessRate {
		if !l.end(v, closedClient) {
			left++
		}
	}
	if left < 3*accessRate-cap(l.lines)-1 {
		t.Errorf("%d left out", left)
	}
	close(stuck)
	l.close()

	// The rate, and that the number comes with a line.
	out := &logged{}
	l = newAccessLog(zerolog.New(out))
	begun := time.Now()
	written := func() int { return len(out.lines(t)) }
	for range 3 * accessRate {
		l.end(v, closedClient)
	}
	until(t, "what fits is written", func() bool { return len(l.lines) == 0 })
	took := time.Since(begun)
	l.close()
	var told int64
	for _, x := range out.lines(t) {
		told += x.LeftOut
	}
	if told+int64(written()) < 3*accessRate || told+int64(written()) > 3*accessRate+1 {
		t.Errorf("%d written, %d left out", written(), told)
	}
	if most := accessRate/10 + int(took/(time.Second/10)+1)*accessRate/10; written() > most+1 {
		t.Errorf("%d lines in %v", written(), took)
	}
}

type stuckWriter struct{ stuck chan struct{} }

func (w stuckWriter) Write(p []byte) (int, error) {
	<-w.stuck
	return len(p), nil
}
