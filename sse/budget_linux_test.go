package sse

import (
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// idleClients connects n clients and reads their greetings away.
func idleClients(t testing.TB, addr string, n int) {
	t.Helper()
	b := make([]byte, 4096)
	for range n {
		c := dial(t, addr, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	}
}

// inUse is the memory in use after garbage collection, bytes.
func inUse() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// An idle client of a shard costs less than a kilobyte: no goroutine, no buffer.
// The test's own end of each connection is measured first and taken off.
func TestMemoryPerIdleClient(t *testing.T) {
	const clients, most = 2000, 700
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	open := func(addr string) (cost int64) {
		before := inUse()
		conns := make([]net.Conn, clients)
		b := make([]byte, 4096)
		for i := range conns {
			if conns[i], err = net.Dial("tcp", addr); err != nil {
				t.Fatal(err)
			}
			if addr != sink.Addr().String() {
				_, _ = io.WriteString(conns[i], "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n")
				if _, err := conns[i].Read(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		settled := inUse()
		until(t, "buffers and workers are gone", func() bool {
			last := settled
			time.Sleep(50 * time.Millisecond)
			settled = inUse()
			return settled > last-1024*16
		})
		for _, c := range conns {
			c.Close()
		}
		return settled - before
	}
	own := open(sink.Addr().String()) // nobody accepts: only the dialling side
	s, addr := serve(t, newPublisher(100, 1), func(c *Config) { c.Shards = 2 })
	idleClients(t, addr, 10) // whatever is made once
	all := open(addr)
	per := (all - own) / clients
	t.Logf("%d bytes a client", per)
	if per > most {
		t.Errorf("%d bytes a client, at most %d", per, most)
	}
	until(t, "they are gone", func() bool { return s.Connections() == 10 })
}

// A round allocates the same for any number of clients.
func TestAllocationsPerRound(t *testing.T) {
	cost := func(clients int) float64 {
		p := newPublisher(1<<16, 1)
		s, addr := serve(t, p, func(c *Config) { c.Shards, c.Heartbeat = 1, time.Hour })
		idleClients(t, addr, clients)
		sh := s.shards[0]
		until(t, "all are live", func() bool { return sh.counts[stateLive].Load() == int64(clients) })
		value := string(ledger.Value("t", 0, 0, 50))
		next := int64(0)
		round := func() {
			p.publish(0, next, value)
			next++
			written := float64(next) * float64(clients)
			for s.catalog.Load().views[0].metrics.deliveries.Get() < uint64(written) {
				runtime.Gosched()
			}
		}
		for range 20 {
			round()
		}
		return testing.AllocsPerRun(100, round)
	}
	few, many := cost(10), cost(200)
	if many > few+5 {
		t.Errorf("%v allocations for 200 clients, %v for 10", many, few)
	}
}
