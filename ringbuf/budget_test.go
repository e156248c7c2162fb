package ringbuf

import "testing"

// TestAllocations: what an entry and a look at it cost.
func TestAllocations(t *testing.T) {
	r := filled(256, 1<<30, 8)
	for range 4 * blockLen {
		r.next(t, 0, 1, 0)
	}
	f := func(name string, want float64, do func()) {
		t.Helper()
		if got := testing.AllocsPerRun(100, do); got != want {
			t.Errorf("%s: %v allocations, want %v", name, got, want)
		}
	}
	wire := Wire{Bytes: make([]byte, 100)}
	part := 0
	publish := func() {
		part = (part + 1) % 8
		must(r.Publish(part, r.pos[part].Next, 1, wire))
	}
	// An entry each; the block and its checkpoint once per block.
	f("publish a block", blockLen+2, func() {
		for range blockLen {
			publish()
		}
	})
	// An advance costs a full vector too: its header and the positions.
	f("flush a block of advances", 3*blockLen+2, func() {
		for range blockLen {
			r.Advance(0, r.pos[0].Next+1)
			r.Flush()
		}
	})
	head, e := r.Head(), r.Newest()
	v := e.Vector()
	f("Ring.At", 0, func() { r.At(head) })
	f("Newest and Oldest", 0, func() { r.Newest(); r.Oldest() })
	f("Entry.At", 0, func() { e.At(3) })
	f("Keys", 0, func() { e.Keys() })
	f("Apply", 0, func() { v = e.Apply(v) })
	f("Vector", 1, func() { e.Vector() })
	want := make([]int64, 8)
	for i, p := range r.Oldest().Before().Pos {
		want[i] = p.Next
	}
	f("Locate", 0, func() { r.Locate(want) })
	f("LocateTime", 0, func() { r.LocateTime(3, 1) })
	f("Record", 0, func() { r.Record(3, want[3]) })
	f("First", 0, func() { r.First(3) })
	w, c := attached(r)
	f("Wake, with a token to take", 0, func() {
		r.Wake()
		<-c
		w[0].Take()
	})
	f("Wake, with nobody there yet", 0, r.Wake)
	f("Wait for what is there", 0, func() { must(r.Wait(t.Context(), w[0], c, head-1)) })
}
