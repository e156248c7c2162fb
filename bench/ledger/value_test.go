package ledger

import (
	"encoding/json"
	"testing"
	"time"
)

func TestValues(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	f := func(v []byte, size int, sent bool) {
		t.Helper()
		if !json.Valid(v) {
			t.Errorf("no JSON: %s", v)
		}
		if len(v) != size {
			t.Errorf("%d bytes, want %d: %s", len(v), size, v)
		}
		topic, partition, n, ok := IdentifyValue(v)
		if topic != "eqiad.a-b_c" || partition != 3 || n != 1<<40 || !ok {
			t.Errorf("identity %q %d %d %v of %s", topic, partition, n, ok, v)
		}
		if got, ok := SentAt(v); ok != sent || sent && !got.Equal(at) {
			t.Errorf("sent at %v, %v", got, ok)
		}
	}
	f(Value("eqiad.a-b_c", 3, 1<<40, 500), 500, false)
	f(ValueAt("eqiad.a-b_c", 3, 1<<40, 1200, at), 1200, true)
	if a, b := Value("a", 0, 1, 100), Value("a", 0, 1, 100); string(a) != string(b) {
		t.Errorf("the same arguments give %s and %s", a, b)
	}
	if !json.Valid(Value("a", 0, 1, 0)) {
		t.Error("the smallest value is no JSON")
	}
	for _, bad := range []string{``, `{}`, `{"t":"a","p":-1,"n":1}`, `{"t":"a","p":01,"n":1}`, `{"t":"a","p":1}`, `{"t":"a","p":1,"n":x}`} {
		if _, _, _, ok := IdentifyValue([]byte(bad)); ok {
			t.Errorf("%s has an identity", bad)
		}
	}
}

func TestBookRefuses(t *testing.T) {
	b := NewBook(nil)
	f := func(r Record, want string) {
		t.Helper()
		got := ""
		if err := b.Add(r); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Record{"a", 0, 7, Value("a", 0, 1, 0)}, "")
	f(Record{"a", 0, 7, Value("a", 0, 2, 0)}, "cannot book a-0@7: it is booked already")
	f(Record{"a", 0, 8, Value("a", 0, 1, 0)}, "cannot book a-0@8: its counter 1 is that of offset 7")
	f(Record{"a", 1, 8, []byte("x")}, `cannot book a-1@8: its value does not say so: "x"`)
	if end := b.End("b"); len(end) != 0 {
		t.Errorf("end of a topic without records: %v", end)
	}
	if end := b.End(); end[TopicPartition{"a", 0}] != 8 {
		t.Errorf("end %v, want 8", end)
	}
}

// TestLateBooking: a record booked only after clients have passed its place is found missing all the same.
func TestLateBooking(t *testing.T) {
	b := NewBook(nil)
	r := NewReceipt(b, Positions{{"a", 0}: 0})
	for _, n := range []int64{0, 2} {
		if err := b.Add(Record{"a", 0, n, Value("a", 0, n, 0)}); err != nil {
			t.Fatal(err)
		}
		r.Event(nil, Value("a", 0, n, 0))
	}
	if err := b.Add(Record{"a", 0, 1, Value("a", 0, 1, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(b.End()); err == nil || err.Error() != "LOST 1 (a-0: 1 booked only after later ones had arrived)" {
		t.Errorf("check: %v", err)
	}
}
