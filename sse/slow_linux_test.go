package sse

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/ringbuf"
)

// A client that never reads is reset in time, with everything that it held, and
// the others do not notice.
func TestNeverReading(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(1)
		in := l.instance(4000, 1)
		s, addr := serve(t, in.publisher, slow(change, func(c *Config) { c.SlowClientTimeout = 300 * time.Millisecond }))
		good := l.reader(t, in, addr, nil)
		until(t, "it is there", func() bool { return good.Counts().Connections == 1 })
		for range 3 {
			bad := l.reader(t, in, addr, tiny)
			until(t, "it is connected", func() bool { return s.Connections() == 2 })
			begun := time.Now()
			until(t, "it is reset", func() bool {
				l.produce(t, 4000)
				in.publishAll()
				return s.Connections() == 1
			})
			if took := time.Since(begun); took < 300*time.Millisecond {
				t.Errorf("after %v", took)
			}
			bad.Resume()
		}
		l.complete(t, good)
		if n := closedFor(t, s, closedBlocked); n != 3 || s.sockets.Load() != 1 || s.pending.Load() != 0 {
			t.Errorf("%v blocked, %d sockets, %d pending bytes", n, s.sockets.Load(), s.pending.Load())
		}
	})
}

// Of a stream on which little comes a socket's buffer holds all. A client that
// does not read it is reset too, and is told so when it reads again.
func TestLittleIsNeverRead(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(1)
		in := l.instance(4000, 1)
		s, addr := serve(t, in.publisher, slow(change, func(c *Config) {
			c.SlowClientTimeout, c.Heartbeat, c.SendBuffer = 400*time.Millisecond, 200*time.Millisecond, 256<<10
		}))
		good := l.reader(t, in, addr, nil)
		until(t, "it is there", func() bool { return good.Counts().Connections == 1 })
		for n := 1; n <= 3; n++ {
			ended := make(chan ledger.End, 1)
			bad := l.reader(t, in, addr, func(c *ledger.Config) { c.ReceiveBuffer, c.OnEnd = 2048, func(e ledger.End) { ended <- e } })
			until(t, "it is greeted", func() bool { return len(bad.Receipt().Start()) > 0 })
			bad.Pause()
			for range 20 {
				l.produce(t, 400)
			}
			in.publishAll()
			until(t, "it is reset", func() bool { return closedFor(t, s, closedBlocked) == float64(n) })
			bad.Resume()
			select {
			case e := <-ended:
				if e.Cause != ledger.Broken {
					t.Errorf("%+v", e)
				}
			case <-time.After(patience):
				t.Fatal("it waits for more")
			}
		}
		if s.stats.shortWrites.Get() > 0 {
			t.Errorf("%d writes were short: what the kernel held was not tested", s.stats.shortWrites.Get())
		}
		l.complete(t, good)
		if n := good.Counts(); n.Connections != 1 {
			t.Errorf("the other one: %+v", n)
		}
	})
}

// One that reads stays, however slowly, though its window is never open.
func TestReadsSlowly(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(1)
		in := l.instance(4000, 1)
		s, addr := serve(t, in.publisher, slow(change, func(c *Config) {
			c.SlowClientTimeout, c.Heartbeat, c.SendBuffer = time.Second, 200*time.Millisecond, 256<<10
		}))
		c := l.reader(t, in, addr, func(c *ledger.Config) { c.ReceiveBuffer, c.ReadRate = 2048, 8<<10 })
		until(t, "it is there", func() bool { return c.Counts().Connections == 1 })
		for range 40 {
			l.produce(t, 400)
		}
		in.publishAll()
		l.complete(t, c)
		if n := c.Counts(); n.Connections != 1 || closedFor(t, s, closedBlocked) != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// A client that reads, but too slowly, gets a clean end.
func TestBelowMinRate(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(2)
		in := l.instance(1<<14, 1)
		s, addr := serve(t, in.publisher, slow(change, func(c *Config) {
			c.MinRate, c.rateWindow = 10<<20, 300*time.Millisecond
			c.Retry = time.Second
		}))
		ended := make(chan ledger.End, 1)
		for range 3000 { // more than a kernel takes for a follower
			l.produce(t, 4000)
		}
		in.publishAll()
		l.reader(t, in, addr, func(c *ledger.Config) {
			c.ReceiveBuffer, c.ReadRate, c.OnEnd = 64<<10, 2<<20, func(e ledger.End) { ended <- e }
		})
		select {
		case e := <-ended:
			if e.Cause != ledger.ServerEnded || e.Said != "slow" || !e.Terminated || e.Inside {
				t.Errorf("%+v", e)
			}
		case <-time.After(patience):
			t.Fatal("it is still served")
		}
		until(t, "it is counted", func() bool { return closedFor(t, s, closedSlow) == 1 && s.sockets.Load() == 0 })
	})
}

