package ringbuf

import (
	"math"
	"testing"
)

// Whoever had taken everything, or anything, before a restart finds that what
// comes next is gone, and the floors say what.
func TestRestartLeavesNobodyInTheRing(t *testing.T) {
	r := filled(100, 1<<20, 2)
	r.next(t, 0, 10, 0)
	r.next(t, 1, 20, 0)
	old := r.floors.Load()
	keys := []Key{{Topic: "t"}, {Topic: "t", Partition: 1, Epoch: "new"}, {Topic: "u"}}
	r.Restart(keys, []Pos{{Next: 7, Time: 60}, {Next: 0, Time: NoTime}, {Next: 3, Time: NoTime}}, []int64{60, NoTime, math.MaxInt64})
	for seq := range uint64(4) {
		if r.At(seq) != nil {
			t.Errorf("entry %d is still there", seq)
		}
	}
	e := r.Newest()
	if e.Seq != 4 || e.Kind != Epoch || r.Tail() != 4 || r.Oldest() != e || len(e.Wire.Bytes) > 0 {
		t.Errorf("newest is entry %d of kind %d, tail %d", e.Seq, e.Kind, r.Tail())
	}
	if (*old)[0].next.Load() != 1 || (*old)[1].next.Load() != 1 {
		t.Error("the old table does not show what is gone")
	}
	if v := e.Vector(); len(v.Keys) != 3 || v.Keys[1].Epoch != "new" || v.Pos[0] != (Pos{7, 60}) || v.Pos[1] != (Pos{0, NoTime}) || v.Pos[2] != (Pos{3, NoTime}) {
		t.Errorf("vector %v", v)
	}
	f := func(want []int64, seq uint64, ok bool) {
		t.Helper()
		if got, gotOK := r.Locate(want); gotOK != ok || ok && got != seq {
			t.Errorf("located %v at %d, %v, want %d, %v", want, got, gotOK, seq, ok)
		}
	}
	f([]int64{1, 1, 3}, 0, false)
	f([]int64{7, 0, 3}, 5, true)
	r.next(t, 0, 61, 0)
	r.next(t, 2, 61, 0)
	f([]int64{7, 0, 3}, 5, true)
	f([]int64{8, 0, 3}, 6, true)
	if first, ok := r.First(1); first != 0 || !ok {
		t.Errorf("first of 1 is %d, %v", first, ok)
	}
	if first, ok := r.First(0); first != 7 || ok {
		t.Errorf("first of 0 is %d, %v", first, ok)
	}
}

func TestRestartOfAnEmptyRing(t *testing.T) {
	r := New(2, 1<<20)
	r.Restart([]Key{{Topic: "t"}}, []Pos{{Next: 5, Time: NoTime}}, []int64{NoTime})
	if e := r.Newest(); e == nil || e != r.Oldest() || e.Vector().Pos[0].Next != 5 {
		t.Errorf("newest is %v", e)
	}
	for range 5 {
		r.next(t, 0, 1, 0)
	}
	if events, _ := r.inside(t); events != 2 {
		t.Errorf("%d entries", events)
	}
}

func TestRestartRefusesFewerPartitions(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a ring of two partitions restarts with one")
		}
	}()
	filled(2, 1<<20, 2).Restart(make([]Key, 1), make([]Pos, 1), make([]int64, 1))
}

// Floor is what a ring would show that began with a sequence.
func TestFloorOfASequence(t *testing.T) {
	r := New(5, 1<<20)
	r.Add(Key{Topic: "t"}, Pos{Next: 7, Time: NoTime}, NoTime)
	r.Add(Key{Topic: "u"}, Pos{Next: 7, Time: NoTime}, 500)
	r.Flush()
	f := func(part int, seq uint64, next, low int64) {
		t.Helper()
		if n, l := r.Floor(part, seq); n != next || l != low {
			t.Errorf("partition %d at %d: %d, %d ms, want %d, %d ms", part, seq, n, l, next, low)
		}
	}
	f(0, 0, 7, NoTime)
	f(0, 1, 7, NoTime)
	f(0, 2, 7, NoTime)
	f(1, 2, 7, 500)
	r.Advance(0, 9)
	r.Flush()            // 2
	f(0, 3, 7, NoTime)   // nothing lies in an advance
	r.next(t, 0, 100, 0) // 3: offset 9
	r.Advance(0, 20)
	r.Advance(1, 20)
	r.Flush() // 4
	f(0, 3, 7, NoTime)
	f(0, 4, 10, 100)
	f(0, 5, 10, 100)
	f(1, 5, 7, 500)
	r.next(t, 1, NoTime, 0) // 5: offset 20, without a time
	f(1, 6, 21, 500)
	r.next(t, 0, 50, 0) // 6: offset 20; 1 is evicted
	f(0, 7, 21, 100)
	r.next(t, 1, 600, 0) // 7
	r.next(t, 1, 600, 0) // 8: 3 is evicted
	f(0, 4, 10, 100)
	f(0, 0, 10, 100)
	f(0, 7, 21, 100)
	f(2, 7, -1, NoTime)
	r.PublishEpoch([]int{0}, "new", 0, NoTime, Wire{})
	f(0, 0, 0, NoTime)
	f(0, r.Head()+1, 0, NoTime)
	f(1, r.Head()+1, 23, 600)
}

// An event that another ring holds is charged for all it keeps alive, and is
// never too large: a ring that is filled from another may lose nothing.
func TestSharedEvents(t *testing.T) {
	r := filled(10, 1000, 1)
	big := Wire{Bytes: make([]byte, 5000)}
	if err := r.Publish(0, 0, 1, big); err != ErrTooLarge {
		t.Errorf("got %v", err)
	}
	r.next(t, 0, 1, 10)
	big.ID = "[an id]"
	must(r.Publish(0, 1, 1, big))
	if e := r.Newest(); r.Oldest() != e || r.Bytes() != e.Size() || e.Size() != entryOverhead+5000+7 || e.Wire.Len() != 5007 {
		t.Errorf("%d bytes, entry of %d", r.Bytes(), e.Size())
	}
	r.next(t, 0, 1, 10)
	if r.Bytes() > 1000 {
		t.Errorf("%d bytes", r.Bytes())
	}
}

func TestAlone(t *testing.T) {
	r := filled(10, 1<<20, 2)
	if r.next(t, 0, 1, 0).Alone() {
		t.Error("the first event brings the partitions")
	}
	if !r.next(t, 0, 1, 0).Alone() {
		t.Error("an event that moves only its partition")
	}
	r.Advance(1, 5)
	if r.next(t, 0, 1, 0).Alone() {
		t.Error("an event that carries an advance")
	}
	r.Advance(1, 6)
	r.Flush()
	if r.Newest().Alone() {
		t.Error("an advance")
	}
}
