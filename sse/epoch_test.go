package sse

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
)

// recreate gives the publisher's topic another epoch, as a new topic of the
// same name does.
func (p *publisher) recreate(tag string, parts ...int) {
	p.change(func(r *ringbuf.Ring) {
		var n []ringbuf.Notice
		for _, i := range parts {
			at := r.Position()
			n = append(n, ringbuf.Notice{Topic: at.Keys[i].Topic, Partition: at.Keys[i].Partition, Asked: at.Pos[i].Next, Given: 0, Reason: gapRecreated})
		}
		r.PublishEpoch(parts, tag, 0, ringbuf.NoTime, p.enc.Gap(n...))
	})
}

// A new topic of the same name is told, and read from its first record, by
// clients that are there, by one that waits, and by one that comes later.
func TestEpoch(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(100, 2)
		for i := range int64(5) {
			p.publish(0, i, fmt.Sprintf(`{"old":%d}`, i))
		}
		s, addr := serve(t, p, change)
		_, live := get(t, addr, "/v2/stream/s", "")
		_, waiting := get(t, addr, "/v2/stream/s", p.id(7, 1))
		lines := dial(t, addr, "GET /v2/stream/s HTTP/1.0\r\nAccept: application/json\r\n\r\n")
		block(t, live)
		block(t, waiting)
		until(t, "all are there", func() bool { return s.Connections() == 3 })
		old := p.id(5, 0)

		p.recreate("cccccc.nnnnnn", 0, 1)
		p.set(func(p *publisher) { p.lookUp = func(string) (int, bool, error) { return 2, true, nil } })
		p.publish(0, 0, `{"new":0}`)
		const first = ": gap topic=t partition=0 asked=%d given=0 reason=recreated\n: gap topic=t partition=1 asked=%d given=0 reason=recreated\n"
		f := func(name string, r io.Reader, notices string, values ...string) {
			t.Helper()
			begins(t, r, notices)
			for _, want := range values {
				var b [1]byte
				var e strings.Builder
				for !strings.HasSuffix(e.String(), "\n\n") {
					if _, err := io.ReadFull(r, b[:]); err != nil {
						t.Fatalf("%s: after %q: %v", name, e.String(), err)
					}
					e.Write(b[:])
				}
				if !strings.Contains(e.String(), `"epoch":"cccccc.nnnnnn"`) || !strings.HasSuffix(e.String(), "data: "+want+"\n\n") {
					t.Errorf("%s: want %s: %q", name, want, e.String())
				}
			}
		}
		f("live", live, fmt.Sprintf(first, 5, 0), `{"new":0}`)
		f("waiting", waiting, fmt.Sprintf(first, 7, 1), `{"new":0}`)
		_, late := get(t, addr, "/v2/stream/s", old)
		if g := block(t, late); !strings.Contains(g, `"partition":0,"offset":0,"epoch":"cccccc.nnnnnn"`) {
			t.Errorf("greeting %q", g)
		}
		f("late", late, fmt.Sprintf(first, 5, 0), `{"new":0}`)
		p.publish(1, 0, `{"new":1}`)
		f("live", live, "", `{"new":1}`)
		f("waiting", waiting, "", `{"new":1}`)
		f("late", late, "", `{"new":1}`)
		head := make([]byte, 4096)
		n, body := 0, ""
		for !strings.Contains(body, "\n{\"new\":0}\n{\"new\":1}\n") {
			k, err := lines.Read(head[n:])
			if err != nil {
				t.Fatalf("%q %v", head[:n], err)
			}
			n += k
			body = string(head[:n])
		}
		if strings.Contains(body, "gap") {
			t.Errorf("a notice in %q", body)
		}
		until(t, "nobody is private", func() bool {
			return metric(t, s, `ringcast_clients{state="private"}`) == 0 && metric(t, s, `ringcast_clients{state="waiting"}`) == 0
		})
		if n := metric(t, s, `ringcast_gaps_total{stream="s",reason="recreated"}`); n != 4 {
			t.Errorf("%v gaps told to single clients", n)
		}
	})
}

// The oldest entry of a ring may be the epoch itself, with positions before it
// that moved without a record: who stands in between is served.
func TestResumeJustBeforeAnEpoch(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newEmptyPublisher(100, 0)
		p.add("t", 0, 0)
		p.add("u", 0, 0)
		p.ring.Flush()
		p.publish(0, 0, `{}`)
		p.publish(1, 0, `{}`)
		p.change(func(r *ringbuf.Ring) { r.Advance(1, 4); r.Flush() })
		p.recreate("cccccc.nnnnnn", 0)
		_, addr := serve(t, p, func(c *Config) {
			change(c)
			c.Streams[0].Topics = []string{"t", "u"}
		})
		_, r := get(t, addr, "/v2/stream/s", p.id(0, 2))
		block(t, r)
		p.publish(1, 4, `{"u":4}`)
		if e := block(t, r); !strings.Contains(e, `data: {"u":4}`) {
			t.Errorf("%q", e)
		}
	})
}

