package sse

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// served opens streams of one publisher and says how they begin.
type served struct {
	t    *testing.T
	p    *publisher
	addr string
}

// from checks that an id and a since parameter lead to a greeting with these
// offsets, then these notices, then the events from these values on. The last
// one has to be that of the record that is published at the end.
func (s *served) from(id, since, greeting string, notices []string, values ...string) {
	s.t.Helper()
	path := "/v2/stream/s"
	if since != "" {
		path += "?since=" + url.QueryEscape(since)
	}
	res, r := get(s.t, s.addr, path, id)
	defer res.Body.Close()
	if res.StatusCode != 200 {
		s.t.Errorf("%s: status %d", id, res.StatusCode)
		return
	}
	if g := block(s.t, r); !strings.Contains(g, greeting) {
		s.t.Errorf("%s: greeting\n got %s\nwant %s", id, g, greeting)
	}
	for _, want := range notices {
		if line, err := r.ReadString('\n'); err != nil || line != ": gap "+want+"\n" {
			s.t.Errorf("%s: notice\n got %q (%v)\nwant %q", id, line, err, want)
		}
	}
	for _, want := range values {
		if e := block(s.t, r); !strings.HasPrefix(e, "event: message\nid: [") || !strings.HasSuffix(e, "\ndata: "+want+"\n\n") {
			s.t.Errorf("%s: want %s\ngot %q", id, want, e)
			return
		}
	}
}

// at is the beginning of an entry of a greeting.
func entry(topic string, partition int, offset int64) string {
	return fmt.Sprintf(`{"topic":%q,"partition":%d,"offset":%d,`, topic, partition, offset)
}

const end = `{"end":true}`

func TestStartsByTime(t *testing.T) {
	p := newPublisher(100, 2)
	// Partition 0: 1000, 1010, 1010, 1020; partition 1: nothing but 1015.
	for i, ms := range []int64{1000, 1010, 1010, 1020} {
		p.publishAt(0, int64(i), ms, fmt.Sprintf(`{"n":%d}`, i))
	}
	p.publishAt(1, 0, 1015, end)
	_, addr := serve(t, p, nil)
	s := &served{t: t, p: p, addr: addr}
	id := func(ts ...int64) string {
		var b strings.Builder
		for i, ms := range ts {
			fmt.Fprintf(&b, `,{"topic":"t","partition":%d,"timestamp":%d,"epoch":"cccccc.tttttt"}`, i, ms)
		}
		return "[" + b.String()[1:] + "]"
	}
	// The record of the last delivered millisecond is the only one of it: behind it.
	s.from(id(1001, 1), "", entry("t", 0, 1), nil, `{"n":1}`, `{"n":2}`, `{"n":3}`, end)
	// Several share it: at the first of them.
	s.from(id(1011, 1), "", entry("t", 0, 1), nil, `{"n":1}`, `{"n":2}`, `{"n":3}`, end)
	s.from(id(1021, 1), "", entry("t", 0, 4), nil, end)
	// No record has it: the first later one.
	s.from(id(1006, 1), "", entry("t", 0, 1), nil, `{"n":1}`, `{"n":2}`, `{"n":3}`, end)
	s.from(id(1021, 0), "", entry("t", 1, 0), nil, end)
	s.from(id(1021, 1015), "", entry("t", 1, 0), nil, end)

	s.from("", "1010", entry("t", 0, 1), nil, `{"n":1}`, `{"n":2}`, `{"n":3}`, end)
	s.from("", "1970-01-01T00:00:01.011Z", entry("t", 0, 3), nil, `{"n":3}`, end)
	s.from("", "0", entry("t", 0, 0), nil, `{"n":0}`, `{"n":1}`)
	s.from("", "1015", entry("t", 1, 0), nil, `{"n":3}`, end)
	live := entry("t", 0, 4)
	s.from("", "1021", live, nil)
	s.from("", "2999-01-01", live, nil)
	s.from("", "9223372036854775807", live, nil)

	// The id wins where it speaks, since where it does not.
	s.from(`[{"topic":"t","partition":0,"offset":3}]`, "1000", entry("t", 1, 0), nil, `{"n":3}`, end)
	s.from(`["t"]`, "1020", entry("t", 0, 3), nil, `{"n":3}`)
	s.from(`[{"topic":"t","partition":0,"offset":3}]`, "", entry("t", 1, 1), nil, `{"n":3}`)
	s.from(`["t"]`, "", live, nil)
	s.from(`[{"topic":"t","partition":0,"offset":-1},{"topic":"t","partition":1,"offset":-2}]`, "", entry("t", 0, 4), nil, end)
	s.from(`[{"topic":"t","partition":0,"offset":-2},{"topic":"t","partition":1,"offset":-1}]`, "", entry("t", 1, 1), nil, `{"n":0}`)
}

