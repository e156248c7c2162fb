package ringbuf

import (
	"fmt"
	"slices"
	"testing"
)

// check compares an entry with what it must be.
func (x *expected) check(e *Entry) error {
	if e.Kind != x.kind || e.Part != x.part || e.Offset != x.offset || e.Time != x.time || len(e.Wire.Bytes) != x.size {
		return fmt.Errorf("entry %d is %d %d@%d %d ms, %d bytes, want %d %d@%d %d ms, %d bytes",
			e.Seq, e.Kind, e.Part, e.Offset, e.Time, len(e.Wire.Bytes), x.kind, x.part, x.offset, x.time, x.size)
	}
	if v := e.Vector(); !equal(v, x.after) {
		return fmt.Errorf("vector of entry %d is %v, want %v", e.Seq, v, x.after)
	}
	if v := e.Before(); !equal(v, x.before) {
		return fmt.Errorf("vector before entry %d is %v, want %v", e.Seq, v, x.before)
	}
	if k := e.Keys(); !slices.Equal(k, x.after.Keys) {
		return fmt.Errorf("keys of entry %d are %v, want %v", e.Seq, k, x.after.Keys)
	}
	for p, want := range x.after.Pos {
		if got := e.At(p); got != want {
			return fmt.Errorf("partition %d after entry %d is at %v, want %v", p, e.Seq, got, want)
		}
	}
	if got, want := e.At(len(x.after.Pos)), (Pos{-1, NoTime}); got != want {
		return fmt.Errorf("an unknown partition is at %v, want %v", got, want)
	}
	return nil
}

func equal(v, w Vector) bool { return slices.Equal(v.Keys, w.Keys) && slices.Equal(v.Pos, w.Pos) }

// TestPositionIsAFunctionOfTheSequence: whoever asks, whenever, also long
// after the entry has left the ring.
func TestPositionIsAFunctionOfTheSequence(t *testing.T) {
	for seed := range uint64(30) {
		h := compose(seed, shape{parts: 1 + int(seed)%7, entries: 400, maxBytes: 100, epochs: 0.01, advances: 0.3, gaps: 0.05})
		r := New(1+int(seed), 1<<30)
		var kept []*Entry
		for _, call := range h.calls {
			call(r)
			if e := r.Newest(); e != nil && e.Seq > uint64(len(kept)) {
				kept = append(kept, e)
			}
		}
		if len(kept) != len(h.log) {
			t.Fatalf("seed %d: %d entries, want %d", seed, len(kept), len(h.log))
		}
		var moved Vector
		for i, e := range kept {
			if err := h.log[i].check(e); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if moved = e.Apply(moved); !equal(moved, h.log[i].after) {
				t.Fatalf("seed %d: applied up to entry %d: %v, want %v", seed, e.Seq, moved, h.log[i].after)
			}
		}
	}
}

// TestApplySharesNothing: a reader may write to the position that it moves.
func TestApplySharesNothing(t *testing.T) {
	h := compose(5, shape{parts: 4, entries: 300, epochs: 0.02, advances: 0.3})
	r := New(1000, 1<<30)
	for _, call := range h.calls {
		call(r)
	}
	for s := r.Tail(); s <= r.Head(); s++ {
		v := r.At(s).Apply(r.At(s).Before())
		for p := range v.Pos {
			v.Pos[p] = Pos{Next: -7, Time: -7}
		}
	}
	for s := r.Tail(); s <= r.Head(); s++ {
		if err := h.log[s-1].check(r.At(s)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKeysAreSharedUntilTheyChange: readers compare them by their address.
func TestKeysAreSharedUntilTheyChange(t *testing.T) {
	r := New(1000, 1<<30)
	r.Add(Key{Topic: "a"}, Pos{0, NoTime}, NoTime)
	publish := func(n int) *Entry {
		for range n {
			must(r.Publish(0, r.Position().Pos[0].Next, 1, Wire{}))
		}
		return r.Newest()
	}
	same := func(a, b *Entry) bool { return &a.Keys()[0] == &b.Keys()[0] }
	first := publish(1)
	r.Advance(0, 500)
	r.Flush()
	last := publish(3 * blockLen)
	if !same(first, last) {
		t.Error("other keys although nothing was added")
	}
	r.Retag(0, "x")
	retagged := publish(1)
	if same(last, retagged) || last.Keys()[0].Epoch != "" || retagged.Keys()[0].Epoch != "x" {
		t.Errorf("keys before and after: %v %v", last.Keys(), retagged.Keys())
	}
	r.Add(Key{Topic: "b"}, Pos{0, NoTime}, NoTime)
	if added := publish(1); same(retagged, added) || len(retagged.Keys()) != 1 || len(added.Keys()) != 2 {
		t.Errorf("keys before and after: %v %v", retagged.Keys(), added.Keys())
	}
}

func TestCovers(t *testing.T) {
	f := func(w, v []int64, want bool) {
		t.Helper()
		vector := func(offsets []int64) (v Vector) {
			for _, next := range offsets {
				v.Pos = append(v.Pos, Pos{Next: next})
			}
			return v
		}
		if got := vector(w).Covers(vector(v)); got != want {
			t.Errorf("%v covers %v: %v", w, v, got)
		}
	}
	f(nil, nil, true)
	f([]int64{1, 2}, nil, true)
	f([]int64{1, 2}, []int64{1}, true)
	f([]int64{1, 2}, []int64{1, 2}, true)
	f([]int64{9, 2}, []int64{1, 3}, false)
	f([]int64{0, 2}, []int64{1, 2}, false)
	f([]int64{1}, []int64{1, 0}, false)
}

// TestWireViews: the forms of an entry are parts of one allocation.
func TestWireViews(t *testing.T) {
	w := Wire{Bytes: []byte("12\r\nid: 1\ndata: {}\n\n\r\n{}\n"), FrameAt: 4, DataAt: 10, FrameEnd: 20, LineAt: 22, LineEnd: 25}
	f := func(name string, got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	f("chunk", w.Chunk(), "12\r\nid: 1\ndata: {}\n\n\r\n")
	f("frame", w.Frame(), "id: 1\ndata: {}\n\n")
	f("data", w.Data(), "data: {}\n\n")
	f("line", w.Line(), "{}\n")
	var empty Wire
	if empty.Chunk() != nil || len(empty.Frame())+len(empty.Data())+len(empty.Line()) != 0 {
		t.Error("an entry without bytes has some")
	}
}

// TestSizeCountsCapacity: memory is what is held, not what is used.
func TestSizeCountsCapacity(t *testing.T) {
	size := func(w Wire) int64 { e := Entry{Wire: w}; return e.Size() }
	bare := size(Wire{})
	if bare < 100 || bare > 1000 {
		t.Errorf("an empty entry counts %d bytes", bare)
	}
	const n = 300
	if got := size(Wire{Bytes: make([]byte, n, n+500)}) - bare; got != n+500 {
		t.Errorf("%d bytes with a capacity of %d count %d", n, n+500, got)
	}
	one := size(Wire{Bytes: make([]byte, 10)})
	if got := size(Wire{Bytes: make([]byte, 10), Alternate: &Wire{Bytes: make([]byte, 7, 30)}}) - one; got <= 30 {
		t.Errorf("an alternate of 30 bytes and its header count %d", got)
	}
}
