package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestCleanStream(t *testing.T) {
	l := newLog(t, 20)
	url := serve(t, func(a asked) string { return chunked(l.session(t, a.lastID)) })
	events := 0
	c := NewClient(Config{URLs: []string{url}, Book: l.book, OnEvent: func(e Event) {
		if e.Received.IsZero() || len(e.ID) == 0 || string(e.Data) != string(l.records[events].Value) {
			t.Errorf("event %d: %q", events, e.Data)
		}
		events++
	}})
	end := c.Visit(t.Context(), Visit{})
	if end.Cause != ServerEnded || !end.Terminated || end.Inside || end.Err != nil || end.Events != 20 || events != 20 {
		t.Errorf("end %+v with %d events, want a clean one with 20", end, events)
	}
	if err := c.Check(l.book.End()); err != nil {
		t.Error(err)
	}
	if retry, ok := c.Retry(); !ok || retry != 3*time.Second {
		t.Errorf("retry %v, %v, want 3s", retry, ok)
	}
	last := l.after[len(l.after)-1]
	if c.LastEventID() != id(last[0], last[1]) {
		t.Errorf("last event id %s", c.LastEventID())
	}
	if n := c.Counts(); n.Events != 20 || n.Heartbeats != 7 || n.Connections != 1 || n.Bytes != end.Bytes {
		t.Errorf("counts %+v", n)
	}
	if got := c.Receipt().Start()[TopicPartition{"a", 0}]; got != 5 {
		t.Errorf("start of a-0 is %d, want 5", got)
	}
}

func TestHTTP10(t *testing.T) {
	l := newLog(t, 20)
	url := serve(t, func(a asked) string {
		if !strings.HasSuffix(a.line, " HTTP/1.0") {
			t.Errorf("request line %q, want HTTP/1.0", a.line)
		}
		return sse10Head + strings.Join(l.session(t, a.lastID), "")
	})
	c := NewClient(Config{URLs: []string{url}, Book: l.book, Mode: SSE10})
	if end := c.Visit(t.Context(), Visit{}); end.Cause != ServerEnded || end.Terminated || end.Inside {
		t.Errorf("end %+v, want a clean one without terminator", end)
	}
	if err := c.Check(l.book.End()); err != nil {
		t.Error(err)
	}
}

func TestNDJSON(t *testing.T) {
	l := newLog(t, 6)
	body := jsonHead + chunk("\n")
	for _, r := range l.records {
		body += chunk(string(r.Value)+"\n") + chunk("\n")
	}
	url := serve(t, func(asked) string { return body + lastChunk })
	c := NewClient(Config{URLs: []string{url}, Book: l.book, Mode: NDJSON,
		Start: Positions{{"a", 0}: 5, {"a", 1}: 0}})
	c.Visit(t.Context(), Visit{})
	if err := c.Check(l.book.End()); err != nil {
		t.Error(err)
	}
	if n := c.Counts(); n.Heartbeats != 6 || n.Events != 6 {
		t.Errorf("counts %+v, want 6 heartbeats and 6 events", n)
	}
}

// TestCutAtEveryByte: wherever the connection is cut, the client resumes without a false alarm, and nothing is
// counted that was not complete.
func TestCutAtEveryByte(t *testing.T) {
	l := newLog(t, 4)
	f := func(name string, mode Mode, body func(lastID string) string) {
		t.Helper()
		url := serve(t, func(a asked) string { return body(a.lastID) })
		whole := int64(len(body("")))
		for n := int64(1); n <= whole; n++ {
			c := NewClient(Config{URLs: []string{url}, Book: l.book, Mode: mode})
			end := c.Visit(t.Context(), Visit{CutAfter: n, Reset: n%2 == 0})
			if end.Bytes != n || end.Cause != WasCut {
				t.Fatalf("%s: cut after %d bytes: %+v", name, n, end)
			}
			c.Visit(t.Context(), Visit{})
			if err := c.Check(l.book.End()); err != nil {
				t.Fatalf("%s: cut after %d bytes: %v", name, n, err)
			}
			if got := c.Receipt().Received(); got != int64(len(l.records)) {
				t.Fatalf("%s: cut after %d bytes: %d records", name, n, got)
			}
		}
	}
	f("HTTP/1.1", SSE, func(lastID string) string { return chunked(l.session(t, lastID)) })
	f("HTTP/1.0", SSE10, func(lastID string) string { return sse10Head + strings.Join(l.session(t, lastID), "") })
}

