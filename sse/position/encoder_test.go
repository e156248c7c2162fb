package position

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
)

// An encoder writes what AppendID writes, whatever has moved since the last id:
// the partition of the record, others (markers), none, or the keys themselves.
func TestEncoderFollowsEveryMove(t *testing.T) {
	for _, form := range []Form{Both, Offset, Timestamp} {
		rnd := rand.New(rand.NewPCG(5, uint64(form)))
		v := randomVector(rnd, 7)
		e := NewEncoder(form)
		for step := range 2000 {
			for p := range v.Pos {
				if rnd.IntN(5) == 0 {
					v.Pos[p].Next = rnd.Int64()
				}
			}
			switch rnd.IntN(50) {
			case 0: // a partition was added
				v.Keys = append(slices.Clip(v.Keys), ringbuf.Key{Topic: "eqiad.topic-1", Partition: int32(len(v.Keys)), Epoch: "Ab-_09.top001"})
				v.Pos = append(v.Pos, ringbuf.Pos{Time: ringbuf.NoTime})
			case 1: // an epoch has become known, or is another
				v.Keys = slices.Clone(v.Keys)
				v.Keys[rnd.IntN(len(v.Keys))].Epoch = "other_.epoch_"
			}
			part := rnd.IntN(len(v.Keys)+1) - 1
			after, want := ringbuf.Pos{Next: rnd.Int64(), Time: rnd.Int64N(4) - 1}, v
			if part >= 0 {
				want.Pos = slices.Clone(v.Pos)
				want.Pos[part] = after
			}
			got := e.Append(nil, v, part, after)
			if wanted := AppendID(nil, want, form, Order(v.Keys)); string(got) != string(wanted) {
				t.Fatalf("form %d, step %d:\n got %s\nwant %s", form, step, got, wanted)
			}
		}
	}
}

func TestEncoderOfNothing(t *testing.T) {
	if got := string(NewEncoder(Both).Append(nil, ringbuf.Vector{}, -1, ringbuf.Pos{})); got != "[]" {
		t.Errorf("got %s", got)
	}
}

func TestEncoderAllocatesNothingWhenWarm(t *testing.T) {
	v := randomVector(rand.New(rand.NewPCG(6, 7)), 10)
	v.Pos[3] = ringbuf.Pos{Next: 0, Time: ringbuf.NoTime}
	e, dst := NewEncoder(Both), make([]byte, 0, 4096)
	dst = e.Append(dst, v, -1, ringbuf.Pos{})
	n := testing.AllocsPerRun(100, func() {
		v.Pos[3].Next += 1 << 55
		v.Pos[4].Time++
		dst = e.Append(dst[:0], v, 3, ringbuf.Pos{Next: v.Pos[3].Next + 1, Time: 1 << 60})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEncoder(b *testing.B) {
	v := randomVector(rand.New(rand.NewPCG(8, 9)), 6)
	e, dst := NewEncoder(Both), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		v.Pos[2].Next++
		dst = e.Append(dst[:0], v, 2, ringbuf.Pos{Next: v.Pos[2].Next, Time: 1700000000000})
	}
}
