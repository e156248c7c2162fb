package sse

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// newTopic returns a publisher of one topic with so many partitions.
func newTopic(topic string, events, partitions int, form position.Form) *publisher {
	p := newEmptyPublisher(events, form)
	for i := range partitions {
		p.add(topic, int32(i), 0)
	}
	p.ring.Flush()
	return p
}

// ofTopics is a stream of a publisher.
func (p *publisher) ofTopics(name string, topics ...string) Stream {
	return Stream{Name: name, Topics: topics, ID: p.form, Ring: p.ring, Source: p}
}

// serveStreams starts a server for some streams.
func serveStreams(t testing.TB, change func(*Config), streams ...Stream) (*Server, string) {
	t.Helper()
	return serve(t, newPublisher(1, 1), func(c *Config) {
		c.Streams = streams
		if change != nil {
			change(c)
		}
	})
}

// One id names the partitions of all streams, by the names of the streams
// whatever the request's order, each in the form of its stream.
func TestCompositeIDs(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		a, b := newTopic("ta", 100, 1, position.Offset), newTopic("tb", 100, 2, position.Both)
		sa := a.ofTopics("a", "ta")
		sa.Aliases = []string{"first"}
		_, addr := serveStreams(t, change, b.ofTopics("b", "tb"), sa)
		a.publishAt(0, 0, 7, `{"from":"a"}`)
		b.publishAt(1, 4, 9, `{"from":"b"}`)
		const tags = `"epoch":"cccccc.tttttt"}`
		start := `[{"topic":"ta","partition":0,"offset":1,` + tags + `,{"topic":"tb","partition":0,"offset":0,` + tags + `,{"topic":"tb","partition":1,"offset":5,"timestamp":10,` + tags + `]`
		for _, names := range []string{"a,b", "b,a", "b,first,a,b,first", "b%2Cfirst/"} {
			_, r := get(t, addr, "/v2/stream/"+names, "")
			if g := block(t, r); g != "id: "+start+"\n:ok\n\n" {
				t.Errorf("%s: greeting %q", names, g)
			}
		}
		_, r := get(t, addr, "/v2/stream/a,b", "")
		block(t, r)
		a.publishAt(0, 1, 12, `{"from":"a"}`)
		want := `event: message` + "\nid: " + strings.Replace(start, `"offset":1`, `"offset":2`, 1) + "\n" + `data: {"from":"a"}` + "\n\n"
		if e := block(t, r); e != want {
			t.Errorf("got  %q\nwant %q", e, want)
		}
		b.publishAt(0, 0, 14, `{"from":"b"}`)
		if e := block(t, r); !strings.Contains(e, `"partition":0,"offset":1,"timestamp":15,`) || !strings.HasSuffix(e, "\n"+`data: {"from":"b"}`+"\n\n") {
			t.Errorf("%q", e)
		}
		// What one name is left with is the stream itself.
		_, r = get(t, addr, "/v2/stream/first,a", "")
		if g := block(t, r); g != `id: [{"topic":"ta","partition":0,"offset":2,`+tags+"]\n:ok\n\n" {
			t.Errorf("greeting %q", g)
		}
		res, _ := get(t, addr, "/v2/stream/a,none,b,", "")
		if body, _ := io.ReadAll(res.Body); res.StatusCode != 400 || !strings.Contains(string(body), "Invalid streams: none,") {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
}

// One compact stream makes all ids compact.
func TestCompositeIDsAreCompact(t *testing.T) {
	a, b := newTopic("ta", 100, 1, position.Compact), newTopic("tb", 100, 2, position.Both)
	_, addr := serveStreams(t, nil, a.ofTopics("a", "ta"), b.ofTopics("b", "tb"))
	_, r := get(t, addr, "/v2/stream/a,b", "")
	g := block(t, r)
	id, ok := strings.CutPrefix(strings.TrimSuffix(g, "\n:ok\n\n"), "id: ")
	parsed, err := position.Parse([]byte(id))
	if !ok || err != nil || len(parsed.Entries) != 3 || strings.HasPrefix(id, "[") {
		t.Fatalf("%q: %v %v", g, parsed, err)
	}
	b.publish(1, 0, `{"n":1}`)
	if e := block(t, r); strings.Contains(e, "id: [") || !strings.Contains(e, `data: {"n":1}`) {
		t.Errorf("%q", e)
	}
}

// All wire forms: the same events, in the order of the view.
func TestCompositeLanes(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		a, b := newTopic("ta", 100, 1, position.Both), newTopic("tb", 100, 1, position.Both)
		_, addr := serveStreams(t, change, a.ofTopics("a", "ta"), b.ofTopics("b", "tb"))
		lines := dial(t, addr, "GET /v2/stream/a,b HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n")
		bareLines := dial(t, addr, "GET /v2/stream/a,b HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n")
		bare := dial(t, addr, "GET /v2/stream/a,b HTTP/1.0\r\n\r\n")
		notices := dial(t, addr, "GET /v2/stream/b,a?notices=event HTTP/1.1\r\nHost: x\r\n\r\n")
		head := func(c io.Reader) *bufio.Reader {
			r := bufio.NewReader(c)
			for line := ""; line != "\r\n"; {
				var err error
				if line, err = r.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			return r
		}
		rl, rbl, rb, rn := head(lines), head(bareLines), head(bare), head(notices)
		begins(t, rl, "1\r\n\n\r\n")
		begins(t, rbl, "\n")
		if g := block(t, rb); !strings.HasSuffix(g, ":ok\n\n") {
			t.Errorf("%q", g)
		}
		block(t, rn)
		begins(t, rn, "\r\n")
		a.publishAt(0, 0, 1, `{"n":1}`)
		begins(t, rl, "8\r\n{\"n\":1}\n\r\n")
		begins(t, rbl, "{\"n\":1}\n")
		frame := "event: message\nid: " + compositeID(1, 2, 0, 0) + "\ndata: {\"n\":1}\n\n"
		begins(t, rb, frame)
		begins(t, rn, fmt.Sprintf("%x\r\n%s\r\n", len(frame), frame))
		b.change(func(r *ringbuf.Ring) {
			_ = r.PublishGap(0, 3, b.enc.Gap(ringbuf.Notice{Topic: "tb", Given: 3, Reason: "missed"}))
		})
		begins(t, rb, ": gap topic=tb partition=0 asked=0 given=3 reason=missed\n")
		gap := `event: gap` + "\n" + `data: {"topic":"tb","partition":0,"asked":0,"given":3,"reason":"missed"}` + "\n\n"
		begins(t, rn, fmt.Sprintf("%x\r\n%s\r\n", len(gap), gap))
		b.publishAt(0, 3, 1, `{"n":2}`)
		begins(t, rl, "8\r\n{\"n\":2}\n\r\n")
		begins(t, rbl, "{\"n\":2}\n")
		begins(t, rb, "event: message\nid: "+compositeID(1, 2, 4, 2)+"\ndata: {\"n\":2}\n\n")
	})
}

