package sse

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// bareTLS makes clients that speak TLS and, of it, keep the sockets alone: what
// their side costs is then the kernel's.
func bareTLS(t *testing.T, addr string, cfg *tls.Config, n int) (list []net.Conn) {
	t.Helper()
	for range n {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close() })
		c := tls.Client(raw, cfg)
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
		list = append(list, raw)
	}
	return list
}

// What an idle client behind TLS costs: a goroutine, and what crypto/tls keeps.
// One that goes is noticed although nobody reads.
func TestMemoryPerIdleTLSClient(t *testing.T) {
	// 13.4 KB measured: 4 KB stack, 3.5 KB that crypto/tls keeps of the
	// handshake, 2 KB keys. The race detector makes 17.6 KB of it.
	const clients, most = 400, 20 << 10
	server, client := selfSigned(t)
	client.ServerName = "127.0.0.1"
	s, addr := serve(t, newPublisher(100, 1), func(c *Config) { c.TLS = server })
	bareTLS(t, addr, client, 10) // whatever is made once
	before := inUse()
	list := bareTLS(t, addr, client, clients)
	until(t, "they are served", func() bool { return s.Connections() == clients+10 })
	settled := inUse()
	until(t, "buffers and workers are gone", func() bool {
		last := settled
		time.Sleep(50 * time.Millisecond)
		settled = inUse()
		return settled > last-1024*16
	})
	per := (settled - before) / clients
	t.Logf("%d bytes a client", per)
	if per > most {
		t.Errorf("%d bytes a client, at most %d", per, most)
	}
	for _, c := range list {
		c.Close()
	}
	until(t, "they are gone", func() bool { return s.Connections() == 10 })
}

// A client behind TLS that is slower than the stream loses nothing; one that
// takes nothing is reset.
func TestSlowTLSClient(t *testing.T) {
	l := newLog(11)
	in := l.instance(4000, 1)
	server, client := selfSigned(t)
	s, addr := serve(t, in.publisher, slow(func(*Config) {}, func(c *Config) {
		c.TLS, c.SlowClientTimeout, c.MinRate = server, 500*time.Millisecond, 0
	}))
	for range 300 {
		l.produce(t, 4000)
	}
	reader := l.reader(t, in, addr, func(c *ledger.Config) {
		c.URLs[0], c.TLS = "https://"+addr+"/v2/stream/s", client
		c.ReceiveBuffer, c.ReadRate, c.ReadSize = 4<<10, 1<<20, 2<<10
	})
	until(t, "it is there", func() bool { return s.Connections() == 1 })
	in.publishAll()
	l.complete(t, reader)
	if n := closedFor(t, s, closedBlocked); n != 0 {
		t.Errorf("%v blocked", n)
	}
	bad := l.reader(t, in, addr, func(c *ledger.Config) {
		c.URLs[0], c.TLS = "https://"+addr+"/v2/stream/s", client
		tiny(c)
	})
	until(t, "it is reset", func() bool {
		l.produce(t, 4000)
		in.publishAll()
		return closedFor(t, s, closedBlocked) == 1
	})
	bad.Resume()
}

// steps is a socket that takes one byte before each deadline, so many times.
type steps struct {
	net.Conn
	left, renewed int
}

func (s *steps) SetWriteDeadline(time.Time) error { s.renewed++; return nil }

func (s *steps) Write(b []byte) (int, error) {
	if s.left--; s.left < 0 {
		return 0, os.ErrDeadlineExceeded
	}
	if len(b) == 1 {
		return 1, nil
	}
	return 1, os.ErrDeadlineExceeded
}

// A client that takes some bytes all the time is not blocked, although no write
// comes to its end before the deadline that it began with.
func TestProgressRenewsDeadline(t *testing.T) {
	f := func(left, n, renewed int, want error) {
		t.Helper()
		socket := &steps{left: left}
		c := &conn{Conn: socket}
		c.patience.Store(int64(time.Second))
		if got, err := c.Write(make([]byte, 5)); got != n || err != want || socket.renewed != renewed {
			t.Errorf("%d bytes, %v, %d deadlines", got, err, socket.renewed)
		}
	}
	f(5, 5, 5, nil)
	f(2, 2, 3, os.ErrDeadlineExceeded)
	f(0, 0, 1, os.ErrDeadlineExceeded)
}