// What an id leaves open, and what has become of what it names.
func TestStartsByName(t *testing.T) {
	build := func() *publisher {
		p := newEmptyPublisher(100, position.Both)
		p.lookUp = func(string) (int, bool, error) { return 2, true, nil }
		p.add("t", 0, 0)
		p.add("t", 1, 0)
		p.add("u", 0, 0)
		p.ring.Flush()
		p.publishAt(0, 0, 1000, `{"t0":0}`)
		p.publishAt(1, 0, 1001, `{"t1":0}`)
		p.publishAt(2, 0, 1002, `{"u0":0}`)
		p.publishAt(2, 1, 1003, end)
		return p
	}
	p := build()
	server, addr := serve(t, p, func(c *Config) { c.Streams[0].Topics = []string{"t", "u"} })
	s := &served{t: t, p: p, addr: addr}
	const here, other, again = "cccccc.tttttt", "dddddd.tttttt", "cccccc.uuuuuu"
	ours := func(topic string, partition int, rest, epoch string) string {
		return fmt.Sprintf(`{"topic":%q,"partition":%d,%s,"epoch":%q}`, topic, partition, rest, epoch)
	}
	id := func(entries ...string) string { return "[" + strings.Join(entries, ",") + "]" }
	u := ours("u", 0, `"offset":1,"timestamp":1003`, here)

	// A partition added since: from its first record.
	s.from(id(ours("t", 0, `"offset":1,"timestamp":1001`, here), u), "", entry("t", 1, 0), nil, `{"t1":0}`, end)
	// A topic added to the stream: from the id's own time, inclusive; without one, live.
	s.from(id(ours("t", 0, `"offset":1,"timestamp":1003`, here), ours("t", 1, `"offset":1`, here)), "", entry("u", 0, 0), nil, `{"u0":0}`, end)
	s.from(id(ours("t", 0, `"offset":0`, here), ours("t", 1, `"offset":0`, here)), "", entry("u", 0, 2),
		[]string{"topic=u partition=0 asked=-1 given=2 reason=missed"}, `{"t0":0}`, `{"t1":0}`)
	// A topic that the stream has no more.
	s.from(id(ours("x", 3, `"offset":7`, here), u, ours("t", 0, `"offset":1`, here), ours("t", 1, `"offset":1`, here)), "", entry("u", 0, 1),
		[]string{"topic=x partition=3 asked=7 given=-1 reason=topic_removed"}, end)
	// Nothing of the stream is named: since, or live.
	s.from(id(ours("x", 3, `"offset":7`, here)), "1003", entry("u", 0, 1), []string{"topic=x partition=3 asked=7 given=-1 reason=topic_removed"}, end)
	s.from(id(ours("x", 3, `"offset":7`, here)), "", entry("u", 0, 2), []string{"topic=x partition=3 asked=7 given=-1 reason=topic_removed"})
	// Client text is not in a notice.
	s.from(id(ours("x y", 3, `"offset":7`, here), u, ours("t", 0, `"offset":1`, here), ours("t", 1, `"offset":1`, here)), "", entry("u", 0, 1), nil, end)
	// Another cluster: by time, inclusive; without one, live.
	s.from(id(ours("t", 0, `"offset":70,"timestamp":2000`, other), ours("t", 1, `"offset":70,"timestamp":1002`, other), ours("u", 0, `"offset":70`, other)), "",
		entry("t", 1, 0), []string{
			"topic=t partition=0 asked=70 given=1 reason=other_cluster",
			"topic=t partition=1 asked=70 given=0 reason=other_cluster",
			"topic=u partition=0 asked=70 given=2 reason=missed"}, `{"t1":0}`)
	// The topic was deleted and created again: from its first record.
	s.from(id(ours("t", 0, `"offset":70`, again), ours("t", 1, `"offset":70`, again), u), "", entry("t", 0, 0), []string{
		"topic=t partition=0 asked=70 given=0 reason=recreated",
		"topic=t partition=1 asked=70 given=0 reason=recreated"}, `{"t0":0}`, `{"t1":0}`, end)
	// A tag that is not known matches any.
	s.from(id(ours("t", 0, `"offset":1`, "cccccc.-"), ours("t", 1, `"offset":1`, "-.-"), u), "", entry("t", 0, 1), nil, end)
	// An epoch that is not of our form is none: live for what is not named.
	s.from(`[{"topic":"u","partition":0,"offset":1,"epoch":"x"}]`, "", entry("t", 0, 1), nil, end)
	for reason, want := range map[string]float64{"topic_removed": 3, "other_cluster": 2, "recreated": 2, "missed": 2} {
		if n := metric(t, server, fmt.Sprintf(`ringcast_gaps_total{stream="s",reason=%q}`, reason)); n != want {
			t.Errorf("%s: %v counted", reason, n)
		}
	}
	// As events, when asked for.
	res, r := get(t, addr, "/v2/stream/s?notices=event", id(ours("x", 3, `"offset":7`, here)))
	block(t, r)
	if e, want := block(t, r), "event: gap\ndata: {\"topic\":\"x\",\"partition\":3,\"asked\":7,\"given\":-1,\"reason\":\"topic_removed\"}\n\n"; e != want {
		t.Errorf("got %q\nwant %q", e, want)
	}
	res.Body.Close()
}

