package sse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// A quiet stream beats, early by at most a fifth and never late; one that
// flows does not.
func TestHeartbeats(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		const every = 300 * time.Millisecond
		p := newPublisher(100, 2)
		_, addr := serve(t, p, func(c *Config) {
			change(c)
			c.Heartbeat = every
		})
		_, quiet := get(t, addr, "/v2/stream/s", "")
		block(t, quiet)
		lines := dial(t, addr, "GET /v2/stream/s HTTP/1.0\r\nAccept: application/json\r\n\r\n")
		last := time.Now()
		for range 2 {
			begins(t, quiet, ":\n")
			// A machine that is busy may be late, but not early.
			if d := time.Since(last); d < every*3/4 {
				t.Errorf("after %v", d)
			}
			last = time.Now()
		}
		if b := readFor(lines, "\r\n\r\n\n\n"); b != nil {
			t.Error(b)
		}

		// While events flow nothing else is sent; one who is skipped over them hears a heart.
		_, ahead := get(t, addr, "/v2/stream/s", p.id(1<<40, 0))
		block(t, ahead)
		heard, published := make(chan struct{}), make(chan int, 1)
		go func() {
			for i := 0; ; i++ {
				select {
				case <-heard:
					published <- i
					return
				case <-time.After(10 * time.Millisecond):
					p.publish(0, int64(i), `{}`)
				}
			}
		}()
		begins(t, ahead, ":\n:\n")
		close(heard)
		for i := range <-published {
			if e := block(t, quiet); strings.HasPrefix(e, ":") && i > 0 {
				t.Fatalf("event %d: %q", i, e)
			}
		}
	})
}

// readFor reads until what was read contains want.
func readFor(c net.Conn, want string) error {
	var got []byte
	b := make([]byte, 512)
	for !strings.Contains(string(got), want) {
		n, err := c.Read(b)
		if err != nil {
			return fmt.Errorf("after %q: %w", got, err)
		}
		got = append(got, b[:n]...)
	}
	return nil
}

func TestMaxConnectionAge(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		const age = 500 * time.Millisecond
		p := newPublisher(100, 1)
		s, addr := serve(t, p, func(c *Config) {
			change(c)
			c.MaxConnectionAge, c.Retry, c.Heartbeat = age, 10*time.Second, time.Second
		})
		begun := time.Now()
		_, live := get(t, addr, "/v2/stream/s", "")
		_, ahead := get(t, addr, "/v2/stream/s", p.id(5))
		for _, r := range []io.Reader{live, ahead} {
			rest, err := io.ReadAll(r)
			if i := strings.Index(string(rest), ":ok\n\n"); err != nil || i < 0 || !strings.HasPrefix(string(rest[i+5:]), "retry: ") || !strings.HasSuffix(string(rest), "\n: age\n") {
				t.Errorf("%q %v", rest, err)
			}
		}
		if d := time.Since(begun); d < age*3/4 {
			t.Errorf("after %v", d)
		}
		until(t, "they are counted", func() bool { return closedFor(t, s, closedAge) == 2 && s.sockets.Load() == 0 })
	})
}

// A client that is ahead reaches its age too, after its shard has let it go.
func TestMaxConnectionAgeAhead(t *testing.T) {
	p := newPublisher(100, 1)
	s, addr := serve(t, p, func(c *Config) {
		c.Shards, c.MaxConnectionAge, c.Heartbeat = 1, 3*waitTime/2, 200*time.Millisecond
	})
	until(t, "the server is older than its clients may be when one is let go", func() bool { return time.Since(s.started) > 6*waitTime/10 })
	_, ahead := get(t, addr, "/v2/stream/s", p.id(5))
	_, beside := get(t, addr, "/v2/stream/s", "")
	for _, r := range []io.Reader{ahead, beside} {
		if rest, err := io.ReadAll(r); err != nil || !strings.HasSuffix(string(rest), "\n: age\n") {
			t.Errorf("%q %v", rest, err)
		}
	}
	until(t, "they are counted", func() bool { return closedFor(t, s, closedAge) == 2 && s.sockets.Load() == 0 })
}

// drained is one client of the drain test: what it asks, and how its body ends.
type drained struct {
	request, ends string
}

