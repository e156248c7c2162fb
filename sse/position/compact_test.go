package position

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
)

// busyVector is one topic as it is after years: offsets of 40 bits, partitions
// that stand up to a day apart.
func busyVector(partitions int) ringbuf.Vector {
	rnd := rand.New(rand.NewPCG(10, uint64(partitions)))
	const day = 24 * 3600 * 1000
	var v ringbuf.Vector
	for i := range partitions {
		v.Keys = append(v.Keys, ringbuf.Key{Topic: "eqiad.mediawiki.recentchange", Partition: int32(i), Epoch: "AAAAAA.bbbbbb"})
		v.Pos = append(v.Pos, ringbuf.Pos{Next: 1<<39 + rnd.Int64N(1<<39), Time: 1700000000000 - rnd.Int64N(day)})
	}
	return v
}

// manyTopics is a vector of every shape that an entry can have.
func manyTopics() ringbuf.Vector {
	var v ringbuf.Vector
	add := func(topic string, partition int32, epoch string, next, time int64) {
		v.Keys = append(v.Keys, ringbuf.Key{Topic: topic, Partition: partition, Epoch: epoch})
		v.Pos = append(v.Pos, ringbuf.Pos{Next: next, Time: time})
	}
	add("eqiad.rc", 0, "AAAAAA.bbbbbb", 5, 1700000000000)
	add("eqiad.rc", 1, "AAAAAA.bbbbbb", 0, ringbuf.NoTime)
	add("eqiad.rc", 7, "AAAAAA.bbbbbb", 1, 0)
	add("eqiad.rc", 8, "AAAAAA.cccccc", 1, 1700000000001)
	add("codfw.rc", 0, "AAAAAA.-", 0, ringbuf.NoTime)
	add("rc", 0, "-.-", math.MaxInt64, math.MaxInt64)
	add("rc.rc", math.MaxInt32, "------.______", math.MaxInt64-1, math.MaxInt64-1)
	add("rc.rc", 0, "BBBBBB.bbbbbb", LiveEnd, ringbuf.NoTime)
	add("", 0, "BBBBBB.bbbbbb", Earliest, 1)
	add("a\x00\"\xff\u2028", 0, "BBBBBB.-", 1<<40, 1)
	add(strings.Repeat("x", maxName), 0, "BBBBBB.bbbbbb", 1, 1)
	add(strings.Repeat("x", maxName-1), 0, "BBBBBB.bbbbbb", 1, 1)
	return v
}

// want are the entries that an id of v has.
func want(v ringbuf.Vector, f forms, order []int) []Entry {
	var all []Entry
	for i := range v.Keys {
		p := at(order, i)
		k, pos := v.Keys[p], v.Pos[p]
		e := Entry{Topic: k.Topic, Partition: k.Partition, Epoch: k.Epoch}
		if pos.Time != ringbuf.NoTime && f.of(p) != Offset {
			e.HasTime, e.Timestamp = true, min(pos.Time, math.MaxInt64-1)+1
		}
		if !e.HasTime || f.of(p) != Timestamp {
			e.HasOffset, e.Offset = true, pos.Next
		}
		all = append(all, e)
	}
	return all
}

// checkCompact wants an id to be compact and to read back as v.
func checkCompact(t *testing.T, id []byte, v ringbuf.Vector, f forms, order []int) {
	t.Helper()
	if !isCompact(id) {
		t.Fatalf("not compact: %s", id)
	}
	got, err := Parse(id)
	if err != nil || !got.Ours() || !slices.Equal(got.Entries, want(v, f, order)) {
		t.Fatalf("ours %t, %v:\n got %+v\nwant %+v", got.Ours(), err, got.Entries, want(v, f, order))
	}
}

// What is written today must be read by every later version.
func TestCompactIsStable(t *testing.T) {
	const text = "AQOB0JX_vDEAAANiLngAAA1BQUFBQUEuYmJiYmJiAQAJAQAAAWEHAAZhYWFhYWEAAIKAgICAIIHQlf-8MQAAA2IueAcAAS0AAAIAN9jnpg"
	v := twoTopics()
	checkCompact(t, []byte(text), v, forms{}, nil)
	if got := string(AppendID([]byte("x"), v, Compact, nil)); got != "x"+text {
		t.Errorf("got %s, want x%s", got, text)
	}
}

