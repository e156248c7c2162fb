package position

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
)

// twoTopics is a vector of three partitions; the last has seen no record.
func twoTopics() ringbuf.Vector {
	return ringbuf.Vector{
		Keys: []ringbuf.Key{
			{Topic: "b.x", Partition: 1, Epoch: "AAAAAA.bbbbbb"},
			{Topic: "a", Partition: 0, Epoch: "AAAAAA.aaaaaa"},
			{Topic: "b.x", Partition: 0, Epoch: "AAAAAA.-"},
		},
		Pos: []ringbuf.Pos{{Next: 7, Time: 1700000000000}, {Next: 1 << 40, Time: 0}, {Next: 0, Time: ringbuf.NoTime}},
	}
}

func TestAppendID(t *testing.T) {
	f := func(form Form, want string) {
		t.Helper()
		v := twoTopics()
		if got := string(AppendID([]byte("x"), v, form, Order(v.Keys))); got != "x"+want {
			t.Errorf("form %d:\n got %s\nwant x%s", form, got, want)
		}
	}
	f(Both, `[{"topic":"b.x","partition":0,"offset":0,"epoch":"AAAAAA.-"},`+
		`{"topic":"b.x","partition":1,"offset":7,"timestamp":1700000000001,"epoch":"AAAAAA.bbbbbb"},`+
		`{"topic":"a","partition":0,"offset":1099511627776,"timestamp":1,"epoch":"AAAAAA.aaaaaa"}]`)
	f(Offset, `[{"topic":"b.x","partition":0,"offset":0,"epoch":"AAAAAA.-"},`+
		`{"topic":"b.x","partition":1,"offset":7,"epoch":"AAAAAA.bbbbbb"},`+
		`{"topic":"a","partition":0,"offset":1099511627776,"epoch":"AAAAAA.aaaaaa"}]`)
	f(Timestamp, `[{"topic":"b.x","partition":0,"offset":0,"epoch":"AAAAAA.-"},`+
		`{"topic":"b.x","partition":1,"timestamp":1700000000001,"epoch":"AAAAAA.bbbbbb"},`+
		`{"topic":"a","partition":0,"timestamp":1,"epoch":"AAAAAA.aaaaaa"}]`)
}

func TestAppendIDWithoutOrderKeepsThatOfTheVector(t *testing.T) {
	v := twoTopics()
	want := AppendID(nil, v, Both, []int{0, 1, 2})
	if got := AppendID(nil, v, Both, nil); string(got) != string(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppendIDOfTheLargestNumbers(t *testing.T) {
	v := ringbuf.Vector{
		Keys: []ringbuf.Key{{Topic: "t", Partition: math.MaxInt32, Epoch: "-.-"}},
		Pos:  []ringbuf.Pos{{Next: math.MaxInt64, Time: math.MaxInt64}},
	}
	const want = `[{"topic":"t","partition":2147483647,"offset":9223372036854775807,"timestamp":9223372036854775807,"epoch":"-.-"}]`
	if got := string(AppendID(nil, v, Both, nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := Parse([]byte(want)); err != nil {
		t.Error(err)
	}
}

func TestOrder(t *testing.T) {
	f := func(want []int, keys ...ringbuf.Key) {
		t.Helper()
		if got := Order(keys); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	f([]int{})
	f([]int{1, 0, 2}, ringbuf.Key{Topic: "z", Partition: 10}, ringbuf.Key{Topic: "z", Partition: 9}, ringbuf.Key{Topic: "a"})
	// A partition found late is listed last and named with its topic.
	f([]int{0, 2, 1}, ringbuf.Key{Topic: "z"}, ringbuf.Key{Topic: "a"}, ringbuf.Key{Topic: "z", Partition: 1})
}

// Whatever the name of a topic is, the id is one line of JSON without raw NUL
// (WHATWG HTML, section 9.2.6, ignores an id that has one) and reads back.
func TestTopicNamesAreEscaped(t *testing.T) {
	for _, topic := range []string{"", `a"b\c`, "line\nfeed\r\x00\x7f", "ä\u0085\u2028\u2029", "\U0001f600", "\xff\xfe"} {
		v := ringbuf.Vector{Keys: []ringbuf.Key{{Topic: topic, Epoch: "-.-"}}, Pos: make([]ringbuf.Pos, 1)}
		id := AppendID(nil, v, Both, nil)
		for _, c := range id {
			if c < ' ' || c > '~' {
				t.Errorf("topic %q: byte %#x in %s", topic, c, id)
			}
		}
		want, _ := json.Marshal(topic)
		var name string
		if err := json.Unmarshal(want, &name); err != nil {
			t.Fatal(err)
		}
		got, err := Parse(id)
		if err != nil || got.Entries[0].Topic != name {
			t.Errorf("topic %q reads back as %+v, %v", topic, got, err)
		}
	}
}

// randomVector returns a vector of n partitions in three topics.
func randomVector(rnd *rand.Rand, n int) ringbuf.Vector {
	var v ringbuf.Vector
	for i := range n {
		v.Keys = append(v.Keys, ringbuf.Key{Topic: fmt.Sprintf("eqiad.topic-%d", i%3), Partition: int32(i / 3), Epoch: fmt.Sprintf("Ab-_09.top%03d", i%3)})
		pos := ringbuf.Pos{Next: rnd.Int64(), Time: rnd.Int64N(math.MaxInt64)}
		if rnd.IntN(4) == 0 {
			pos.Time = ringbuf.NoTime
		}
		v.Pos = append(v.Pos, pos)
	}
	return v
}

func TestParseReadsWhatAppendIDWrites(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 40; n++ {
		v := randomVector(rnd, n)
		order := Order(v.Keys)
		for _, form := range []Form{Both, Offset, Timestamp} {
			id, err := Parse(AppendID(nil, v, form, order))
			if err != nil || !id.Ours() || len(id.Entries) != n {
				t.Fatalf("form %d: %+v, ours %t, %v", form, id, id.Ours(), err)
			}
			for i, e := range id.Entries {
				k, p := v.Keys[order[i]], v.Pos[order[i]]
				want := Entry{Topic: k.Topic, Partition: k.Partition, Epoch: k.Epoch}
				if timed := p.Time != ringbuf.NoTime; timed && form != Offset {
					want.HasTime, want.Timestamp = true, p.Time+1
				}
				if !want.HasTime || form != Timestamp {
					want.HasOffset, want.Offset = true, p.Next
				}
				if e != want {
					t.Errorf("form %d:\n got %+v\nwant %+v", form, e, want)
				}
			}
		}
	}
}

func TestAppendIDAllocatesNothing(t *testing.T) {
	v := randomVector(rand.New(rand.NewPCG(3, 4)), 10)
	order, dst := Order(v.Keys), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst = AppendID(dst[:0], v, Both, order) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