// TestIDOfHalfEvent: the id of an event that is not complete is not adopted, whichever byte is missing.
func TestIDOfHalfEvent(t *testing.T) {
	v := Value("a", 0, 0, 50)
	e := event(id(6, 0), v)
	for n := range len(e) {
		url := serve(t, func(asked) string { return sse10Head + greeting(id(5, 0)) + e[:n] })
		c := NewClient(Config{URLs: []string{url}, Mode: SSE10})
		end := c.Visit(t.Context(), Visit{})
		if c.LastEventID() != id(5, 0) || end.Events != 0 {
			t.Fatalf("after %d of %d bytes: last event id %s, %d events", n, len(e), c.LastEventID(), end.Events)
		}
	}
}

// TestHop: a client that is sent from one instance to another and cut at random bytes gets everything.
func TestHop(t *testing.T) {
	l := newLog(t, 60)
	var urls []string
	for range 2 {
		urls = append(urls, serve(t, func(a asked) string {
			body := chunked(l.session(t, a.lastID))
			return body[:min(len(body), 900+131*(a.number%7))]
		}))
	}
	c := NewClient(Config{URLs: urls, Book: l.book})
	if err := c.FollowUntil(soon(t), l.book.End()); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(l.book.End()); err != nil {
		t.Error(err)
	}
	if n := c.Counts().Connections; n < 5 {
		t.Errorf("%d connections, want several", n)
	}
}

// TestEventBeforeAcknowledgement: an event that outruns its acknowledgement waits; a record never booked is told.
func TestEventBeforeAcknowledgement(t *testing.T) {
	book := NewBook(nil)
	r := NewReceipt(book, Positions{{"a", 0}: 0})
	for n := range int64(3) {
		r.Event(nil, Value("a", 0, n, 40))
	}
	if d := r.Differences(); d.Total() != 0 {
		t.Errorf("differences before the acknowledgement: %v", d.Error())
	}
	if err := r.Check(book.End()); err == nil || !strings.HasPrefix(err.Error(), "UNEXPECTED 3 (n=0 of a-0") {
		t.Errorf("check before the acknowledgement: %v", err)
	}
	for n := range int64(3) {
		if err := book.Add(Record{"a", 0, 10 + n, Value("a", 0, n, 40)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Check(book.End()); err != nil {
		t.Error(err)
	}
	if !r.Reached(book.End()) {
		t.Error("the end is not reached")
	}
	if err := book.Add(Record{"a", 0, 13, Value("a", 0, 3, 40)}); err != nil {
		t.Fatal(err)
	}
	if n, ok := r.Expect("a", 0); n != 3 || !ok {
		t.Errorf("Expect = %d, %v, want 3", n, ok)
	}
}

// TestManyClients keeps the account of a client small.
func TestManyClients(t *testing.T) {
	book := NewBook(nil)
	const records = 500
	receipts := make([]*Receipt, 50)
	for i := range receipts {
		receipts[i] = NewReceipt(book, Positions{{"a", 0}: 0})
	}
	for n := range int64(records) {
		v := Value("a", 0, n, 100)
		if err := book.Add(Record{"a", 0, n, v}); err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts {
			r.Event([]byte(fmt.Sprintf(`[{"topic":"a","partition":0,"offset":%d,"epoch":"c.t"}]`, n+1)), v)
		}
	}
	if err := book.Check(book.End(), receipts...); err != nil {
		t.Error(err)
	}
	for _, r := range receipts {
		if tr := r.tracks[TopicPartition{"a", 0}]; cap(tr.pending) > keptPending || len(tr.missing) > 0 {
			t.Fatalf("an account keeps %d pending and %d missing", cap(tr.pending), len(tr.missing))
		}
	}
	receipts[7].Event(nil, Value("a", 0, 3, 100))
	if err := book.Check(book.End(), receipts...); err == nil || err.Error() != "1 of 50 clients differ: client 7: DOUBLE 1 (a-0@3 n=3)" {
		t.Errorf("check with one bad client: %v", err)
	}
}
