package ringbuf

import "testing"

// TestResize: of what a ring holds stays what fits, and what comes later finds
// the new bounds.
func TestResize(t *testing.T) {
	const size = 100
	f := func(name string, events int, bytes int64, toEvents int, toBytes int64, kept, later int) {
		t.Helper()
		r := New(events, bytes)
		part := r.Add(Key{Topic: "t"}, Pos{}, NoTime)
		publish := func(n int) {
			t.Helper()
			for range n {
				if err := r.Publish(part, r.Position().Pos[part].Next, 1, Wire{Bytes: make([]byte, size)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		publish(20)
		r.Resize(toEvents, toBytes)
		if e, b := r.Bounds(); e != toEvents || b != toBytes {
			t.Errorf("%s: bounds %d, %d", name, e, b)
		}
		if got, _ := r.inside(t); got != kept {
			t.Errorf("%s: %d entries are kept, want %d", name, got, kept)
		}
		if floor, _ := r.First(part); floor != int64(20-kept) {
			t.Errorf("%s: the floor is %d with %d entries of 20", name, floor, kept)
		}
		publish(40)
		if got, sum := r.inside(t); got != later || sum != r.Bytes() || sum > toBytes && got > 1 {
			t.Errorf("%s: %d entries of %d bytes later, want %d", name, got, sum, later)
		}
	}
	const one, plenty = size + entryOverhead, int64(1 << 20)
	f("grows", 10, plenty, 30, plenty, 10, 30)
	f("grows far", 10, plenty, 1000, plenty, 10, 50)
	f("shrinks", 20, plenty, 5, plenty, 5, 5)
	f("the same", 10, plenty, 10, plenty, 10, 10)
	f("to one", 10, plenty, 1, plenty, 1, 1)
	f("by bytes", 20, plenty, 20, 4*one, 4, 4)
	f("more bytes", 20, 4*one, 20, 8*one, 4, 8)

	empty := New(4, plenty)
	empty.Resize(2, plenty)
	if empty.Newest() != nil || empty.Head() != 0 {
		t.Error("an empty ring has something after a change of size")
	}
}
