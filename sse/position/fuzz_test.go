package position

import (
	"math"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
)

// FuzzTimes: whatever times a producer gave its records, and wherever they lie
// in the log, the id of every form is read as the position that it was made of.
func FuzzTimes(f *testing.F) {
	for form := range byte(4) {
		f.Add(int64(1741964966535), int64(-1), int64(0), int64(5), form)
		f.Add(int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt64), int64(0), form)
		f.Add(int64(-62135596800000), int64(0), int64(1)<<62, int64(1), form) // a record without a time, as sarama tells it
	}
	f.Fuzz(func(t *testing.T, time0, time1, next0, next1 int64, form byte) {
		v := ringbuf.Vector{
			Keys: []ringbuf.Key{{Topic: "t", Partition: 0, Epoch: "abcdef.ghijkl"}, {Topic: "t", Partition: 1, Epoch: "abcdef.ghijkl"}},
			Pos:  []ringbuf.Pos{{Next: next0 & math.MaxInt64, Time: time0}, {Next: next1 & math.MaxInt64, Time: time1}},
		}
		text := AppendID(nil, v, Form(form%4), nil)
		id, err := Parse(text)
		if err != nil || len(id.Entries) != 2 {
			t.Fatalf("%+v is %s: %v, %+v", v.Pos, text, err, id.Entries)
		}
		for i, e := range id.Entries {
			p := v.Pos[i]
			timed := timestamp(p) > 0
			if e.Topic != "t" || int(e.Partition) != i || e.HasTime && (!timed || e.Timestamp != timestamp(p)) || e.HasOffset && e.Offset != p.Next || !e.HasOffset && !e.HasTime {
				t.Fatalf("%+v is %s, and that is read as %+v", p, text, e)
			}
		}
	})
}