// compositeID is the id of one partition of ta and one of tb.
func compositeID(a, aTime, b, bTime int64) string {
	entry := func(topic string, next, ms int64) string {
		if ms > 0 {
			return fmt.Sprintf(`{"topic":%q,"partition":0,"offset":%d,"timestamp":%d,"epoch":%q}`, topic, next, ms, epoch)
		}
		return fmt.Sprintf(`{"topic":%q,"partition":0,"offset":%d,"epoch":%q}`, topic, next, epoch)
	}
	return "[" + entry("ta", a, aTime) + "," + entry("tb", b, bTime) + "]"
}

// A topic that two streams share is read from the first of them, once.
func TestCompositeOfStreamsThatShareATopic(t *testing.T) {
	a, b := newTopic("ts", 100, 2, position.Both), newTopic("ts", 100, 2, position.Both)
	b.change(func(*ringbuf.Ring) { b.add("tb", 0, 0); b.ring.Flush() })
	_, addr := serveStreams(t, nil, a.ofTopics("a", "ts"), b.ofTopics("b", "ts", "tb"))
	_, r := get(t, addr, "/v2/stream/a,b", "")
	if g := block(t, r); strings.Count(g, `"topic"`) != 3 {
		t.Errorf("%q", g)
	}
	b.publish(0, 0, `{"from":"b, shared"}`)
	a.publish(0, 0, `{"from":"a"}`)
	b.publish(2, 0, `{"from":"b"}`)
	for range 2 {
		if e := block(t, r); strings.Contains(e, "shared") {
			t.Errorf("%q", e)
		}
	}
	a.publish(0, 1, `{"last":1}`)
	if e := block(t, r); !strings.Contains(e, `{"last":1}`) {
		t.Errorf("%q", e)
	}
}

