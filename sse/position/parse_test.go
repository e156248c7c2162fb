package position

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
)

func TestParseAccepts(t *testing.T) {
	f := func(header string, ours bool, want ...Entry) {
		t.Helper()
		id, err := Parse([]byte(header))
		if err != nil || !slices.Equal(id.Entries, want) || id.Ours() != ours {
			t.Errorf("%s:\n got %+v, ours %t, %v\nwant %+v", header, id.Entries, id.Ours(), err, want)
		}
	}
	f(`["a"]`, false, Entry{Topic: "a", OfTopic: true})
	f(`["a","a",{"topic":"a","partition":0,"offset":1}]`, false,
		Entry{Topic: "a", OfTopic: true}, Entry{Topic: "a", OfTopic: true}, Entry{Topic: "a", Offset: 1, HasOffset: true})
	f(` [ { "topic" : "a" ,`+"\t\r\n"+`"partition" : 0 , "offset" : 1 } ] `, false, Entry{Topic: "a", Offset: 1, HasOffset: true})
	f(`[{"offset":9223372036854775807,"partition":2147483647,"topic":"a"}]`, false,
		Entry{Topic: "a", Partition: 2147483647, Offset: 9223372036854775807, HasOffset: true})
	f(`[{"topic":"a","partition":0,"offset":-1},{"topic":"a","partition":1,"offset":-2}]`, false,
		Entry{Topic: "a", Offset: LiveEnd, HasOffset: true}, Entry{Topic: "a", Partition: 1, Offset: Earliest, HasOffset: true})
	f(`[{"topic":"a","partition":-0,"offset":-0,"timestamp":-0}]`, false, Entry{Topic: "a", HasOffset: true, HasTime: true})
	f(`[{"topic":"a","partition":0,"timestamp":0}]`, false, Entry{Topic: "a", HasTime: true})

	// As EventStreams writes it: the other datacenter stands at its live end.
	f(`[{"topic":"eqiad.mediawiki.recentchange","partition":0,"timestamp":1532031066001},{"topic":"codfw.mediawiki.recentchange","partition":0,"offset":-1}]`, false,
		Entry{Topic: "eqiad.mediawiki.recentchange", Timestamp: 1532031066001, HasTime: true},
		Entry{Topic: "codfw.mediawiki.recentchange", Offset: LiveEnd, HasOffset: true})
	f(`[{"topic":"a","partition":0,"offset":null,"timestamp":5}]`, false, Entry{Topic: "a", Timestamp: 5, HasTime: true})
	f(`[{"topic":"a","partition":0,"offset":5,"timestamp":null}]`, false, Entry{Topic: "a", Offset: 5, HasOffset: true})

	// Escapes stand for their characters, in keys too; nothing else is decoded.
	f(`[{"\u0074opic":"\u0061\/\"\ud83d\ude00","partition":0,"offse\u0074":1}]`, false, Entry{Topic: "a/\"\U0001f600", Offset: 1, HasOffset: true})
	f(`[{"topic":"a\\nb","partition":0,"offset":1},{"topic":"a\nb","partition":0,"offset":1}]`, false,
		Entry{Topic: `a\nb`, Offset: 1, HasOffset: true}, Entry{Topic: "a\nb", Offset: 1, HasOffset: true})

	// Other keys are ignored, whatever they hold and how often.
	f(`[{"metadata":null,"x":{"topic":"z","a":[1.5,"]}\\\"",true,{}]},"topic":"a","x":[],"partition":0,"Offset":1.0,"offset":1}]`, false,
		Entry{Topic: "a", Offset: 1, HasOffset: true})
	f(`[{"topic":"a","partition":0,"offset":1,"x":`+strings.Repeat("[", maxDepth)+strings.Repeat("]", maxDepth)+`}]`, false,
		Entry{Topic: "a", Offset: 1, HasOffset: true})

	// Ours is what has an epoch of our form in every entry.
	epoch := func(json, want string) {
		t.Helper()
		f(`[{"topic":"a","partition":0,"offset":1,"epoch":`+json+`}]`, want != "", Entry{Topic: "a", Offset: 1, HasOffset: true, Epoch: want})
	}
	for _, e := range []string{"aZ09-_.abcdef", "abcdef.-", "-.abcdef", "-.-", "------.------"} {
		epoch(`"`+e+`"`, e)
	}
	for _, e := range []string{`""`, `"abcdef"`, `"abcdef.abcde"`, `"abcdefg.abcdef"`, `"abcdef.abcdef."`, `"abcdef.abc=ef"`, `"--.-"`, `"."`, "null", "7", "{}"} {
		epoch(e, "")
	}
	f(`[{"topic":"a","partition":0,"offset":1,"epoch":"-.-"},{"topic":"a","partition":1,"offset":1}]`, false,
		Entry{Topic: "a", Offset: 1, HasOffset: true, Epoch: "-.-"}, Entry{Topic: "a", Partition: 1, Offset: 1, HasOffset: true})
	f(`[{"topic":"a","partition":0,"offset":1,"epoch":"-.-"},"a"]`, false,
		Entry{Topic: "a", Offset: 1, HasOffset: true, Epoch: "-.-"}, Entry{Topic: "a", OfTopic: true})
}