// Every client gets a clean end, whatever it is doing, spread over the time.
func TestDrain(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(1000, 2)
		for i := range int64(100) {
			p.publish(0, i, `{}`)
		}
		s, addr := serve(t, p, func(c *Config) {
			change(c)
			c.Retry = time.Second
		})
		var clients []drained
		for _, c := range []struct{ version, rest, ends string }{
			{"1.1", "", "\n: drain\n\r\n0\r\n\r\n"},
			{"1.0", "", "\n: drain\n"},
			{"1.1", "Accept: application/json\r\n", "0\r\n\r\n"},
			{"1.0", "Accept: application/x-ndjson\r\n", "\n"},
			{"1.1", "Last-Event-ID: " + p.id(200, 0) + "\r\n", "\n: drain\n\r\n0\r\n\r\n"},
			{"1.1", "Last-Event-ID: " + p.id(3, 0) + "\r\n", "\n: drain\n\r\n0\r\n\r\n"},
		} {
			for range 5 {
				clients = append(clients, drained{"GET /v2/stream/s HTTP/" + c.version + "\r\nHost: x\r\n" + c.rest + "\r\n", c.ends})
			}
		}
		type result struct {
			after time.Duration
			body  string
			err   error
		}
		results := make(chan result, len(clients))
		var begun time.Time
		started := make(chan struct{})
		for _, c := range clients {
			conn := dial(t, addr, c.request)
			go func() {
				b, err := io.ReadAll(conn)
				<-started
				r := result{time.Since(begun), string(b), err}
				if !strings.HasSuffix(r.body, c.ends) || strings.Contains(c.ends, "drain") != strings.Contains(r.body, "retry: ") {
					r.err = fmt.Errorf("want an end of %q, error %s", c.ends, fmt.Sprint(err))
				}
				conn.Close()
				results <- r
			}()
		}
		until(t, "all are there", func() bool { return s.Connections() == len(clients) })
		late := dial(t, addr, "") // accepted before the drain, asks during it
		until(t, "it is accepted", func() bool { return s.sockets.Load() == int64(len(clients))+1 })
		begun = time.Now()
		close(started)
		over := make(chan error, 1)
		go func() { over <- s.Drain(t.Context(), time.Second) }()
		until(t, "it has begun", s.draining)
		if _, err := io.WriteString(late, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		begins(t, late, "HTTP/1.1 503 ")
		var first, last time.Duration = time.Hour, 0
		for range clients {
			r := <-results
			if r.err != nil {
				t.Errorf("%v: %q", r.err, r.body)
			}
			first, last = min(first, r.after), max(last, r.after)
		}
		if last-first < 300*time.Millisecond {
			t.Errorf("ends between %v and %v", first, last)
		}
		if err := <-over; err != nil {
			t.Error(err)
		}
		if n := closedFor(t, s, closedDrain); n != float64(len(clients)) {
			t.Errorf("%v counted", n)
		}
	})
}

// A drain does not wait for ever, and Close ends what is left.
func TestDrainIsBounded(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(9)
		in := l.instance(100, 1)
		s, addr := serve(t, in.publisher, slow(change, func(c *Config) {}))
		bad := l.reader(t, in, addr, tiny)
		until(t, "it is there", func() bool { return s.Connections() == 1 })
		l.produce(t, 8<<20)
		in.publishAll()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := s.Drain(ctx, 10*time.Millisecond); err == nil {
			t.Error("it has ended")
		}
		bad.Cut(true)
	})
}

// Clients that connect while the instance drains are served cleanly or refused.
func TestDrainWhileConnecting(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(100, 1)
		s, addr := serve(t, p, change)
		errs := make(chan error, 64)
		for range cap(errs) {
			go func() {
				errs <- func() error {
					c, err := net.Dial("tcp", addr)
					if err != nil {
						return nil // not listening any more
					}
					defer c.Close()
					_ = c.SetDeadline(time.Now().Add(patience))
					if _, err := io.WriteString(c, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
						return nil
					}
					b, err := io.ReadAll(c)
					if len(b) > 0 && (err != nil || !strings.HasSuffix(string(b), "\n: drain\n\r\n0\r\n\r\n") && !strings.HasPrefix(string(b), "HTTP/1.1 503 ")) &&
						!strings.HasSuffix(string(b), ": drain\n\r\n0\r\n\r\n") {
						return fmt.Errorf("%q %w", b, err)
					}
					return nil
				}()
			}()
		}
		until(t, "some are there", func() bool { return s.Connections() > 3 })
		if err := s.Drain(t.Context(), 50*time.Millisecond); err != nil {
			t.Error(err)
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		until(t, "nobody is left", func() bool { return s.Connections() == 0 })
	})
}

// selfSigned is a certificate for 127.0.0.1.
func selfSigned(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: pool}
}

func TestTLS(t *testing.T) {
	l := newLog(8)
	in := l.instance(1000, 1)
	server, client := selfSigned(t)
	s, addr := serve(t, in.publisher, func(c *Config) { c.TLS = server })
	var ends = make(chan ledger.End, 3)
	var clients []*ledger.Client
	for mode := range 2 {
		clients = append(clients, l.reader(t, in, addr, func(c *ledger.Config) {
			c.URLs[0], c.TLS, c.Mode = strings.Replace(c.URLs[0], "http:", "https:", 1), client, ledger.Mode(mode)
			c.OnEnd = func(e ledger.End) { ends <- e }
		}))
	}
	for range 200 {
		l.produce(t, 500)
		in.publishAll()
	}
	for _, c := range clients {
		l.complete(t, c)
	}
	until(t, "both are followers", func() bool { return metric(t, s, `ringcast_clients{state="follower"}`) == 2 })
	if err := s.Drain(t.Context(), 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	for range clients {
		if e := <-ends; e.Cause != ledger.ServerEnded || e.Said != "drain" {
			t.Errorf("%+v", e)
		}
	}
}