// Nobody who comes without a position is fed the warm-up.
func TestNotWarm(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(100, 2)
		p.cold.Store(true)
		live := ringbuf.Vector{Keys: p.ring.Newest().Keys(), Pos: []ringbuf.Pos{{Next: 3, Time: ringbuf.NoTime}, {Next: 1, Time: ringbuf.NoTime}}}
		p.set(func(p *publisher) { p.live = &live })
		p.publish(0, 0, `{"warm":0}`)
		s, addr := serve(t, p, change)
		_, r := get(t, addr, "/v2/stream/s", "")
		if g, want := block(t, r), "id: "+p.id(3, 1)+"\n:ok\n\n"; g != want {
			t.Fatalf("got %q\nwant %q", g, want)
		}
		// An older position is a resume, and since looks at what there is.
		_, older := get(t, addr, "/v2/stream/s", p.id(0, 0))
		block(t, older)
		if e := block(t, older); !strings.Contains(e, `{"warm":0}`) {
			t.Errorf("%q", e)
		}
		for i := range int64(2) {
			p.publish(0, 1+i, fmt.Sprintf(`{"warm":%d}`, 1+i))
		}
		p.publish(0, 3, `{"live":0}`)
		p.publish(1, 0, `{"warm":true}`)
		p.cold.Store(false)
		p.publish(1, 1, `{"live":1}`)
		for _, want := range []string{`{"live":0}`, `{"live":1}`} {
			if e := block(t, r); !strings.Contains(e, "\ndata: "+want+"\n") {
				t.Errorf("want %s: %q", want, e)
			}
		}
		for _, want := range []string{`{"warm":1}`, `{"warm":2}`, `{"live":0}`, `{"warm":true}`, `{"live":1}`} {
			if e := block(t, older); !strings.Contains(e, "\ndata: "+want+"\n") {
				t.Errorf("want %s: %q", want, e)
			}
		}
		until(t, "nobody waits", func() bool {
			return metric(t, s, `ringcast_clients{state="private"}`) == 0 && metric(t, s, `ringcast_clients{state="waiting"}`) == 0
		})
	})
}

// Before Kafka was ever reached a connection opens without a position, and
// goes on when there is one.
func TestCold(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newEmptyPublisher(100, 0)
		p.cold.Store(true)
		s, addr := serve(t, p, func(c *Config) {
			change(c)
			c.Heartbeat = 100 * time.Millisecond
		})
		_, r := get(t, addr, "/v2/stream/s", "")
		if g := block(t, r); g != ":ok\n\n" {
			t.Fatalf("greeting %q", g)
		}
		begins(t, r, ":\n:\n")
		p.change(func(r *ringbuf.Ring) { p.add("t", 0, 7); r.Flush() })
		p.set(func(p *publisher) {
			live := ringbuf.Vector{Keys: p.ring.Newest().Keys(), Pos: []ringbuf.Pos{{Next: 8, Time: ringbuf.NoTime}}}
			p.live = &live
		})
		p.publish(0, 7, `{"warm":7}`)
		p.cold.Store(false)
		p.change(func(*ringbuf.Ring) {})
		until(t, "it has joined", func() bool {
			return metric(t, s, `ringcast_clients{state="private"}`) == 0 && metric(t, s, `ringcast_clients{state="waiting"}`) == 0
		})
		p.publish(0, 8, `{"live":8}`)
		if e := strings.TrimLeft(block(t, r), ":\n"); !strings.Contains(e, `{"live":8}`) {
			t.Errorf("%q", e)
		}
	})
}

// TestEpochAhead: an id of a life of the topic that this instance has not heard
// of yet is not taken for one of an old life.
func TestEpochAhead(t *testing.T) {
	p := newPublisher(100, 1)
	p.publish(0, 0, `{"old":0}`)
	const ahead = `[{"topic":"t","partition":0,"offset":1,"epoch":"cccccc.nnnnnn"}]`
	_, addr := serve(t, p, nil)

	// While Kafka cannot say which is the newer one, nobody can.
	if res, _ := get(t, addr, "/v2/stream/s", ahead); res.StatusCode != 503 {
		t.Errorf("without Kafka: status %d", res.StatusCode)
	}
	p.set(func(p *publisher) {
		p.lookUp = func(string) (int, bool, error) {
			p.recreate("cccccc.nnnnnn", 0)
			p.publish(0, 0, `{"new":0}`)
			p.publish(0, 1, `{"new":1}`)
			return 1, true, nil
		}
	})
	_, r := get(t, addr, "/v2/stream/s", ahead)
	if g := block(t, r); !strings.HasPrefix(g, `id: [{"topic":"t","partition":0,"offset":1,"epoch":"cccccc.nnnnnn"}]`) {
		t.Errorf("greeting %q", g)
	}
	if e := block(t, r); !strings.HasPrefix(e, "event: message\n") || !strings.HasSuffix(e, "data: {\"new\":1}\n\n") {
		t.Errorf("event %q", e)
	}
}
