package ledger

import (
	"strings"
	"testing"
)

// TestRecordsGoneWrong: each way to lose exactness is found and named.
func TestRecordsGoneWrong(t *testing.T) {
	f := func(name string, change func(parts []string) []string, want ...string) {
		t.Helper()
		l := newLog(t, 8)
		var parts []string
		for _, p := range l.session(t, "") {
			if p != ":\n" {
				parts = append(parts, p)
			}
		}
		url := serve(t, func(asked) string { return chunked(change(parts)) })
		c := NewClient(Config{URLs: []string{url}, Book: l.book})
		c.Visit(t.Context(), Visit{})
		err := c.Check(l.book.End())
		if err == nil {
			t.Errorf("%s: nothing is found", name)
			return
		}
		if got := err.Error(); got != strings.Join(want, "; ") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, strings.Join(want, "; "))
		}
	}
	// parts: greeting, a-0@5 n=0, a-0@6 n=1, a-0@7 n=2, a-1@1 n=0 (a-1@0 is skipped), …
	without := func(i int) func([]string) []string {
		return func(p []string) []string { return append(append([]string{}, p[:i]...), p[i+1:]...) }
	}
	f("lost in the middle", without(2), "LOST 1 (a-0@6)")
	f("lost at the end", without(8), "LOST 1 (a-0@10)")
	f("lost at the beginning", without(1), "LOST 1 (a-0@5)")
	f("all lost", func(p []string) []string { return p[:1] }, "LOST 8 (a-0@5, a-0@6, a-0@7, …)")
	f("double", func(p []string) []string {
		return append(append(append([]string{}, p[:3]...), p[2]), p[3:]...)
	}, "DOUBLE 1 (a-0@6 n=1)")
	f("swapped within a partition", func(p []string) []string {
		p = append([]string{}, p...)
		p[2], p[3] = p[3], p[2]
		return p
	}, "OUT OF ORDER 1 (a-0@6 n=1 came behind 7)", "ID BEHIND 1 (a-0 goes back from 8 to 7)")
	f("another value", func(p []string) []string {
		p = append([]string{}, p...)
		p[4] = strings.Replace(p[4], "25.00", "25.0", 1)
		return p
	}, "BYTES DIFFER 1 (a-1@1 n=0: 75 bytes, booked are 76)")
	f("nobody produced it", func(p []string) []string {
		return append(append([]string{}, p...), event(id(99, 99), Value("a", 1, 4711, 60)))
	}, "UNEXPECTED 1 (n=4711 of a-1 is not in the book)")
	f("value without identity", func(p []string) []string {
		return append(append([]string{}, p...), event(id(99, 99), []byte(`{"x":1}`)))
	}, `UNEXPECTED 1 (value does not say who it is: "{\"x\":1}")`)
}

