package record

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// seeds are where the fuzz targets and the mutations start.
var seeds = []string{
	`{}`, `[]`, "null", `""`, "", " { } ", "\ufeff{}", `{"a":{"b":[{}]}}`,
	`{"a":25.00,"b":9223372036854775808,"c":-0.1e+10,"d":[true,false,null]}`,
	`["\ud800","\"\\\/\b\f\n\r\t\u00e9","0123456789abcdef"]`,
	"{\r\n\t\"a\" : [ 1 , 2 ],\n\n \"\u2028\":\"\u2029\u0085é\"\n}\n",
	`{"meta":{"topic":1,"topic":2,"k\u0065y":null},"m\u0065ta":{"offset":{"meta":1}}}`,
	`{"meta":null,"_kafka":{}}`, "{\"meta\":{\n},\n\"x\":[\"}\"]\n}", `{"meta":[]}`,
	eventASCII, eventCyrillic,
}

// checkValid holds the validator against encoding/json, which does not mind what is not UTF-8.
func checkValid(t *testing.T, v *validator, b []byte) {
	t.Helper()
	if !utf8.Valid(b) {
		return // Check has refused it; the validator must only not panic
	}
	if got, want := v.valid(b), json.Valid(b); got != want {
		t.Fatalf("%q: valid %v, want %v", b, got, want)
	}
}

// TestValidShort checks every text of up to four bytes that matter, alone, in an array and as a member's value.
func TestValidShort(t *testing.T) {
	const alphabet = "{}[]:,\"\\u0-1.eE \n\x1f"
	v := new(validator)
	var check func(text string)
	check = func(text string) {
		checkValid(t, v, []byte(text))
		checkValid(t, v, []byte("["+text+"]"))
		checkValid(t, v, []byte(`{"":`+text+"}"))
		if len(text) == 4 {
			return
		}
		for i := range len(alphabet) {
			check(text + alphabet[i:i+1])
		}
	}
	check("")
}

// TestValidMutations changes and removes each byte of the seeds, and cuts them there.
func TestValidMutations(t *testing.T) {
	v := new(validator)
	for _, seed := range seeds {
		for i := range len(seed) {
			checkValid(t, v, []byte(seed[:i]))
			checkValid(t, v, []byte(seed[:i]+seed[i+1:]))
			b := []byte(seed)
			for _, c := range []byte("{]:,\"\\u0-.e \x00\x1f\x7f") {
				b[i] = c
				checkValid(t, v, b)
			}
		}
	}
}

// TestPlainEnd puts each byte at each place of the eight-byte steps, behind neighbours that could confuse them.
func TestPlainEnd(t *testing.T) {
	for _, filler := range []byte{' ', '!', '#', '[', ']', 'a', 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
		for c := range 256 {
			for at := range 20 {
				b := make([]byte, 20)
				for i := range b {
					b[i] = filler
				}
				b[at] = byte(c)
				want := len(b)
				if c < ' ' || c == '"' || c == '\\' {
					want = at
				}
				if got := plainEnd(b, 0); got != want {
					t.Fatalf("%#x at %d among %#x: got %d, want %d", c, at, filler, got, want)
				}
			}
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	v := new(validator)
	f.Fuzz(func(t *testing.T, b []byte) {
		v.valid(b)
		checkValid(t, v, b)
	})
}
