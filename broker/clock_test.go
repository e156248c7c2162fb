package broker

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A clock that is an hour off decides how much is in the ring at the start, and
// nothing else; set while the stream runs it changes nothing, also where
// partitions are found that it is asked for.
func TestClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			var off atomic.Int64 // nanoseconds
			off.Store(int64(by))
			k := newKafka(t, kfake.SeedTopics(1, "a"))
			k.produce("a", 0, numbered(0, 10)...)
			r := start(t, k, []string{"a", "later"}, func(s *setup) {
				s.WarmUp = 10 * time.Minute
				s.Now = func() time.Time { return time.Now().Round(0).Add(time.Duration(off.Load())) }
			})
			r.warm()
			first := 0
			if by > 0 {
				first = 10 // all is older than the clock wants
			}
			k.produce("a", 0, numbered(10, 20)...)
			r.expect("a", 0, numbered(first, 20))

			off.Store(-int64(by))
			k.create("later", 1)
			k.produce("later", 0, numbered(0, 5)...)
			k.produce("a", 0, numbered(20, 30)...)
			r.expect("later", 0, numbered(0, 5))
			r.expect("a", 0, numbered(first, 30))
			if st := r.s.Status(); st.Stalled || len(st.Missing) > 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
