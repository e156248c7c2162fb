package sse

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A socket beyond every bound gets an answer that it can read, and those that
// are there are not disturbed.
func TestAcceptedSocketsAreBounded(t *testing.T) {
	p := newPublisher(100, 1)
	s, addr := serve(t, p, func(c *Config) { c.MaxConnections = 2 })
	var open []net.Conn
	for range 2 + refusals {
		open = append(open, dial(t, addr, ""))
	}
	until(t, "all are accepted", func() bool { return s.sockets.Load() == 2+refusals })
	for range 5 {
		if got := answer(t, addr, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"); got != bare503+corsBytes {
			t.Fatalf("got %q", got)
		}
	}
	if n := metric(t, s, `ringcast_connections_refused_total{reason="sockets"}`); n != 5 {
		t.Errorf("%v counted", n)
	}
	for _, c := range open {
		c.Close()
	}
	until(t, "sockets are given back", func() bool { return s.sockets.Load() == 0 })
	_, r := get(t, addr, "/v2/stream/s", "")
	block(t, r)
}

// Beyond every bound too, a limit is one that clients survive, if so configured.
func TestRefusedSocketsAsStream(t *testing.T) {
	_, addr := serve(t, tenRecords(), func(c *Config) {
		c.MaxConnections, c.LimitAsResponse, c.CORSOrigins = 1, true, []string{"https://a.example"}
	})
	for range 1 + refusals {
		dial(t, addr, "")
	}
	f := func(request, kind, pattern string) {
		t.Helper()
		head, body := one(t, addr, request)
		var ms int
		if n, _ := fmt.Sscanf(body, pattern, &ms); n == 0 && body != pattern || n == 1 && (ms < 5000 || ms > 60000) {
			t.Errorf("%q %q", head, body)
		}
		for _, want := range []string{"http/1.1 200 ok\r\n", "content-type: " + kind + "; charset=utf-8\r\n", "x-content-type-options: nosniff\r\n", "access-control-allow-origin: https://a.example\r\n"} {
			if !strings.Contains(head, want) {
				t.Errorf("no %q in %q", want, head)
			}
		}
	}
	f("GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n", "text/event-stream", "retry: %d\n: limit sockets\n\n")
	f("GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n", "application/x-ndjson", "\n")
	f("", "text/event-stream", "retry: %d\n: limit sockets\n\n")
}

// However a client goes, it is noticed and nothing stays counted.
func TestCountsAreExact(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(100, 1)
		s, addr := serve(t, p, func(c *Config) { change(c); c.Log = zerolog.Nop() })
		const request = "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"
		greeted := func(t *testing.T) *net.TCPConn {
			c := dial(t, addr, request)
			if _, err := bufio.NewReader(c).ReadString(':'); err != nil {
				t.Fatal(err)
			}
			return c
		}
		f := func(name string, leave func(t *testing.T)) {
			t.Helper()
			t.Run(name, func(t *testing.T) {
				for range 20 {
					leave(t)
				}
				until(t, "all are gone", func() bool {
					return s.sockets.Load() == 0 && s.Connections() == 0 && s.open() == 0 && s.catalog.Load().views[0].connections.Load() == 0 &&
						closedFor(t, s, closedClient) == metric(t, s, `ringcast_connections_total{stream="s"}`)
				})
			})
		}
		f("FIN", func(t *testing.T) { greeted(t).Close() })
		f("RST", func(t *testing.T) {
			c := greeted(t)
			_ = c.SetLinger(0)
			c.Close()
		})
		f("half-close", func(t *testing.T) {
			c := greeted(t)
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		})
		f("during the greeting", func(t *testing.T) {
			c := dial(t, addr, request)
			_ = c.SetLinger(0)
			c.Close()
		})
		f("before a request", func(t *testing.T) { dial(t, addr, "GET /v2/str").Close() })
		f("HEAD", func(t *testing.T) { answer(t, addr, "HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n") })
		f("refused", func(t *testing.T) {
			answer(t, addr, "GET /v2/stream/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		})
		f("malformed", func(t *testing.T) { answer(t, addr, "GET /v2/stream/s HTTP/1.1\r\n\r\n") })
		f("panic", func(t *testing.T) {
			p.set(func(p *publisher) { p.ask = func() { panic("a test") } })
			answer(t, addr, request)
			p.set(func(p *publisher) { p.ask = nil })
		})
		f("reset while it is answered", func(t *testing.T) {
			reset := make(chan struct{})
			p.set(func(p *publisher) { p.ask = func() { <-reset } })
			c := dial(t, addr, request)
			_ = c.SetLinger(0)
			c.Close()
			close(reset)
		})
	})
}

// What could not be read as a request does not slow down later accepts.
func TestMalformedRequestsHaveArrived(t *testing.T) {
	s, addr := serve(t, newPublisher(100, 1), nil)
	for range 3 {
		answer(t, addr, "GET /v2/stream/s HTTP/1.1\r\n\r\n")
		answer(t, addr, "POST /v2/stream/s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50000\r\n\r\n")
	}
	s.mu.Lock()
	l := s.lns[0].(*listener)
	s.mu.Unlock()
	until(t, "none counts as coming", func() bool { return l.coming.Load() == 0 })
}

// churned is how many connections come and go in the test of that.
const churned = 10_000

func TestChurnLeavesNothing(t *testing.T) {
	p := newPublisher(100, 1)
	s, addr := serve(t, p, nil)
	const goers = 16
	done := make(chan error, goers)
	for g := range goers {
		go func() {
			buf := make([]byte, 64)
			for n := range churned / goers {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					done <- err
					return
				}
				// Some go before they ask, some before the answer, most after it.
				if n%8 != 0 {
					_, err = io.WriteString(c, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n")
				}
				if n%8 > 1 && err == nil {
					_, err = c.Read(buf)
				}
				if (n+g)%2 == 0 {
					_ = c.(*net.TCPConn).SetLinger(0) // and no port is left waiting
				}
				c.Close()
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for i := int64(0); i < goers; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			i++
		default:
			p.publish(0, p.ring.Position().Pos[0].Next, `{"x":1}`)
			time.Sleep(time.Millisecond)
		}
	}
	until(t, "nothing is left", func() bool {
		return s.Connections() == 0 && s.sockets.Load() == 0 && closedInAll(t, s) == metric(t, s, `ringcast_connections_total{stream="s"}`)
	})
	until(t, "no shard has one", func() bool { serving, waiting := s.shardClients(); return serving == 0 && waiting == 0 })
}

// closedInAll is how many connections ended: on a busy machine a shard may fall
// out of the small ring, and its clients are then too slow.
func closedInAll(t testing.TB, s *Server) (n float64) {
	t.Helper()
	for _, r := range closedReasons {
		n += closedFor(t, s, r)
	}
	return n
}

// open is how many connections all addresses have together.
func (s *Server) open() (n int) {
	s.addresses.mu.Lock()
	defer s.addresses.mu.Unlock()
	for _, a := range s.addresses.known {
		n += a.open
	}
	return n
}