// TestIDsGoneWrong: an id that a resume could not trust is found, although every record arrived.
func TestIDsGoneWrong(t *testing.T) {
	book := NewBook(nil)
	var v [3][]byte
	for n := range int64(3) {
		v[n] = Value("a", 0, n, 60)
		if err := book.Add(Record{"a", 0, 5 + n, v[n]}); err != nil {
			t.Fatal(err)
		}
	}
	one := func(offset int64) string { return id(offset, 0) }
	f := func(name string, want string, greeted string, ids ...string) {
		t.Helper()
		r := NewReceipt(book, nil)
		r.Greeting([]byte(greeted))
		for i, id := range ids {
			r.Event([]byte(id), v[i])
		}
		err := r.Check(Positions{{"a", 0}: 5 + int64(len(ids))})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, want)
		}
	}
	f("right", "", one(5), one(6), one(7), one(8))
	f("runs ahead", "ID AHEAD 1 (a-0@6 n=1 came after an id with position 7)", one(5), one(7), one(7), one(8))
	f("greeting ahead", "DOUBLE 1 (a-0@5 n=0)", one(6), one(6), one(7), one(8))
	f("does not cover its event", "ID BEHIND 1 (a-0@5 n=0 came with position 5)", one(5), one(5), one(7))
	f("goes back", "ID BEHIND 1 (a-1 goes back from 3 to 2)", id(5, 3), id(6, 3), id(7, 2))
	f("a time goes back", "ID BEHIND 1 (time of a-0 goes back from 1007 to 1006)", one(5),
		`[{"topic":"a","partition":0,"timestamp":1007,"epoch":"clustr.topic_"}]`, `[{"topic":"a","partition":0,"timestamp":1006,"epoch":"clustr.topic_"}]`)
	f("without its partition", "BAD ID 1 (the id of an event of a-0 does not name it", one(5),
		`[{"topic":"a","partition":1,"offset":0,"epoch":"clustr.topic_"}]`)
	f("another epoch", "BAD ID 1 (epoch of a-0 changes from clustr.topic_ to clustr.other_ without a notice)", one(5),
		`[{"topic":"a","partition":0,"offset":6,"epoch":"clustr.other_"}]`)
	f("unknown topic id", "", one(5), `[{"topic":"a","partition":0,"offset":6,"epoch":"clustr.-"}]`)
	f("no epoch", "BAD ID", one(5), `[{"topic":"a","partition":0,"offset":6}]`)
	f("space", "BAD ID", one(5), `[{"topic": "a","partition":0,"offset":6,"epoch":"c.t"}]`)
	f("minus one", "BAD ID", one(5), `[{"topic":"a","partition":0,"offset":-1,"epoch":"c.t"}]`)
	f("twice the same", "BAD ID", one(5), `[{"topic":"a","partition":0,"offset":6,"epoch":"c.t"},{"topic":"a","partition":0,"offset":6,"epoch":"c.t"}]`)
	f("garbage behind it", "BAD ID", one(5), one(6)+"x")
	f("compact", "", one(5), "opaque")
}