// A client that stops reading and goes on loses nothing, wherever its socket
// was full: small events fill it to the end of one, large ones within one.
func TestRecovering(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(3)
		in := l.instance(1<<15, 1)
		s, addr := serve(t, in.publisher, slow(change, func(*Config) {}))
		var clients []*ledger.Client
		for i := range 6 {
			clients = append(clients, l.reader(t, in, addr, func(c *ledger.Config) {
				c.ReceiveBuffer, c.Mode = 2048, ledger.Mode(i%2)
			}))
		}
		for round := range 6 {
			until(t, "all are there", func() bool { return s.Connections() == len(clients) })
			for _, c := range clients {
				c.Pause()
			}
			// One event a write, until every socket is full; then some more.
			size := []int{80, 300, 3000}[round%3]
			for n := 0; n < 64<<10; n += size + 300 {
				l.produce(t, size)
				in.publishAll()
				for _, sh := range s.shards {
					until(t, "the shard has written it", func() bool { return sh.behind.Load() == 0 && sh.turned.Load() > 0 })
				}
			}
			for _, c := range clients {
				c.Resume()
			}
			for _, c := range clients {
				l.complete(t, c)
			}
		}
		if s.pending.Load() != 0 {
			t.Errorf("%d pending bytes", s.pending.Load())
		}
		for _, c := range clients {
			if n := c.Counts(); n.Connections != 1 {
				t.Errorf("%+v", n)
			}
		}
	})
}

// Events larger than every buffer arrive whole.
func TestHugeEvents(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		l := newLog(4)
		in := l.instance(8, 1)
		_, addr := serve(t, in.publisher, slow(change, func(c *Config) { c.SendBuffer = 64 << 10 }))
		c := l.reader(t, in, addr, func(c *ledger.Config) { c.ReceiveBuffer = 64 << 10 })
		for range 3 {
			l.produce(t, 4<<20)
			in.publishAll()
			l.produce(t, 100)
			in.publishAll()
		}
		l.complete(t, c)
	})
}

// Events that only blocked clients keep alive are bounded: those who have been
// blocked longest are reset.
func TestPendingBytes(t *testing.T) {
	const size = 256 << 10
	p := newPublisher(2, 1)
	s, addr := serve(t, p, slow(func(*Config) {}, func(c *Config) {
		c.Shards, c.PendingBytes = 1, 5*size/2
		c.SlowClientTimeout = 100 * time.Second
		c.Heartbeat = 200 * time.Millisecond
	}))
	value := string(ledger.Value("t", 0, 0, size))
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2048) })
	}}
	var conns []net.Conn
	lagging := func() int64 { return s.shards[0].counts[stateLagging].Load() }
	for i := range int64(6) {
		c, err := d.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
		if _, err := io.WriteString(c, "GET /v2/stream/s HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		tick := s.ticks(time.Now())
		until(t, "it is live, a tick behind the one before", func() bool {
			return s.shards[0].counts[stateLive].Load() == 1 && s.ticks(time.Now()) > tick+1
		})
		before := lagging() + int64(closedFor(t, s, closedPending))
		p.publish(0, i, value)
		until(t, "it is blocked", func() bool { return lagging()+int64(closedFor(t, s, closedPending)) == before+1 })
	}
	// Four of six events have been evicted, and two and a half may be kept.
	until(t, "two are reset", func() bool { return closedFor(t, s, closedPending) == 2 })
	if n := metric(t, s, "ringcast_pending_bytes"); n < 2*size || n > 5*size/2 {
		t.Errorf("%v pending bytes", n)
	}
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if i < 2 {
			if _, err := io.Copy(io.Discard, c); err == nil {
				t.Errorf("client %d was not reset", i)
			}
			continue
		}
		if n, err := io.CopyN(io.Discard, c, size); err != nil {
			t.Errorf("client %d: %d bytes, %v", i, n, err)
		}
	}
}

