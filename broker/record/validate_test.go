package record

import (
	"bytes"
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
	if got, want := v.valid(b, surveyOf(b)), json.Valid(b); got != want {
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

// TestPlainEnd puts each byte at each place of the eight-byte steps and of what lies behind them, among neighbours that
// could confuse them.
func TestPlainEnd(t *testing.T) {
	const size = minLong + 20
	for _, filler := range []byte{' ', '!', '#', '[', ']', 'a', 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
		for c := range 256 {
			for at := range size {
				b := bytes.Repeat([]byte{filler}, size)
				b[at] = byte(c)
				want := size
				if c < ' ' || c == '"' || c == '\\' {
					want = at
				}
				if got := plainEnd(b, 0, true); got != want {
					t.Fatalf("%#x at %d among %#x: got %d, want %d", c, at, filler, got, want)
				}
				if got := plainEnd(b, 0, false); c >= ' ' && got != want {
					t.Fatalf("%#x at %d among %#x, no control characters: got %d, want %d", c, at, filler, got, want)
				}
			}
		}
	}
}

// TestPlainEndOfLongText puts two bytes anywhere in a text of several parts.
func TestPlainEndOfLongText(t *testing.T) {
	const size = 2*maxPart + minLong + 20
	f := func(a, b byte) {
		t.Helper()
		text := bytes.Repeat([]byte{'a'}, size+1)
		for at := 0; at <= size; at += 7 {
			for and := 1; and <= size; and += 11 {
				text[at], text[and] = a, b
				if got := plainEnd(text[:size], 0, true); got != min(at, and) {
					t.Fatalf("%q at %d, %q at %d: got %d", a, at, b, and, got)
				}
				text[at], text[and] = 'a', 'a'
			}
		}
	}
	f('"', '\\')
	f('"', '"')
	f('\\', 0)
	f('"', 0x1f)
}

// TestSurvey puts each byte at each place of a step and of the rest behind it.
func TestSurvey(t *testing.T) {
	for _, filler := range []byte{0x1f, ' ', '!', 'a', 0x7f, 0x80, 0x9f, 0xa0, 0xff} {
		for c := range 256 {
			for at := range 40 {
				b := bytes.Repeat([]byte{filler}, 40)
				b[at] = byte(c)
				want := survey{ascii: c < 0x80 && filler < 0x80, controls: c < ' ' || filler < ' '}
				if got := surveyOf(b); got != want {
					t.Fatalf("%#x at %d among %#x: got %+v, want %+v", c, at, filler, got, want)
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
		v.valid(b, surveyOf(b))
		checkValid(t, v, b)
	})
}
