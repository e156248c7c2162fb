package position

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
)

// An encoder writes what AppendID and AppendMixed write, whatever has moved
// since the last id: the partition of the record, others (markers), none, or
// the keys themselves.
func TestEncoderFollowsEveryMove(t *testing.T) {
	for _, form := range []Form{Both, Offset, Timestamp, Compact} {
		form := func(ringbuf.Key) Form { return form }
		followsEveryMove(t, form, 7)
		followsEveryMove(t, form, 34) // JSON of about 4 KiB, so of either form from id to id
	}
	followsEveryMove(t, mixedForm(Timestamp), 7)
	followsEveryMove(t, mixedForm(Timestamp), 38)
	followsEveryMove(t, mixedForm(Compact), 7)
}

// mixedForm has another form for each topic of randomVector.
func mixedForm(third Form) func(ringbuf.Key) Form {
	return func(k ringbuf.Key) Form {
		switch k.Topic {
		case "eqiad.topic-0":
			return Both
		case "eqiad.topic-1":
			return Offset
		}
		return third
	}
}

func followsEveryMove(t *testing.T, formOf func(ringbuf.Key) Form, partitions int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(5, uint64(partitions)))
	v := randomVector(rnd, partitions)
	e := NewMixedEncoder(formOf)
	for step := range 2000 {
		for p := range v.Pos {
			if rnd.IntN(5) == 0 {
				v.Pos[p].Next = rnd.Int64() >> rnd.IntN(60)
			}
		}
		switch {
		case rnd.IntN(50) == 0 && len(v.Keys) < 2*partitions: // a partition was added
			v.Keys = append(slices.Clip(v.Keys), ringbuf.Key{Topic: "eqiad.topic-1", Partition: int32(len(v.Keys)), Epoch: "Ab-_09.top001"})
			v.Pos = append(v.Pos, ringbuf.Pos{Time: ringbuf.NoTime})
		case rnd.IntN(50) == 0: // an epoch has become known, or is another
			v.Keys = slices.Clone(v.Keys)
			v.Keys[rnd.IntN(len(v.Keys))].Epoch = "other_.epoch_"
		}
		part := rnd.IntN(len(v.Keys)+1) - 1
		after, want := ringbuf.Pos{Next: rnd.Int64(), Time: rnd.Int64N(4) - 1}, v
		if part >= 0 {
			want.Pos = slices.Clone(v.Pos)
			want.Pos[part] = after
		}
		byKey := make([]Form, len(v.Keys))
		for p, k := range v.Keys {
			byKey[p] = formOf(k)
		}
		got := e.Append(nil, v, part, after)
		if wanted := AppendMixed(nil, want, byKey, Order(v.Keys)); string(got) != string(wanted) {
			t.Fatalf("%d partitions, step %d:\n got %s\nwant %s", partitions, step, got, wanted)
		}
	}
}

func TestEncoderOfNothing(t *testing.T) {
	for _, form := range []Form{Both, Compact} {
		if got := string(NewEncoder(form).Append(nil, ringbuf.Vector{}, -1, ringbuf.Pos{})); got != "[]" {
			t.Errorf("form %d: got %s", form, got)
		}
		if got := string(AppendID(nil, ringbuf.Vector{}, form, nil)); got != "[]" {
			t.Errorf("form %d: got %s", form, got)
		}
	}
}

func TestEncoderAllocatesNothingWhenWarm(t *testing.T) {
	f := func(form Form, partitions int) {
		t.Helper()
		v := randomVector(rand.New(rand.NewPCG(6, 7)), partitions)
		v.Pos[3] = ringbuf.Pos{Next: 0, Time: ringbuf.NoTime}
		e, dst := NewEncoder(form), make([]byte, 0, 8192)
		dst = e.Append(dst, v, -1, ringbuf.Pos{})
		n := testing.AllocsPerRun(100, func() {
			v.Pos[3].Next += 1 << 55
			v.Pos[4].Time++
			dst = e.Append(dst[:0], v, 3, ringbuf.Pos{Next: v.Pos[3].Next + 1, Time: 1 << 60})
		})
		if n != 0 {
			t.Errorf("form %d, %d partitions: %v allocations", form, partitions, n)
		}
	}
	f(Both, 10)
	f(Both, 100) // compact for its length
	f(Compact, 32)
}

func BenchmarkEncoder(b *testing.B) {
	f := func(name string, form Form, partitions int) {
		b.Run(name, func(b *testing.B) {
			v := busyVector(partitions)
			e, dst := NewEncoder(form), make([]byte, 0, 8192)
			b.ReportAllocs()
			for b.Loop() {
				v.Pos[2].Next++
				v.Pos[2].Time++
				dst = e.Append(dst[:0], v, 2, v.Pos[2])
			}
			b.ReportMetric(float64(len(dst)), "id-bytes")
		})
	}
	f("both-6", Both, 6)
	f("both-32", Both, 32)
	f("compact-6", Compact, 6)
	f("compact-32", Compact, 32)
	f("too-long-100", Both, 100)
}
