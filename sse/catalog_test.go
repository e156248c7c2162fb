package sse

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"weak"
)

// Clients of streams that are taken away end at an event boundary and are told;
// the others notice nothing, and what was taken away leaves nothing behind.
func TestStreamsAreReplaced(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		list, of := alphabet(4, 64) // a, b, c, d
		s, addr := serveStreams(t, change, list[:3]...)
		old := weak.Make(s.catalog.Load().views[1])
		_, kept := get(t, addr, "/v2/stream/a", "")
		_, both := get(t, addr, "/v2/stream/a,c", "")
		leaving := []io.Reader{}
		for _, path := range []string{"/v2/stream/b", "/v2/stream/a,b", "/v2/stream/b,c?notices=event"} {
			_, r := get(t, addr, path, "")
			leaving = append(leaving, r)
		}
		_, ahead := get(t, addr, "/v2/stream/b", strings.ReplaceAll(of[1].id(5), `"t"`, `"tb"`))
		leaving = append(leaving, ahead)
		until(t, "all are there", func() bool { return s.Connections() == 6 })

		// b goes, and d comes with the alias of b.
		list[3].Aliases = []string{"b"}
		if err := s.SetStreams([]Stream{list[0], list[2], list[3]}); err != nil {
			t.Fatal(err)
		}
		for i, r := range leaving {
			rest, err := io.ReadAll(r)
			if err != nil || !strings.HasSuffix(string(rest), ": removed\n") {
				t.Errorf("client %d: %q, %v", i, rest, err)
			}
		}
		until(t, "they are counted", func() bool { return closedFor(t, s, closedRemoved) == 4 && s.Connections() == 2 })
		for i, p := range of {
			if i != 1 {
				p.publish(0, 0, `{"n":1}`)
			}
		}
		block(t, kept)
		if e := block(t, kept); !strings.Contains(e, `{"n":1}`) {
			t.Errorf("kept: %q", e)
		}
		block(t, both)
		block(t, both)
		if e := block(t, both); !strings.Contains(e, `{"n":1}`) {
			t.Errorf("kept composite: %q", e)
		}
		if _, r := get(t, addr, "/v2/stream/b", ""); !strings.Contains(block(t, r), `"topic":"td","partition":0,"offset":1`) {
			t.Error("b is not d")
		}
		if n := metric(t, s, `ringcast_connections{stream="d"}`); n != 1 {
			t.Errorf("%v connections of d", n)
		}
		var text strings.Builder
		s.cfg.Metrics.WritePrometheus(&text)
		if strings.Contains(text.String(), `stream="b"`) {
			t.Error("metrics of b are left")
		}
		of[1] = nil
		list[1] = Stream{}
		until(t, "nothing holds the stream that was taken away", func() bool {
			runtime.GC()
			return old.Value() == nil
		})

		// A stream that is another one under the same name.
		again, publishers := alphabet(1, 64)
		if err := s.SetStreams([]Stream{again[0], list[2], list[3]}); err != nil {
			t.Fatal(err)
		}
		for _, r := range []io.Reader{kept, both} {
			if rest, err := io.ReadAll(r); err != nil || !strings.HasSuffix(string(rest), ": removed\n") {
				t.Errorf("%q, %v", rest, err)
			}
		}
		_, r := get(t, addr, "/v2/stream/a,c", "")
		until(t, "the new one is counted", func() bool { return metric(t, s, `ringcast_connections{stream="a"}`) == 1 })
		publishers[0].publish(0, 0, `{"n":2}`)
		block(t, r)
		if e := block(t, r); !strings.Contains(e, `{"n":2}`) {
			t.Errorf("the new one: %q", e)
		}

		if err := s.SetStreams([]Stream{again[0], list[2], {Name: "c", Ring: list[3].Ring}}); err == nil || !strings.Contains(err.Error(), `"c"`) {
			t.Errorf("two streams with a route: %v", err)
		}
		if res, _ := get(t, addr, "/v2/stream/d,c", ""); res.StatusCode != 200 {
			t.Errorf("the refused list is served: %v", res.Status)
		}
	})
}

// A stream that is taken away while a HEAD for it is answered leaves nothing
// behind either.
func TestStreamRemovedUnderHead(t *testing.T) {
	p := newPublisher(100, 1)
	s, addr := serve(t, p, nil)
	old := weak.Make(s.catalog.Load().views[0])
	asked, removed := make(chan struct{}), make(chan struct{})
	p.set(func(p *publisher) {
		p.ask = func() {
			p.ask = nil
			close(asked)
			<-removed
		}
	})
	gone := make(chan string)
	go func() { gone <- answer(t, addr, "HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n") }()
	<-asked
	if err := s.SetStreams(nil); err != nil {
		t.Fatal(err)
	}
	close(removed)
	if head := <-gone; !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Errorf("got %q", head)
	}
	until(t, "nothing holds the stream", func() bool {
		runtime.GC()
		return old.Value() == nil
	})
}
