package workload

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestValueRoundTrip(t *testing.T) {
	f := func(size int, s Stamp) {
		t.Helper()
		v := Append(nil, size, s)
		if len(v) != size {
			t.Fatalf("value has %d bytes, want %d", len(v), size)
		}
		if !json.Valid(v) {
			t.Fatalf("not JSON: %s", v)
		}
		got, ok := Parse(v)
		if !ok || got != s {
			t.Fatalf("Parse(%s) = %+v, %v, want %+v", v, got, ok, s)
		}
	}
	f(MinSize, Stamp{})
	f(MinSize+1, Stamp{Partition: 99, Counter: 999999999999, Micros: 9999999999999999})
	f(300, Stamp{Partition: 3, Counter: 12, Micros: 1764000000000000})
	f(1200, Stamp{Partition: 7, Counter: 1 << 32, Micros: 1764000000123456})
	for range 1000 {
		f(MinSize+rand.IntN(300), Stamp{rand.IntN(100), rand.Uint64N(1e12), rand.Int64N(1e16)})
	}
}

func TestParseRefusesDamage(t *testing.T) {
	good := Append(nil, 200, Stamp{Partition: 1, Counter: 123456789012, Micros: 1764000000000000})
	for i := range padAt {
		if i >= counterAt-7 && i < counterAt || i >= microsAt-7 && i < padAt-3 || i >= partitionAt && i < counterAt-7 {
			continue // another valid number, or names that no parser needs
		}
		v := append([]byte(nil), good...)
		v[i] ^= 1
		if s, ok := Parse(v); ok {
			t.Errorf("byte %d changed: accepted as %+v", i, s)
		}
	}
	for _, c := range []byte{'/', ':', ' ', 0, 0xff} {
		v := append([]byte(nil), good...)
		v[microsAt+3] = c
		if _, ok := Parse(v); ok {
			t.Errorf("digit %q accepted", c)
		}
	}
	other := Append(nil, 200, Stamp{Partition: 1, Counter: 123456789013, Micros: 1764000000000000})
	if _, ok := Parse(append(append([]byte(nil), good[:100]...), other[100:]...)); ok {
		t.Error("halves of two values accepted as one")
	}
	if _, ok := Parse(good[:len(good)-1]); ok {
		t.Error("cut value accepted")
	}
	if CheckSize(MinSize-1) == nil || CheckSize(MinSize) != nil {
		t.Error("CheckSize does not agree with MinSize")
	}
}