// TestFraming: bytes that a library would stumble over are found, with the bytes.
func TestFraming(t *testing.T) {
	v := Value("a", 0, 0, 60)
	book := NewBook(nil)
	if err := book.Add(Record{"a", 0, 5, v}); err != nil {
		t.Fatal(err)
	}
	e := event(id(6, 0), v)
	g := greeting(id(5, 0))
	f := func(name, response, want string) {
		t.Helper()
		url := serve(t, func(asked) string { return response })
		c := NewClient(Config{URLs: []string{url}, Book: book})
		c.Visit(t.Context(), Visit{})
		d := c.Receipt().Differences()
		switch {
		case want == "" && d.Total() > 0:
			t.Errorf("%s: false alarm: %s", name, d.Error())
		case want != "" && (d.Counts[Framing] == 0 || !strings.Contains(strings.Join(d.Texts[Framing], "\n"), want)):
			t.Errorf("%s: got %q, want %q", name, d.Error(), want)
		}
	}
	clean := func(parts ...string) string { return chunked(append([]string{g}, parts...)) }
	f("clean", clean(e), "")
	f("several events in a chunk", chunked([]string{g + e + ":\n"}), "")
	f("heartbeats", clean(":\n", ":\n", e, ":\n"), "")
	f("bare greeting", chunked([]string{":ok\n\n", e}), "")
	f("drain", clean(e, ": drain\n"), "")
	f("drain with retry", clean(e, "retry: 5000\n: drain\n\n"), "")
	f("limit", chunked([]string{"retry: 9000\n: limit overloaded\n\n"}), "")
	f("error event", clean("event: error\ndata: {\"status\":500}\n\n"), "")

	f("event over two chunks", clean(e[:40], e[40:]), "chunk ends inside an event")
	f("blank line in a chunk of its own", clean(e[:len(e)-1], "\n"), "chunk ends inside an event")
	f("greeting over two chunks", chunked([]string{g[:12], g[12:], e}), "chunk ends inside an event")
	f("no greeting", chunked([]string{e}), "field in the greeting")
	f("comment for greeting", chunked([]string{":hello\n\n"}), "comment before the greeting")
	f("id behind ok", chunked([]string{":ok\nid: " + id(5, 0) + "\n\n"}), "field in the greeting")
	f("second greeting", clean(g), "unknown comment")
	f("CRLF", clean(strings.ReplaceAll(e, "\n", "\r\n")), "CR in the stream")
	f("lone CR", clean(strings.Replace(e, "25.00,", "25.00,\r", 1)), "CR in the stream")
	f("id after data", clean("event: message\ndata: "+string(v)+"\nid: "+id(6, 0)+"\n\n"), "field out of order")
	f("two ids", clean("event: message\nid: 1\nid: "+id(6, 0)+"\ndata: "+string(v)+"\n\n"), "field out of order")
	f("no space", clean(strings.Replace(e, "data: ", "data:", 1)), "no `: ` behind the field name")
	f("no event field", clean(strings.TrimPrefix(e, "event: message\n")), "event is not `event: message`")
	f("no id", clean("event: message\ndata: "+string(v)+"\n\n"), "event is not `event: message`")
	f("id alone", clean("id: "+id(6, 0)+"\n\n"), "block without data")
	f("unknown field", clean("x: y\n"), "unknown field")
	f("unknown comment", clean(": hello\n"), "unknown comment")
	f("heartbeat inside an event", clean(strings.Replace(e, "data:", ":\ndata:", 1)), "comment inside a block")
	f("heartbeat with a blank line", clean(":\n\n"), "blank line that ends nothing")
	f("not UTF-8", clean(strings.Replace(e, "é", "\xe9", 1)), "line is not UTF-8")
	f("bad gap", clean(": gap topic=a partition=0 asked=1 given=2 reason=bored\n"), "gap notice: reason")
	f("end inside an event", sseHead+chunk(g)+chunk(e[:30])+lastChunk, "chunk ends inside an event")
	f("no terminator after drain", sseHead+chunk(g)+chunk(": drain\n"), "no terminating chunk after the notice")
	f("bad chunk size", sseHead+"xyz\r\n", "byte 'x' in a chunk size")
	f("chunk extension", sseHead+"1;a=b\r\n", "in a chunk size")
	f("chunk too long", sseHead+"2\r\n:\nx\r\n", "byte 'x' where")
	f("bytes behind the end", clean(e)+"0", "behind the terminating chunk")
	f("not chunked", sse10Head+g+e, `header transfer-encoding is not "chunked"`)
	f("no charset", strings.Replace(clean(e), "; charset=utf-8", "", 1), "header content-type")
	f("bad status line", "HTTP/2 200\r\n\r\n", "cannot read status line")
}

// TestTerminator: whether the terminating chunk was seen is told.
func TestTerminator(t *testing.T) {
	url := serve(t, func(asked) string { return sseHead + chunk(greeting(id(5, 0))) })
	end := NewClient(Config{URLs: []string{url}}).Visit(t.Context(), Visit{})
	if end.Terminated || end.Cause != Broken || end.Inside {
		t.Errorf("end without terminator: %+v", end)
	}
}

// TestFramingNDJSON: the same for newline-delimited JSON.
func TestFramingNDJSON(t *testing.T) {
	v := string(Value("a", 0, 0, 60))
	f := func(name, want string, parts ...string) {
		t.Helper()
		response := jsonHead
		for _, p := range parts {
			response += chunk(p)
		}
		url := serve(t, func(asked) string { return response + lastChunk })
		book := NewBook(nil)
		if err := book.Add(Record{"a", 0, 5, []byte(v)}); err != nil {
			t.Fatal(err)
		}
		c := NewClient(Config{URLs: []string{url}, Book: book, Mode: NDJSON})
		c.Visit(t.Context(), Visit{})
		d := c.Receipt().Differences()
		if want == "" && d.Total() > 0 || want != "" && !strings.Contains(d.Error(), want) {
			t.Errorf("%s: got %q, want %q", name, d.Error(), want)
		}
	}
	f("clean", "", "\n", "\n", v+"\n", "\n")
	f("no first LF", "first byte is no LF", v+"\n")
	f("document over two chunks", "chunk ends inside an event", "\n", v[:9], v[9:]+"\n")
	f("CRLF", "CR in the stream", "\n", v+"\r\n")
}
