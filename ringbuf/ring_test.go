package ringbuf

import (
	"errors"
	"slices"
	"testing"
)

// filled returns a ring that follows partitions with nothing missing before
// offset 0.
func filled(events int, bytes int64, parts int) *Ring {
	r := New(events, bytes)
	for p := range parts {
		r.Add(Key{Topic: "t", Partition: int32(p)}, Pos{Next: 0, Time: NoTime}, NoTime)
	}
	return r
}

// next publishes the next record of a partition.
func (r *Ring) next(t testing.TB, part int, ms int64, size int) *Entry {
	t.Helper()
	if err := r.Publish(part, r.pos[part].Next, ms, Wire{Bytes: make([]byte, size)}); err != nil {
		t.Fatal(err)
	}
	return r.Newest()
}

// inside sums what the ring holds, and checks that it holds nothing else.
func (r *Ring) inside(t *testing.T) (events int, bytes int64) {
	t.Helper()
	for s := r.Tail(); s <= r.Head(); s++ {
		e := r.At(s)
		if e == nil {
			t.Fatalf("entry %d of %d to %d is missing", s, r.Tail(), r.Head())
		}
		events++
		bytes += e.Size()
	}
	kept := 0
	slots := r.table.Load().slots
	for i := range slots {
		if slots[i].Load() != nil {
			kept++
		}
	}
	if kept != events {
		t.Fatalf("%d entries are kept, %d can be reached", kept, events)
	}
	return events, bytes
}

func TestNewRefusesNoRoom(t *testing.T) {
	f := func(events int, bytes int64) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("a ring of %d events and %d bytes", events, bytes)
			}
		}()
		New(events, bytes)
	}
	f(0, 1)
	f(-1, 1)
	f(1, 0)
	f(1, -1)
}

func TestEmptyRing(t *testing.T) {
	r := New(7, 1000)
	if e, b := r.Bounds(); e != 7 || b != 1000 {
		t.Errorf("bounds %d, %d", e, b)
	}
	if r.Head() != 0 || r.Tail() != 1 || r.Bytes() != 0 || r.Newest() != nil || r.Oldest() != nil || r.At(0) != nil || r.At(1) != nil {
		t.Error("an empty ring holds something")
	}
	r.Flush()
	if r.Head() != 0 {
		t.Error("a flush without a change is an entry")
	}
	if _, ok := r.Locate(nil); ok {
		t.Error("a position in an empty ring")
	}
	if _, ok := r.LocateTime(0, 1); ok {
		t.Error("a time in an empty ring")
	}
	if r.Record(0, 0) != nil {
		t.Error("a record in an empty ring")
	}
	if _, ok := r.First(0); ok {
		t.Error("a first offset of an unknown partition")
	}
}

// TestAtOtherLaps: a slot holds one sequence at a time, and only for that one
// it answers.
func TestAtOtherLaps(t *testing.T) {
	for _, events := range []int{1, 2, 3, 4, 64} {
		r := filled(events, 1<<30, 1)
		for range 5 * events {
			r.next(t, 0, 1, 0)
			for s := range r.Head() + uint64(3*events) {
				e := r.At(s)
				if in := s >= r.Tail() && s <= r.Head(); in != (e != nil) || in && e.Seq != s {
					t.Fatalf("ring of %d: entry %d with %d to %d inside: %v", events, s, r.Tail(), r.Head(), e)
				}
			}
		}
		if got, _ := r.inside(t); got != events {
			t.Errorf("ring of %d holds %d", events, got)
		}
		if r.Newest().Seq != r.Head() || r.Oldest().Seq != r.Tail() {
			t.Error("newest or oldest is another")
		}
	}
}