// Wherever a write ends, the rest and what follows the cursor complete it.
func TestCutAtEveryByte(t *testing.T) {
	p := newPublisher(100, 2)
	for i := range int64(4) {
		p.publish(int(i%2), i/2, string(ledger.Value("t", int32(i%2), i/2, 100)))
		if i == 1 {
			p.change(func(r *ringbuf.Ring) {
				_ = r.PublishGap(0, 1, p.enc.Gap(ringbuf.Notice{Topic: "t", Reason: "missed"}))
				r.Advance(1, 1)
				r.Flush()
			})
		}
	}
	for l := range lane(lanes) {
		whole := l.build(p.ring, 1, p.ring.Head())
		events := map[uint64]int{1: 0}
		for n := range len(whole.bytes) {
			rest, cursor, last, given := whole.cut(l, n)
			got := append([]byte(nil), whole.bytes[:n]...)
			got = append(got, rest...)
			if tail := l.build(p.ring, cursor, p.ring.Head()); tail != nil {
				got = append(got, tail.bytes...)
				if given+tail.events != whole.events {
					t.Fatalf("lane %d cut at %d: %d events and %d of %d", l, n, given, tail.events, whole.events)
				}
			}
			if string(got) != string(whole.bytes) || (last == nil) != (cursor == 1) || last != nil && last.Seq != cursor {
				t.Fatalf("lane %d cut at %d: cursor %d\n got %q\nwant %q", l, n, cursor, got, whole.bytes)
			}
			events[cursor] = given
		}
		if len(events) != len(whole.parts)+1 {
			t.Errorf("lane %d: %d cursors of %d parts", l, len(events), len(whole.parts))
		}
	}
}

// Who is blocked when the topic is created again gets the rest of its event,
// the notice, and the new topic from its first record.
func TestLaggingInAnEpoch(t *testing.T) {
	p := newPublisher(100, 3)
	s, addr := serve(t, p, slow(func(*Config) {}, func(c *Config) { c.Shards = 1 }))
	l := newLog(1)
	in := &instance{publisher: p, log: l}
	c := l.reader(t, in, addr, func(c *ledger.Config) { c.ReceiveBuffer = 2048 })
	until(t, "it is live", func() bool { return s.shards[0].counts[stateLive].Load() == 1 })
	c.Pause()
	add := func(offset, n int64, size int) {
		r := ledger.Record{Topic: "t", Offset: offset, Value: ledger.Value("t", 0, n, size)}
		if err := l.book.Add(r); err != nil {
			t.Fatal(err)
		}
		p.publish(0, offset, string(r.Value))
	}
	add(0, 0, 200<<10)
	until(t, "it is blocked", func() bool { return s.shards[0].counts[stateLagging].Load() == 1 })
	p.recreate("cccccc.nnnnnn", 0, 1, 2)
	l.book.Recreated("t")
	add(0, 1, 100)
	c.Resume()
	until(t, "it has both", func() bool { return c.Counts().Events == 2 && c.Counts().Gaps == 3 })
	if err := c.Receipt().CheckAllowing(l.book.End(), ledger.Gap); err != nil {
		t.Error(err)
	}
}