// Partitions that are found, and topics that are created anew, show in a view as
// in a stream.
func TestCompositeFollowsTopics(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		a, b := newTopic("ta", 100, 1, position.Both), newTopic("tb", 100, 1, position.Both)
		_, addr := serveStreams(t, change, a.ofTopics("a", "ta"), b.ofTopics("b", "tb"))
		_, r := get(t, addr, "/v2/stream/a,b", "")
		old := idIn(t, block(t, r))
		a.change(func(*ringbuf.Ring) { a.add("ta", 1, 0); a.ring.Flush() })
		a.publish(1, 0, `{"n":1}`)
		e := block(t, r)
		if !strings.Contains(e, `{"topic":"ta","partition":1,"offset":1,`) || strings.Count(e, `"topic"`) != 3 {
			t.Errorf("%q", e)
		}
		b.publish(0, 0, `{"n":2}`)
		before := block(t, r)
		b.change(func(ring *ringbuf.Ring) {
			ring.PublishEpoch([]int{0}, "cccccc.uuuuuu", 0, ringbuf.NoTime, b.enc.Gap(ringbuf.Notice{Topic: "tb", Asked: 1, Reason: gapRecreated}))
		})
		b.set(func(*publisher) { b.lookUp = func(string) (int, bool, error) { return 1, true, nil } })
		b.publish(0, 0, `{"n":3}`)
		const notice = ": gap topic=tb partition=0 asked=1 given=0 reason=recreated\n"
		e = block(t, r)
		if !strings.HasPrefix(e, notice) || !strings.Contains(e, `"epoch":"cccccc.uuuuuu"`) || !strings.HasSuffix(e, "\n"+`data: {"n":3}`+"\n\n") {
			t.Errorf("%q", e)
		}
		// Who comes back from before gets the same.
		_, r = get(t, addr, "/v2/stream/b,a", idIn(t, before))
		block(t, r)
		if e := block(t, r); !strings.HasPrefix(e, notice) || !strings.Contains(e, `{"n":3}`) {
			t.Errorf("%q", e)
		}
		if res, _ := get(t, addr, "/v2/stream/b,a", old); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%d: an epoch has emptied the ring, and there is no history here", res.StatusCode)
		}
	})
}

// idIn is the id of a block.
func idIn(t *testing.T, block string) string {
	t.Helper()
	for line := range strings.Lines(block) {
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			return strings.TrimSuffix(id, "\n")
		}
	}
	t.Fatalf("no id in %q", block)
	return ""
}

// A position of some of the streams leaves the others open: they start at since
// or the live end, and nothing is said.
func TestCompositeCompletesByStream(t *testing.T) {
	a, b := newTopic("ta", 100, 1, position.Both), newTopic("tb", 100, 1, position.Both)
	for i := range int64(3) {
		a.publishAt(0, i, 1000+2*i, fmt.Sprintf(`{"a":%d}`, i))
		b.publishAt(0, i, 1001+2*i, fmt.Sprintf(`{"b":%d}`, i))
	}
	_, addr := serveStreams(t, nil, a.ofTopics("a", "ta"), b.ofTopics("b", "tb"))
	f := func(name, path, id string, want ...string) {
		t.Helper()
		_, r := get(t, addr, path, id)
		block(t, r)
		for _, w := range want {
			if e := block(t, r); strings.HasPrefix(e, ":") || !strings.HasSuffix(e, "\ndata: "+w+"\n\n") {
				t.Errorf("%s: got %q, want %s", name, e, w)
			}
		}
		a.publish(0, a.ring.Newest().At(0).Next, `{"last":1}`)
		if e := block(t, r); !strings.Contains(e, `{"last":1}`) {
			t.Errorf("%s: got %q", name, e)
		}
	}
	id := `[{"topic":"ta","partition":0,"offset":1,"timestamp":1001,"epoch":"cccccc.tttttt"}]`
	f("the live end", "/v2/stream/a,b", id, `{"a":1}`, `{"a":2}`)
	id = strings.Replace(id, `"offset":1`, `"offset":2`, 1)
	f("since", "/v2/stream/a,b?since=1970-01-01T00:00:01.003Z", id, `{"b":1}`, `{"a":2}`, `{"b":2}`, `{"last":1}`)
}