func TestParseRefuses(t *testing.T) {
	f := func(header, want string) {
		t.Helper()
		id, err := Parse([]byte(header))
		var typed *Error
		if !errors.As(err, &typed) || err.Error() != want || id.Entries != nil {
			t.Errorf("%s:\n got %v, %+v\nwant %s", header, err, id.Entries, want)
		}
	}
	f(``, `cannot read position: it is empty`)
	f(`[]`, `cannot read position []: it has no entries`)
	const notArray = `: want a JSON array of objects with topic, partition and offset or timestamp`
	f(`{"topic":"a"}`, `cannot read position "{\"topic\":\"a\"}"`+notArray)
	f(`"a"`, `cannot read position "\"a\""`+notArray)
	f(`17`, `cannot read position "17"`+notArray)
	f(`null`, `cannot read position "null"`+notArray)
	f("[\"\xff\"]", `cannot read position "[\"\xff\"]": it is not UTF-8`)
	f(`[null]`, `cannot read entry 1 of position: it is "null", want an object or the name of a topic`)
	f(`["a",5]`, `cannot read entry 2 of position: it is "5", want an object or the name of a topic`)
	f(`[["a"]]`, `cannot read entry 1 of position: it is "[\"a\"]", want an object or the name of a topic`)
	f(`[{}]`, `cannot read entry 1 of position: it has no topic`)

	object := func(members, want string) {
		t.Helper()
		f(`[{`+members+`}]`, `cannot read entry 1 of position: `+want)
	}
	object(`"topic":7,"partition":0,"offset":1`, `topic is "7", want a string`)
	object(`"topic":null,"partition":0,"offset":1`, `topic is "null", want a string`)
	object(`"topic":{"a":"<ä>"},"partition":0,"offset":1`, `topic is "{\"a\":\"<\u00e4>\"}", want a string`)
	object(`"topic":"a","offset":1`, `it has no partition`)
	object(`"topic":"a","partition":null,"offset":1`, `partition is "null", want an integer such as 42`)
	object(`"topic":"a","partition":-1,"offset":1`, `partition is "-1", want 0 to 2147483647`)
	object(`"topic":"a","partition":2147483648,"offset":1`, `partition is "2147483648", want 0 to 2147483647`)
	object(`"topic":"a","partition":0`, `it has neither offset nor timestamp`)
	object(`"topic":"a","partition":0,"offset":null`, `it has neither offset nor timestamp`)
	object(`"topic":"a","partition":0,"offset":null,"timestamp":null`, `it has neither offset nor timestamp`)
	object(`"topic":"a","partition":0,"offset":1.0`, `offset is "1.0", want an integer such as 42`)
	object(`"topic":"a","partition":0,"offset":1e3`, `offset is "1e3", want an integer such as 42`)
	object(`"topic":"a","partition":0,"offset":1E3`, `offset is "1E3", want an integer such as 42`)
	object(`"topic":"a","partition":0,"offset":"1"`, `offset is "\"1\"", want an integer such as 42`)
	object(`"topic":"a","partition":0,"offset":true`, `offset is "true", want an integer such as 42`)
	object(`"topic":"a","partition":0,"offset":-3`, `offset is "-3", want -2 to 9223372036854775807`)
	object(`"topic":"a","partition":0,"offset":9223372036854775808`, `offset is "9223372036854775808", want -2 to 9223372036854775807`)
	object(`"topic":"a","partition":0,"offset":-3,"timestamp":4`, `offset is "-3", want -2 to 9223372036854775807`)
	object(`"topic":"a","partition":0,"timestamp":-1`, `timestamp is "-1", want 0 to 9223372036854775807`)
	object(`"topic":"a","partition":0,"timestamp":9223372036854775808`, `timestamp is "9223372036854775808", want 0 to 9223372036854775807`)
	object(`"topic":"a","partition":0,"offset":1,"timestamp":"x"`, `timestamp is "\"x\"", want an integer such as 42`)
	object(`"topic":"a","partition":0,"offset":1,"offset":1`, `it has offset twice`)
	object(`"topic":"a","partition":0,"offset":null,"offse\u0074":1`, `it has offset twice`)
	object(`"topic":"a","partition":0,"offset":1`+strings.Repeat("1", 60), `offset is "1111111111111111111111111111111111111111"..., want -2 to 9223372036854775807`)
	object(`"topic":[[["`+strings.Repeat("ä", 30)+`"]]],"partition":0,"offset":1`, `topic is "[[[\"`+strings.Repeat(`\u00e4`, 18)+`"..., want a string`)
	object(`"x":`+strings.Repeat("[", 33)+strings.Repeat("]", 33), `"`+strings.Repeat("[", 33)+strings.Repeat("]", 7)+`"... is nested deeper than 32 levels`)

	f(`[{"topic":"a","partition":0,"offset":1},{"topic":"\u0061","partition":0,"timestamp":1}]`,
		`cannot read entry 2 of position: topic "a" partition 0 appears twice`)
	f(`["`+strings.Repeat(`a","`, maxEntries)+`a"]`, `cannot read position: it has more than 4096 entries`)
}