// Older than everything that Kafka ever had is an offset below the first one
// of a ring that has lost nothing.
func TestStartsBeforeTheLog(t *testing.T) {
	p := newEmptyPublisher(100, position.Both)
	p.ring.Add(ringbuf.Key{Topic: "t", Epoch: epoch}, ringbuf.Pos{Next: 50, Time: ringbuf.NoTime}, ringbuf.NoTime)
	p.ring.Flush()
	p.publish(0, 50, end)
	_, addr := serve(t, p, nil)
	s := &served{t: t, p: p, addr: addr}
	s.from(p.id(20), "", entry("t", 0, 50), []string{"topic=t partition=0 asked=20 given=50 reason=expired"}, end)
}

// An id sent privately names every partition that the client knows, also where
// the ring's older entries do not know it yet: one left out would be read again.
func TestPrivateIDsAreWhole(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(100, 2)
		p.publish(0, 0, `{"n":0}`)
		p.publish(1, 0, `{"m":0}`)
		p.publish(0, 1, `{"n":1}`)
		p.change(func(r *ringbuf.Ring) { p.add("t", 2, 0); r.Flush() })
		p.publish(2, 0, `{"x":0}`)
		p.publish(2, 1, `{"x":1}`)
		_, addr := serve(t, p, change)
		// Another instance had come to partition 2 first.
		_, r := get(t, addr, "/v2/stream/s", p.id(0, 1, 1))
		block(t, r)
		for _, want := range []string{`{"n":0}`, `{"n":1}`, `{"x":1}`} {
			if e := block(t, r); !strings.HasSuffix(e, "data: "+want+"\n\n") || !strings.Contains(e, `"partition":2,"offset":`) || strings.Contains(e, `"partition":2,"offset":0`) {
				t.Errorf("want %s: %q", want, e)
			}
		}
	})
}

// However long the private parts of starts are, and the entries where they end,
// not much of them is kept.
func TestStartCacheIsBounded(t *testing.T) {
	var c startCache
	small := &ringbuf.Entry{Seq: 1}
	large := &ringbuf.Entry{Seq: 1, Wire: ringbuf.Wire{Bytes: make([]byte, 2*maxStartBytes)}}
	f := func(at *ringbuf.Entry, private int, most int64) {
		for i := range 3 * maxStarts {
			k := startKey{id: fmt.Sprint(i / 2)} // each twice
			c.put(k, start{at: at, private: make([]byte, private)})
			if s, ok := c.get(k, 1); !ok || len(s.private) != private {
				t.Fatalf("start %d is not there: %d bytes, %v", i, len(s.private), ok)
			}
			n := int64(0)
			for _, s := range c.m {
				n += s.size()
			}
			if len(c.m) > maxStarts || n > most || n != c.bytes {
				t.Fatalf("%d starts of %d bytes, counted as %d", len(c.m), n, c.bytes)
			}
		}
	}
	f(small, 10, maxStartBytes)
	f(small, maxPrivate, maxStartBytes)
	f(large, 10, large.Size()+10)
}