func TestCompactRoundTrips(t *testing.T) {
	v := manyTopics()
	checkCompact(t, AppendID(nil, v, Compact, nil), v, forms{}, nil)
	checkCompact(t, AppendID(nil, v, Compact, Order(v.Keys)), v, forms{}, Order(v.Keys))
	for _, form := range []Form{Both, Offset, Timestamp} {
		f := forms{all: form}
		checkCompact(t, appendCompact(nil, v, f, nil), v, f, nil)
	}
	rnd := rand.New(rand.NewPCG(11, 12))
	for n := 1; n < 200; n++ {
		v, f := randomVector(rnd, n), forms{byKey: make([]Form, n)}
		for i := range f.byKey {
			f.byKey[i] = Form(rnd.IntN(4))
			v.Pos[i].Next >>= rnd.IntN(64)
			if v.Pos[i].Time > 0 {
				v.Pos[i].Time >>= rnd.IntN(64)
			}
		}
		f.byKey[rnd.IntN(n)] = Compact
		order := rnd.Perm(n)
		checkCompact(t, AppendMixed(nil, v, f.byKey, order), v, f, order)
	}
}

// However odd an epoch is, the id is ours.
func TestCompactIsAlwaysOurs(t *testing.T) {
	for _, epoch := range []string{"", "x", "AAAAAA", "AAAAAA.bbbbbbb", "\x00.\xff", strings.Repeat("e", 300)} {
		v := busyVector(2)
		v.Keys[1].Epoch = epoch
		id, err := Parse(AppendID(nil, v, Compact, nil))
		if err != nil || !id.Ours() || id.Entries[0].Epoch != "AAAAAA.bbbbbb" || id.Entries[1].Epoch != "-.-" {
			t.Errorf("epoch %q: %+v, %v", epoch, id, err)
		}
	}
	id, err := Parse(compactOf("\x01\x00\x00\x00\x01a\x00\x00\x03odd\x00\x00\x02\x00"))
	if err != nil || !id.Ours() || id.Entries[0] != (Entry{Topic: "a", HasOffset: true, Epoch: "-.-"}) {
		t.Errorf("%+v, %v", id, err)
	}
}

// An id is compact when it is asked to be by one stream, or too long for JSON.
func TestCompactIsChosen(t *testing.T) {
	f := func(v ringbuf.Vector, compact bool, byKey ...Form) {
		t.Helper()
		if got := AppendMixed(nil, v, byKey, nil); isCompact(got) != compact {
			t.Errorf("compact %t, want %t: %s", !compact, compact, got)
		} else if !compact && len(got) > 4096 {
			t.Errorf("%d bytes of JSON", len(got))
		}
	}
	v := twoTopics()
	f(v, false, Both, Offset, Timestamp)
	f(v, true, Both, Offset, Compact)
	if got, want := AppendMixed(nil, v, []Form{Offset, Timestamp, Both}, nil), `[{"topic":"b.x","partition":1,"offset":7,"epoch":"AAAAAA.bbbbbb"},`+
		`{"topic":"a","partition":0,"timestamp":1,"epoch":"AAAAAA.aaaaaa"},{"topic":"b.x","partition":0,"offset":0,"epoch":"AAAAAA.-"}]`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// At 4,096 bytes it is JSON, by whichever function; one digit more is compact.
	v = busyVector(30)
	v.Keys[0].Topic = strings.Repeat("x", len(v.Keys[0].Topic)+maxJSON-len(AppendID(nil, v, Both, nil)))
	both := func(want int) {
		t.Helper()
		id := AppendID(nil, v, Both, nil)
		if isCompact(id) != (want == 0) || want > 0 && len(id) != want {
			t.Errorf("%d bytes: %s, want %d of JSON", len(id), id, want)
		}
		if got := NewEncoder(Both).Append(nil, v, -1, ringbuf.Pos{}); string(got) != string(AppendID(nil, v, Both, Order(v.Keys))) {
			t.Errorf("encoder wrote %s", got)
		}
	}
	both(4096)
	v.Pos[0].Next *= 10
	both(0)
}

// The id of a stream must not outgrow the header it returns in.
func TestCompactIsSmall(t *testing.T) {
	const budget = 12 // bytes of each further partition of a topic, before base64
	size := func(v ringbuf.Vector) int {
		return base64.RawURLEncoding.DecodedLen(len(AppendID(nil, v, Compact, nil)))
	}
	one := size(busyVector(1))
	for _, n := range []int{2, 32, 1000, maxEntries} {
		if each := float64(size(busyVector(n))-one) / float64(n-1); each > budget {
			t.Errorf("%d partitions: %.1f bytes each, want at most %d", n, each, budget)
		}
	}
	t.Logf("1 partition: %d bytes, 32: %d, 4096: %d", one, size(busyVector(32)), size(busyVector(maxEntries)))

	// The second datacenter of a topic costs its own letters and a topic tag.
	v := busyVector(1)
	v.Keys = append(v.Keys, ringbuf.Key{Topic: "codfw.mediawiki.recentchange", Epoch: "AAAAAA.cccccc"})
	v.Pos = append(v.Pos, v.Pos[0])
	if more := size(v) - one; more > 32 {
		t.Errorf("a second topic takes %d bytes", more)
	}
}