// TestRefusedPublishChangesNothing: not the position, not the ring, and the
// next record that fits is taken.
func TestRefusedPublishChangesNothing(t *testing.T) {
	r := filled(10, 2*(entryOverhead+100), 2)
	r.next(t, 0, 5, 100)
	r.Advance(0, 3)
	f := func(want error, err error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if r.Head() != 1 || r.Tail() != 1 || r.Bytes() != entryOverhead+100 || r.Newest().At(0).Next != 1 {
			t.Fatalf("the ring has changed: %d to %d, %d bytes", r.Tail(), r.Head(), r.Bytes())
		}
		if !slices.Equal(r.Position().Pos, []Pos{{3, 5}, {0, NoTime}}) {
			t.Fatalf("the position has changed: %v", r.Position().Pos)
		}
	}
	f(ErrStale, r.Publish(0, 0, 9, Wire{}))
	f(ErrStale, r.Publish(0, 2, 9, Wire{}))
	f(ErrStale, r.Publish(0, -1, 9, Wire{}))
	f(ErrStale, r.PublishGap(0, 2, Wire{}))
	f(ErrTooLarge, r.Publish(0, 3, 9, Wire{Bytes: make([]byte, entryOverhead+201)}))
	f(ErrTooLarge, r.Publish(0, 3, 9, Wire{Bytes: make([]byte, 1, entryOverhead+201)}))
	if err := r.Publish(0, 3, 9, Wire{Bytes: make([]byte, entryOverhead+200)}); err != nil {
		t.Errorf("an entry as large as the ring: %v", err)
	}
	if got := r.Newest().Vector().Pos; !slices.Equal(got, []Pos{{4, 9}, {0, NoTime}}) {
		t.Errorf("position %v", got)
	}
}

// TestBounds: both bounds are reached exactly, neither is exceeded after a
// publication, and the count of bytes is what the ring holds.
func TestBounds(t *testing.T) {
	f := func(name string, events int, bytes int64, full func(events int, bytes int64) bool) {
		t.Helper()
		h := compose(uint64(events), shape{parts: 5, entries: 600, maxBytes: 400, epochs: 0.01, advances: 0.2, gaps: 0.05})
		r := New(events, bytes)
		reached := false
		for i, call := range h.calls {
			call(r)
			n, sum := r.inside(t)
			if sum != r.Bytes() {
				t.Fatalf("%s, call %d: the ring counts %d bytes and holds %d", name, i, r.Bytes(), sum)
			}
			if n > events || sum > bytes {
				t.Fatalf("%s, call %d: %d events and %d bytes", name, i, n, sum)
			}
			reached = reached || full(n, sum)
		}
		if !reached {
			t.Errorf("%s: the bound is never reached", name)
		}
	}
	for _, events := range []int{1, 2, 3, 64} {
		f("events", events, 1<<30, func(n int, _ int64) bool { return n == events })
	}
	const bytes = 10000
	f("bytes", 1000, bytes, func(_ int, sum int64) bool { return sum > bytes-entryOverhead-400 })
	f("one at a time", 1000, entryOverhead+400, func(n int, _ int64) bool { return n == 1 })

	exact := filled(1000, 8*(entryOverhead+50), 1)
	for range 30 {
		exact.next(t, 0, 1, 50)
	}
	if n, sum := exact.inside(t); n != 8 || sum != 8*(entryOverhead+50) {
		t.Errorf("%d events and %d bytes where 8 fit", n, sum)
	}
	exact.next(t, 0, 1, 51)
	if n, _ := exact.inside(t); n != 7 {
		t.Errorf("%d events where one byte too much came", n)
	}
}

// TestAdvanceShowsWithTheNextEntry: merged into it, or alone with Flush.
func TestAdvanceShowsWithTheNextEntry(t *testing.T) {
	r := filled(10, 1<<20, 2)
	r.next(t, 0, 1, 0)
	r.Advance(1, 7)
	r.Advance(1, 4) // back: ignored
	if r.Head() != 1 || r.Newest().At(1).Next != 0 {
		t.Error("an advance shows before its entry")
	}
	if e := r.next(t, 0, 1, 0); e.Kind != Event || e.At(1).Next != 7 || e.Before().Pos[1].Next != 0 {
		t.Errorf("merged: %v", e.Vector())
	}
	r.Flush()
	if r.Head() != 2 {
		t.Error("a flush with nothing left is an entry")
	}
	r.Advance(0, 9)
	r.Flush()
	if e := r.Newest(); r.Head() != 3 || e.Kind != Advance || e.Part != -1 || e.At(0).Next != 9 || e.Time != NoTime {
		t.Errorf("alone: %d %v", r.Head(), e.Vector())
	}
}

// TestNoticesAreTaken: what must be told is told in a ring however small.
func TestNoticesAreTaken(t *testing.T) {
	r := filled(4, 1, 1)
	if err := r.Publish(0, 0, 1, Wire{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	must(r.PublishGap(0, 1, Wire{Bytes: make([]byte, 30)}))
	must(r.PublishGap(0, 2, Wire{Bytes: make([]byte, 30)}))
	if n, _ := r.inside(t); n != 1 || r.Newest().Offset != 1 {
		t.Errorf("%d entries, offset %d", n, r.Newest().Offset)
	}
}
