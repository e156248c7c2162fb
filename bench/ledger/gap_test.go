package ledger

import (
	"fmt"
	"strings"
	"testing"
)

// TestGaps: what a notice admits is no loss, but it is told; what it does not cover is a loss.
func TestGaps(t *testing.T) {
	f := func(name string, gap string, deliver []int64, want string, allow bool) {
		t.Helper()
		book := NewBook(nil)
		var body []string
		for n := range int64(6) {
			if err := book.Add(Record{"a", 0, n, Value("a", 0, n, 50)}); err != nil {
				t.Fatal(err)
			}
		}
		body = append(body, greeting(id(0, 0)))
		for i, n := range deliver {
			if i == 1 {
				body = append(body, gap)
			}
			body = append(body, event(id(n+1, 0), Value("a", 0, n, 50)))
		}
		url := serve(t, func(asked) string { return chunked(body) })
		c := NewClient(Config{URLs: []string{url}, Book: book})
		c.Visit(t.Context(), Visit{})
		err := c.Check(book.End())
		if allow {
			err = c.Receipt().CheckAllowing(book.End(), Gap)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		if n := c.Notices(); len(n) != 1 || n[0].Gap == nil || c.Counts().Gaps != 1 {
			t.Errorf("%s: notices %+v, want one gap", name, n)
		}
	}
	const expired = ": gap topic=a partition=0 asked=1 given=4 reason=expired\n"
	f("told", expired, []int64{0, 4, 5}, "GAP 1 (a-0 asked=1 given=4 reason=expired)", false)
	f("allowed", expired, []int64{0, 4, 5}, "", true)
	f("as an event", "event: gap\ndata: {\"topic\":\"a\",\"partition\":0,\"asked\":1,\"given\":4,\"reason\":\"expired\"}\n\n", []int64{0, 4, 5}, "", true)
	f("loss behind it", expired, []int64{0, 5}, "LOST 1 (a-0@4)", true)
	f("loss before it", ": gap topic=a partition=0 asked=3 given=4 reason=too_large\n", []int64{0, 4, 5}, "LOST 2 (a-0@1, a-0@2)", true)
	f("without a position", ": gap topic=a partition=0 asked=1 given=-1 reason=missed\n", []int64{0, 3, 4, 5}, "", true)
	f("loss after it", ": gap topic=a partition=0 asked=1 given=-1 reason=missed\n", []int64{0, 3, 5}, "LOST 1 (a-0@4)", true)
	f("told but delivered", expired, []int64{0, 1, 2, 3, 4, 5}, "DOUBLE 3 (a-0@1 n=1, a-0@2 n=2, a-0@3 n=3)", true)
}

// TestGapTakenBack: a notice has no id, so a client that is cut right behind it asks for the same again, and another
// instance may still have what the first one had lost.
func TestGapTakenBack(t *testing.T) {
	f := func(name string, resumed string, notice string, deliver []int64, want string) {
		t.Helper()
		book := NewBook(nil)
		for n := range int64(6) {
			if err := book.Add(Record{"a", 0, n, Value("a", 0, n, 50)}); err != nil {
				t.Fatal(err)
			}
		}
		const expired = ": gap topic=a partition=0 asked=1 given=4 reason=expired\n"
		visits := 0
		url := serve(t, func(asked) string {
			visits++
			if visits == 1 {
				return chunked([]string{greeting(id(0, 0)), event(id(1, 0), Value("a", 0, 0, 50)), expired})
			}
			body := []string{greeting(resumed), notice}
			for _, n := range deliver {
				body = append(body, event(id(n+1, 0), Value("a", 0, n, 50)))
			}
			return chunked(body)
		})
		c := NewClient(Config{URLs: []string{url}, Book: book})
		c.Visit(t.Context(), Visit{})
		c.Visit(t.Context(), Visit{})
		got := ""
		if err := c.Receipt().CheckAllowing(book.End(), Gap); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	const nothing, less = ":\n", ": gap topic=a partition=0 asked=1 given=3 reason=expired\n"
	f("all of it is there", id(1, 0), nothing, []int64{1, 2, 3, 4, 5}, "")
	f("part of it, told", id(1, 0), less, []int64{3, 4, 5}, "")
	f("part of it, not told", id(1, 0), nothing, []int64{3, 4, 5}, "LOST 2 (a-0@1, a-0@2)")
	f("twice", id(1, 0), nothing, []int64{1, 2, 3, 2, 4, 5}, "DOUBLE 1 (a-0@2 n=2); ID BEHIND 1 (a-0 goes back from 4 to 3)")
	f("further back", id(0, 0), nothing, []int64{0, 1, 2, 3, 4, 5}, "DOUBLE 1 (a-0@0 n=0)")
}

// TestRecreated: records of a topic's old log are excused by the notice, those of the new one are due from its first.
func TestRecreated(t *testing.T) {
	f := func(name string, delivered []int64, want string) {
		t.Helper()
		book := NewBook(nil)
		add := func(offset, n int64) {
			if err := book.Add(Record{"a", 0, offset, Value("a", 0, n, 50)}); err != nil {
				t.Fatal(err)
			}
		}
		add(0, 0)
		add(1, 1)
		r := NewReceipt(book, nil)
		old := func(offset int64) []byte { return []byte(id(offset, 0)) }
		renewed := func(n int64) []byte {
			return []byte(`[{"topic":"a","partition":0,"offset":` + string(rune('0'+n-1)) + `,"epoch":"clustr.second"}]`)
		}
		r.Greeting(old(0))
		r.Event(old(1), Value("a", 0, 0, 50))
		book.Recreated("a")
		add(0, 2)
		add(1, 3)
		r.Gap(GapNotice{"a", 0, 1, 0, "recreated"})
		for _, n := range delivered {
			r.Event(renewed(n), Value("a", 0, n, 50))
		}
		got := ""
		if err := r.CheckAllowing(book.End(), Gap); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("all of the new log", []int64{2, 3}, "")
	f("its first is lost", []int64{3}, "LOST 1 (a-0@0)")
	f("its last is lost", []int64{2}, "LOST 1 (a-0@1)")
}

// TestRecreatedUnnoticed: before the server notices that a topic is new, records from the middle of it come under the
// old epoch. They come again, and what was jumped over is not lost.
func TestRecreatedUnnoticed(t *testing.T) {
	book := NewBook(nil)
	add := func(offset, n int64) {
		if err := book.Add(Record{"a", 0, offset, Value("a", 0, n, 50)}); err != nil {
			t.Fatal(err)
		}
	}
	add(0, 0)
	r := NewReceipt(book, nil)
	r.Greeting([]byte(id(0, 0)))
	r.Event([]byte(id(1, 0)), Value("a", 0, 0, 50))
	book.Recreated("a")
	for n := range int64(3) {
		add(n, n+1)
	}
	r.Event([]byte(id(2, 0)), Value("a", 0, 2, 50))
	r.Event([]byte(id(3, 0)), Value("a", 0, 3, 50))
	r.Gap(GapNotice{"a", 0, 3, 0, "recreated"})
	if r.Reached(book.End()) {
		t.Error("the end is reached before the new log has come")
	}
	for n := range int64(3) {
		r.Event([]byte(`[{"topic":"a","partition":0,"offset":`+string(rune('1'+n))+`,"epoch":"clustr.second"}]`), Value("a", 0, n+1, 50))
	}
	if err := r.CheckAllowing(book.End(), Gap); err != nil {
		t.Error(err)
	}
	if n := r.Received(); n != 4 {
		t.Errorf("%d records received, want 4", n)
	}
}

// TestRecreatedTime: the times of a new log begin anew, whatever the old epoch had seen of it.
func TestRecreatedTime(t *testing.T) {
	book := NewBook(nil)
	if err := book.Add(Record{"a", 0, 0, Value("a", 0, 0, 50)}); err != nil {
		t.Fatal(err)
	}
	at := func(time int64, epoch string) []byte {
		return fmt.Appendf(nil, `[{"topic":"a","partition":0,"offset":1,"timestamp":%d,"epoch":"clustr.%s"}]`, time, epoch)
	}
	r := NewReceipt(book, Positions{{"a", 0}: 0})
	r.Event(at(20, "topic_"), Value("a", 0, 0, 50))
	r.Gap(GapNotice{"a", 0, 1, 0, "recreated"})
	r.Greeting([]byte(`[{"topic":"a","partition":0,"offset":0,"epoch":"clustr.second"}]`)) // no record, no time
	r.Event(at(10, "second"), Value("a", 0, 0, 50))
	if err := r.CheckAllowing(book.End(), Gap); err != nil {
		t.Error(err)
	}
}

// TestPartitionAdded: a partition that the first id did not name is due from its first record.
func TestPartitionAdded(t *testing.T) {
	book := NewBook(nil)
	for n := range int64(2) {
		if err := book.Add(Record{"a", 2, n, Value("a", 2, n, 50)}); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReceipt(book, nil)
	r.Greeting([]byte(id(0, 0)))
	if err := r.Check(book.End()); err == nil || err.Error() != "LOST 2 (a-2@0, a-2@1)" {
		t.Errorf("nothing of the new partition arrived: %v", err)
	}
	r.Event([]byte(`[{"topic":"a","partition":2,"offset":2,"epoch":"clustr.topic_"}]`), Value("a", 2, 1, 50))
	if err := r.Check(book.End()); err == nil || err.Error() != "LOST 1 (a-2@0)" {
		t.Errorf("its first record did not arrive: %v", err)
	}
}

// TestRecreatedBehindAGap: what a notice told of the old log says nothing of the new one, to which the client comes back.
func TestRecreatedBehindAGap(t *testing.T) {
	book := NewBook(nil)
	add := func(offset, n int64) {
		if err := book.Add(Record{"a", 0, offset, Value("a", 0, n, 50)}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range int64(6) {
		add(n, n)
	}
	r := NewReceipt(book, nil)
	r.Greeting([]byte(id(0, 0)))
	r.Event([]byte(id(1, 0)), Value("a", 0, 0, 50))
	r.Gap(GapNotice{"a", 0, 1, 4, "expired"})
	book.Recreated("a")
	for n := range int64(3) {
		add(n, 6+n)
	}
	r.Gap(GapNotice{"a", 0, 4, 0, "recreated"})
	renewed := func(offset int64) []byte {
		return []byte(strings.ReplaceAll(id(offset, 0), "topic_", "second"))
	}
	r.Greeting(renewed(0))
	for n := range int64(3) {
		r.Event(renewed(n+1), Value("a", 0, 6+n, 50))
	}
	if err := r.CheckAllowing(book.End(), Gap); err != nil {
		t.Error(err)
	}
}
