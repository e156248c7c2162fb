package ringbuf

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestFloorRisesOnEviction: and not before.
func TestFloorRisesOnEviction(t *testing.T) {
	r := filled(3, 1<<20, 2)
	f := func(part int, next, ms int64) {
		t.Helper()
		fl := &(*r.floors.Load())[part]
		if fl.next.Load() != next || fl.time.Load() != ms {
			t.Errorf("floor of %d is %d, %d ms, want %d, %d ms", part, fl.next.Load(), fl.time.Load(), next, ms)
		}
	}
	r.next(t, 0, 100, 0)
	r.next(t, 1, 900, 0)
	r.next(t, 0, 50, 0)
	f(0, 0, NoTime)
	f(1, 0, NoTime)
	r.next(t, 0, 60, 0)
	f(0, 1, 100)
	f(1, 0, NoTime)
	must(r.PublishGap(0, 10, Wire{}))
	f(1, 1, 900)
	r.Advance(1, 40)
	r.Flush()
	f(0, 2, 100) // 50 ms came later and is not the largest
	r.Flush()
	r.next(t, 1, 901, 0)
	r.next(t, 1, 902, 0)
	f(0, 10, 100) // a gap has no time
	r.next(t, 1, 903, 0)
	f(1, 1, 900) // an advance takes no record with it
}

// TestFirst: the lowest offset to begin at, and whether it is the lowest at all.
func TestFirst(t *testing.T) {
	r := New(2, 1<<20)
	f := func(part int, offset int64, whole bool) {
		t.Helper()
		if got, ok := r.First(part); got != offset || ok != whole {
			t.Errorf("first of %d is %d, %v, want %d, %v", part, got, ok, offset, whole)
		}
	}
	f(0, 0, false)
	r.Add(Key{Topic: "all"}, Pos{7, NoTime}, NoTime)
	r.Add(Key{Topic: "recent"}, Pos{7, NoTime}, 500)
	r.Add(Key{Topic: "unknown"}, Pos{7, NoTime}, math.MaxInt64)
	f(0, 7, true)
	f(1, 7, false)
	f(2, 7, false)
	must(r.PublishGap(0, 9, Wire{}))
	r.next(t, 0, NoTime, 0) // a record without a time
	f(0, 7, true)
	r.next(t, 1, 1, 0)
	f(0, 9, true) // nothing lies in a gap
	r.next(t, 1, 1, 0)
	f(0, 10, false)
	r.PublishEpoch([]int{0}, "new", 0, NoTime, Wire{})
	f(0, 0, true)
	f(1, 9, false)
}

// TestFirstMeetsEviction: offset 0 was there in every epoch, so whoever is
// told that nothing is missing is told to begin at 0.
func TestFirstMeetsEviction(t *testing.T) {
	onProcessors(t, 2, func(t *testing.T) {
		r := filled(1, 1<<20, 1)
		var stop atomic.Bool
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for !stop.Load() {
					for range 200 {
						if offset, whole := r.First(0); whole && offset != 0 {
							t.Errorf("nothing is missing, and the first is %d", offset)
							stop.Store(true)
							return
						}
					}
					runtime.Gosched()
				}
			})
		}
		wg.Go(func() { interrupt(&stop) })
		for n := 0; n < 40000 && !stop.Load(); n++ {
			r.next(t, 0, 1, 0)
			r.next(t, 0, 1, 0)
			r.PublishEpoch([]int{0}, "", 0, NoTime, Wire{})
		}
		stop.Store(true)
		wg.Wait()
	})
}

// TestEpochHasFloorsOfItsOwn: the offsets of the topic count from 0 and nothing
// of it is missing; for the others everything before is gone. A reader that
// still holds the old table finds all of the old epoch gone in it.
func TestEpochHasFloorsOfItsOwn(t *testing.T) {
	r := filled(100, 1<<20, 3)
	for range 5 {
		r.next(t, 0, 10, 0)
		r.next(t, 1, 20, 0)
	}
	old := r.floors.Load()
	r.PublishEpoch([]int{0, 2}, "new", 0, NoTime, Wire{Bytes: []byte("notice")})
	if r.floors.Load() == old {
		t.Error("the floors are the same table")
	}
	if (*old)[0].next.Load() != 5 || (*old)[0].time.Load() != 10 || (*old)[1].next.Load() != 5 {
		t.Error("the old table does not show what is gone")
	}
	e := r.Newest()
	if e.Kind != Epoch || e.Seq != 11 || r.Tail() != 11 || string(e.Wire.Bytes) != "notice" {
		t.Errorf("newest is entry %d of kind %d, tail %d", e.Seq, e.Kind, r.Tail())
	}
	if v := e.Vector(); v.Pos[0] != (Pos{0, NoTime}) || v.Pos[1] != (Pos{5, 20}) || v.Keys[0].Epoch != "new" || v.Keys[1].Epoch != "" || v.Keys[2].Epoch != "new" {
		t.Errorf("vector %v", v)
	}
	if v := e.Before(); v.Pos[0] != (Pos{5, 10}) || v.Keys[0].Epoch != "" {
		t.Errorf("vector before %v", v)
	}
	f := func(want []int64, seq uint64, ok bool) {
		t.Helper()
		if got, gotOK := r.Locate(want); gotOK != ok || ok && got != seq {
			t.Errorf("located %v at %d, %v, want %d, %v", want, got, gotOK, seq, ok)
		}
	}
	f([]int64{0, 5, 0}, 12, true)
	f([]int64{5, 5, 0}, 12, true)
	f([]int64{0, 4, 0}, 0, false)
	r.next(t, 1, 30, 0)
	r.next(t, 0, 5, 0)
	f([]int64{0, 5, 0}, 12, true)
	f([]int64{0, 6, 0}, 13, true)
	if e, ok := r.LocateTime(0, 5); !ok || e == nil || e.Offset != 0 {
		t.Errorf("the first record of the new epoch: %v, %v", e, ok)
	}
	if err := r.Publish(0, 0, 9, Wire{}); err == nil {
		t.Error("offset 0 twice in one epoch")
	}
}

// TestAddKeepsFloors: a partition that comes late does not bring back what is gone.
func TestAddKeepsFloors(t *testing.T) {
	r := filled(2, 1<<20, 1)
	for range 5 {
		r.next(t, 0, 10, 0)
	}
	if p := r.Add(Key{Topic: "late"}, Pos{30, NoTime}, 700); p != 1 {
		t.Errorf("index %d", p)
	}
	f := func(want []int64, ok bool) {
		t.Helper()
		if _, got := r.Locate(want); got != ok {
			t.Errorf("located %v: %v", want, got)
		}
	}
	f([]int64{2}, false)
	f([]int64{3}, true)
	f([]int64{3, 29}, false)
	f([]int64{3, 30}, true)
	f([]int64{3, 30, 0}, false)
	if r.Newest().At(1).Next != -1 {
		t.Error("the partition shows before its entry")
	}
	r.Flush()
	if r.Newest().At(1).Next != 30 {
		t.Error("the partition does not show")
	}
	if _, ok := r.LocateTime(1, 700); ok {
		t.Error("a time at which a record before the first may lie")
	}
	if e, ok := r.LocateTime(1, 701); !ok || e != nil {
		t.Errorf("a time after all records: %v, %v", e, ok)
	}
}