func TestCompactTakesAsManyEntriesAsAllowed(t *testing.T) {
	v := busyVector(maxEntries)
	checkCompact(t, AppendID(nil, v, Compact, nil), v, forms{}, nil)
	_, err := Parse(AppendID(nil, busyVector(maxEntries+1), Compact, nil))
	if want := "cannot read position: the compact id has more than 4096 entries"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Whatever byte changes on its way, and wherever an id is cut, it is refused.
func TestCompactDetectsEveryChange(t *testing.T) {
	v := manyTopics()
	v.Keys, v.Pos = v.Keys[:10], v.Pos[:10] // without the long names
	id := AppendID(nil, v, Compact, nil)
	refused := func(header []byte) {
		t.Helper()
		var typed *Error
		if got, err := Parse(header); !errors.As(err, &typed) || got.Entries != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
	for i := range id {
		changed := slices.Clone(id)
		for c := range 256 {
			if changed[i] = byte(c); byte(c) != id[i] {
				refused(changed)
			}
		}
		refused(id[:i])
		refused(slices.Delete(slices.Clone(id), i, i+1))
		refused(slices.Insert(slices.Clone(id), i, '\n'))
		if i > 0 && id[i] != id[i-1] {
			changed = slices.Clone(id)
			changed[i], changed[i-1] = id[i-1], id[i]
			refused(changed)
		}
	}
	for _, more := range []string{"A", "AA", "=", "==", "\n", " ", ",", string(id)} {
		refused(append(slices.Clone(id), more...))
	}
}

// compactOf seals bytes as an id, with a checksum that is right.
func compactOf(body string) []byte { return seal([]byte("\x01"+body), 0) }

func TestParseRefusesCompact(t *testing.T) {
	f := func(header []byte, want string) {
		t.Helper()
		id, err := Parse(header)
		var typed *Error
		if !errors.As(err, &typed) || err.Error() != want || id.Entries != nil {
			t.Errorf("%s:\n got %v, %+v\nwant %s", header, err, id.Entries, want)
		}
	}
	f([]byte("A+AA"), `cannot read position "A+AA": it begins as a compact id and is not base64url at byte 2`)
	f([]byte("AQ=="), `cannot read position "AQ==": it begins as a compact id and is not base64url at byte 3`)
	f([]byte("Yesterday"), `cannot read position "Yesterday": it is a compact id with a wrong checksum or length, so it was cut or changed`)
	f([]byte("AQAAAAAA"), `cannot read position "AQAAAAAA": it is a compact id with a wrong checksum or length, so it was cut or changed`)
	f([]byte("AgAAAAAA"), `cannot read position "AgAAAAAA": it is a compact id of version 2, want 1`)

	inside := func(body, want string) {
		t.Helper()
		f(compactOf(body), `cannot read position: the compact id `+want)
	}
	const overflow = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"
	const run = "\x00\x00\x01a\x00\x00\x03-.-" // of topic a, up to the partition
	inside("", "ends within an entry")
	inside("\x00", "has no entries")
	inside("\x81\x20", "has more than 4096 entries")
	inside("\x05\x00\x00\x00", "ends within an entry")
	inside(overflow, "has a number of entries of more than 64 bits")
	inside("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "has the timestamp 18446744073709551615, want at most 9223372036854775807")
	inside("\x01\x00\x01\x00\x00\x00\x00\x00", "has a topic that shares 1 bytes with one of 0")
	inside("\x01\x00\x00\x00\x80\x02aa", "has the length of a name 256, want at most 255")
	inside("\x01\x00\x00\x00\x05aaa", "ends within an entry")
	inside("\x02\x00\x00\x00\x80\x01"+strings.Repeat("a", 128)+"\x00\x00\x03-.-\x00\x00\x02\x00\x80\x01\x00\x80\x01"+strings.Repeat("a", 128), "has a topic of 256 bytes, want at most 255")
	inside("\x01\x00"+run+"\x80\x80\x80\x80\x08\x00\x02\x00", "has the partition 2147483648, want at most 2147483647")
	inside("\x02\x00"+run+"\xff\xff\xff\xff\x07\x04\x02\x00", "has 2 partitions from 2147483647 on, want at most 2147483647")
	inside("\x01\x00"+run+"\x00\x03\x02\x00", "has an entry of the unknown form 3")
	inside("\x01\x00"+run+"\x00\x04\x02\x00", "has a run of 2 entries where 1 are left")
	inside("\x01\x00"+run+"\x00\x81\x80\x01\x02\x00", "has the number of entries of a run 16385, want at most 16384")
	inside("\x01\x00"+run+"\x00\x00\x82\x80\x80\x80\x80\x80\x80\x80\x80\x01", "has the offset 9223372036854775810, want at most 9223372036854775809")
	inside("\x01\x07"+run+"\x00\x00\x02\x09", "has the age 9, want at most 8")
	inside("\x01\x07"+run+"\x00\x00\x02", "ends within an entry")
	inside("\x01\x07"+run+"\x00\x00\x02\x08!", "has 1 bytes behind its last entry")
	f(compactOf("\x02\x07"+run+"\x00\x00\x02\x08"+"\x01\x00\x00\x03\x00\x00\x00\x00\x02\x08"),
		`cannot read entry 2 of position: topic "a" partition 0 appears twice`)
}

// An id that claims much costs little.
func TestParseOfCompactIsBounded(t *testing.T) {
	f := func(body []byte, budget uint64, entries int) {
		t.Helper()
		header := compactOf(string(body))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		id, err := Parse(header)
		runtime.ReadMemStats(&after)
		if len(id.Entries) != entries {
			t.Fatalf("%d entries, want %d: %v", len(id.Entries), entries, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > budget {
			t.Errorf("%d bytes allocated for an id of %d, want at most %d", n, len(header), budget)
		}
	}
	most := binary.AppendUvarint(nil, maxEntries)
	f(append(slices.Clip(most), make([]byte, 100)...), 64<<10, 0)

	// The longest names, made of very little.
	body := append(slices.Clip(most), 0, 0, 0, 0xff, 0x01)
	body = append(body, strings.Repeat("x", maxName)...)
	body = append(body, "\x00\x00\x03-.-\x00\x00\x02\x00"...)
	for i := range maxEntries - 1 {
		body = append(body, 0xfd, 0x01, 0, 2, byte(i), byte(i>>8)) // all but two bytes are shared
		body = append(body, 3, 0, 0, 0, 0, 2, 0)
	}
	f(body, 2<<20, maxEntries)
}

func TestParseOfCompactAllocatesLittle(t *testing.T) {
	const budget = 8 // the bytes, the entries, a topic and its epoch, and the table that finds a partition twice
	id := AppendID(nil, busyVector(10), Compact, nil)
	n := testing.AllocsPerRun(100, func() {
		if _, err := Parse(id); err != nil {
			t.Fatal(err)
		}
	})
	if n > budget {
		t.Errorf("%v allocations, want at most %d", n, budget)
	}
}

// FuzzParseCompact seals what it is given, so that it is read behind the
// checksum too.
func FuzzParseCompact(f *testing.F) {
	for _, v := range []ringbuf.Vector{twoTopics(), manyTopics(), busyVector(40)} {
		raw, err := base64.RawURLEncoding.DecodeString(string(AppendID(nil, v, Compact, nil)))
		if err != nil || crc32.Checksum(raw[:len(raw)-4], castagnoli) != binary.BigEndian.Uint32(raw[len(raw)-4:]) {
			f.Fatal(err)
		}
		f.Add(string(raw[1 : len(raw)-4]))
	}
	f.Fuzz(func(t *testing.T, body string) {
		id, err := Parse(compactOf(body))
		if err != nil {
			var typed *Error
			if !errors.As(err, &typed) || len(err.Error()) > 500 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("unsafe reason %q", err.Error())
			}
			return
		}
		if !id.Ours() || len(id.Entries) > maxEntries {
			t.Fatalf("ours %t, %d entries", id.Ours(), len(id.Entries))
		}
		// What was accepted means the same when we write it.
		v, byKey := ringbuf.Vector{}, []Form(nil)
		for _, e := range id.Entries {
			if e.HasTime && e.Timestamp == 0 {
				return // no record is that old
			}
			form := Both
			if !e.HasOffset {
				form = Timestamp
			}
			v.Keys = append(v.Keys, ringbuf.Key{Topic: e.Topic, Partition: e.Partition, Epoch: e.Epoch})
			v.Pos = append(v.Pos, ringbuf.Pos{Next: e.Offset, Time: e.Timestamp - 1})
			byKey = append(byKey, form)
		}
		checkCompact(t, appendCompact(nil, v, forms{byKey: byKey}, nil), v, forms{byKey: byKey}, nil)
		again, err := Parse(appendCompact(nil, v, forms{byKey: byKey}, nil))
		if err != nil || !slices.Equal(again.Entries, id.Entries) {
			t.Fatalf("%v:\n got %+v\nwant %+v", err, again.Entries, id.Entries)
		}
	})
}

func BenchmarkParseCompact(b *testing.B) {
	for _, n := range []int{6, 32, maxEntries} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			id := AppendID(nil, busyVector(n), Compact, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