func TestParseRefusesWhatIsNoJSON(t *testing.T) {
	for _, header := range []string{
		`[`, `]`, `[1`, `["a",]`, `["a"]x`, `["a"][]`, `["a"`, `['a']`, `["a" "b"]`, `[{"topic"}]`, `[{topic:"a"}]`, " ", "\ufeff[]",
		`[{"topic":"a","partition":00,"offset":1}]`, `[{"topic":"a","partition":0,"offset":01}]`, `[{"topic":"a","partition":0,"offset":+1}]`,
		`[{"topic":"a","partition":0,"offset":-}]`, `[{"topic":"a","partition":0,"offset":NaN}]`, "[\"a\x00\"]", "[\"a\n\"]", `["\x"]`, `["\u12"]`,
		`eyJjb21wYWN0Ijp0cnVlfQ`, strings.Repeat("[", 20000), "\ub80b",
	} {
		_, err := Parse([]byte(header))
		if err == nil || !strings.Contains(err.Error(), ": it is not JSON at byte ") {
			t.Errorf("%.40q: %v", header, err)
		}
	}
	_, err := Parse([]byte(`["a",x]`))
	if want := `cannot read position "[\"a\",x]": it is not JSON at byte 6`; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseTakesAsManyEntriesAsAllowed(t *testing.T) {
	var b bytes.Buffer
	for i := range maxEntries {
		fmt.Fprintf(&b, `,{"topic":"a","partition":%d,"offset":1}`, i)
	}
	text := b.Bytes()
	text[0] = '['
	id, err := Parse(append(text, ']'))
	if err != nil || len(id.Entries) != maxEntries {
		t.Errorf("%d entries, %v", len(id.Entries), err)
	}
}

func TestParseAllocatesLittle(t *testing.T) {
	// The topics, their epochs, the entries, and the table of a few pieces that finds a partition twice.
	const budget = 12
	v := ringbuf.Vector{}
	for i := range 10 {
		v.Keys = append(v.Keys, ringbuf.Key{Topic: fmt.Sprint("topic-", i/5), Partition: int32(i % 5), Epoch: "abcdef.ghijkl"})
		v.Pos = append(v.Pos, ringbuf.Pos{Next: 1 << 40, Time: 1700000000000})
	}
	id := AppendID(nil, v, Both, nil)
	n := testing.AllocsPerRun(100, func() {
		if _, err := Parse(id); err != nil {
			t.Fatal(err)
		}
	})
	if n > budget {
		t.Errorf("%v allocations, want at most %d", n, budget)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`[{"topic":"a","partition":0,"offset":1,"timestamp":2,"epoch":"abcdef.-"},"b"]`))
	f.Add([]byte(`[{"\u0074opic":"\"","x":[{"y":"]"},[]],"partition":0,"offset":-1}]`))
	f.Add([]byte(`[[[{`))
	f.Fuzz(func(t *testing.T, header []byte) {
		id, err := Parse(header)
		var typed *Error
		if err != nil {
			if !errors.As(err, &typed) || len(err.Error()) > 500 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("unsafe reason %q", err.Error())
			}
			return
		}
		// What was accepted means the same when we write it.
		var v ringbuf.Vector
		for _, e := range id.Entries {
			if e.OfTopic || !e.HasOffset {
				return
			}
			v.Keys = append(v.Keys, ringbuf.Key{Topic: e.Topic, Partition: e.Partition, Epoch: e.Epoch})
			v.Pos = append(v.Pos, ringbuf.Pos{Next: e.Offset, Time: e.Timestamp - 1})
		}
		text := AppendID(nil, v, Both, nil)
		if isCompact(text) {
			return // too long for JSON; FuzzParseCompact looks at these
		}
		again, err := Parse(text)
		if err != nil || len(again.Entries) != len(id.Entries) {
			t.Fatalf("%q: %v", header, err)
		}
		for i, e := range id.Entries {
			if e.HasTime = e.Timestamp > 0; e != again.Entries[i] {
				t.Errorf("%+v became %+v", e, again.Entries[i])
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	v := randomVector(rand.New(rand.NewPCG(8, 9)), 10)
	id := AppendID(nil, v, Both, Order(v.Keys))
	b.SetBytes(int64(len(id)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(id); err != nil {
			b.Fatal(err)
		}
	}
}
