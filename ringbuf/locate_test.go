package ringbuf

import (
	"math/rand/v2"
	"testing"
)

// floorOf is what a partition lost: computed from the whole log.
func (h *history) floorOf(part int, tail, head uint64) (next, ms int64, whole bool) {
	r := h.run(part, head)
	next, ms = r.next, r.time
	whole = ms == NoTime
	for i, seq := range r.seqs {
		if seq >= tail {
			break
		}
		next = r.offsets[i] + 1
		if x := &h.log[seq-1]; x.kind == Event {
			ms, whole = max(ms, x.time), false
		}
	}
	return next, ms, whole
}

// TestSearchesAgainstTheWholeLog asks after every call what a reader may ask
// and compares with a walk over everything that was ever published.
func TestSearchesAgainstTheWholeLog(t *testing.T) {
	for seed := range uint64(12) {
		h := compose(seed, shape{parts: 1 + int(seed)%6, entries: 250, maxBytes: 300, epochs: 0.02, advances: 0.25, gaps: 0.05})
		r := New([]int{1, 2, 7, 64}[seed%4], []int64{1 << 30, 8000}[seed/4%2])
		rng := rand.New(rand.NewPCG(seed, 2))
		for _, call := range h.calls {
			call(r)
			if r.Head() > 0 {
				h.askAll(t, r, rng)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (h *history) askAll(t *testing.T, r *Ring, rng *rand.Rand) {
	t.Helper()
	tail, head := r.Tail(), r.Head()
	known := len(h.log[head-1].after.Pos)
	for range 4 {
		want := h.position(rng, tail, head)
		wantOK, wantSeq := true, head+1
		for p, next := range want {
			low, _, _ := h.floorOf(p, tail, head)
			wantOK = wantOK && next >= low
			for s := tail; s < wantSeq; s++ {
				if at := h.log[s-1].after.Pos; p < len(at) && at[p].Next > next {
					wantSeq = s
				}
			}
		}
		if seq, ok := r.Locate(want); ok != wantOK || seq != wantSeq {
			t.Errorf("located %v in %d to %d at %d, %v, want %d, %v", want, tail, head, seq, ok, wantSeq, wantOK)
		}
	}
	part := rng.IntN(known)
	low, lowTime, whole := h.floorOf(part, tail, head)
	if next, ok := r.First(part); next != low || ok != whole {
		t.Errorf("first of %d in %d to %d is %d, %v, want %d, %v", part, tail, head, next, ok, low, whole)
	}
	ms := max(1, h.log[tail-1+rng.Uint64N(head-tail+1)].time+rng.Int64N(20)-10)
	offset := low + rng.Int64N(60) - 5
	var byTime, byOffset uint64
	for s := head; s >= tail; s-- {
		if x := &h.log[s-1]; x.kind == Event && int(x.part) == part {
			if x.time >= ms {
				byTime = s
			}
			if x.offset >= offset {
				byOffset = s
			}
		}
	}
	switch e, ok := r.LocateTime(part, ms); {
	case ok != (ms > lowTime):
		t.Errorf("%d ms of %d: %v, the largest time that is gone is %d", ms, part, ok, lowTime)
	case ok && seqOf(e) != byTime:
		t.Errorf("%d ms of %d is at %d, want %d", ms, part, seqOf(e), byTime)
	}
	if e := r.Record(part, offset); seqOf(e) != byOffset {
		t.Errorf("offset %d of %d is at %d, want %d", offset, part, seqOf(e), byOffset)
	}
}

// position is a position near one between tail and head, or before. It may
// name fewer partitions than there are, as one of another time may.
func (h *history) position(rng *rand.Rand, tail, head uint64) (want []int64) {
	from := max(1, tail-min(tail, 4))
	at := h.log[from-1+rng.Uint64N(head-from+1)].before.Pos
	for _, p := range at {
		next := p.Next
		if rng.IntN(4) == 0 {
			next = max(0, next+rng.Int64N(9)-4)
		}
		want = append(want, next)
	}
	return want[:len(want)-rng.IntN(len(want)+1)/4]
}

func seqOf(e *Entry) uint64 {
	if e == nil {
		return 0
	}
	return e.Seq
}

// TestLocateUnknownPartitions: a position that names more than the ring knows
// cannot be answered from it.
func TestLocateUnknownPartitions(t *testing.T) {
	r := filled(10, 1<<20, 2)
	r.next(t, 0, 1, 0)
	if _, ok := r.Locate([]int64{0, 0, 0}); ok {
		t.Error("three partitions in a ring of two")
	}
	if _, ok := r.LocateTime(2, 1); ok {
		t.Error("a time of an unknown partition")
	}
	if r.Record(2, 0) != nil {
		t.Error("a record of an unknown partition")
	}
	if seq, ok := r.Locate(nil); !ok || seq != 2 {
		t.Errorf("nothing wanted: %d, %v", seq, ok)
	}
}
