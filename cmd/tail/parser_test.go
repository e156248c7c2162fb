package tail

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// record is a parser that writes down what it is told.
func record(limit int) (p *parser, said *[]string) {
	said = new([]string)
	note := func(format string, args ...any) { *said = append(*said, fmt.Sprintf(format, args...)) }
	return &parser{
		limit:     limit,
		onEvent:   func(kind string, data []byte) bool { note("event %q %q", kind, data); return true },
		onID:      func(id string) { note("id %q", id) },
		onRetry:   func(d time.Duration) { note("retry %s", d) },
		onComment: func(text []byte) { note("comment %q", text) },
	}, said
}

// TestParser: what section 9.2.6 of WHATWG's HTML says of a stream's bytes,
// however they are cut into reads.
func TestParser(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		for _, size := range []int{len(in), 1, 2, 3} {
			p, said := record(1 << 10)
			for rest := in; rest != ""; {
				n := min(size, len(rest))
				if err := p.feed([]byte(rest[:n])); err != nil {
					t.Fatalf("%q: %v", in, err)
				}
				rest = rest[n:]
			}
			if !slices.Equal(*said, want) {
				t.Errorf("%q in reads of %d bytes:\n%q, want\n%q", in, size, *said, want)
			}
		}
	}
	// ringcast's greeting: an id without an event.
	f("retry: 3073\nid: [1]\n:ok\n\nevent: message\nid: [2]\ndata: {}\n\n", "retry 3.073s", `comment "ok"`, `id "[1]"`, `id "[2]"`, `event "message" "{}"`)
	f("id: 1\ndata: a\nid: 2\ndata: b\n", []string(nil)...) // an end without the empty line
	f("data: a\r\rdata: b\r\n\r\ndata: c\n\n", `event "" "a"`, `event "" "b"`, `event "" "c"`)
	f("data: a\ndata:b\ndata:  c\ndata\n\n", `event "" "a\nb\n c\n"`)
	f("data\n\ndata:\n\n", `event "" ""`, `event "" ""`)
	f("event: x\n\ndata: y\n\n", `event "" "y"`) // a kind alone is no event, and is forgotten
	f("\ufeffdata: a\n\n\ufeffdata: b\n\n", `event "" "a"`)
	f("id\n\nid: a\x00b\n\n", `id ""`)
	f("id: 7\n\ndata: x\n\n", `id "7"`, `event "" "x"`)
	f("retry: 10\nretry: -1\nretry: 1.5\nretry:\nretry: +3\n", "retry 10ms")
	f("DATA: a\n data: b\nunknown: c\nunknown\n\n", []string(nil)...)
	f(": gap reason=expired\n:\n:\n", `comment "gap reason=expired"`, `comment ""`, `comment ""`)
}

// TestParserLimit: the memory that a stream can take is bounded, by line and by
// event.
func TestParserLimit(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		p, _ := record(100)
		var err error
		for i := 0; i < len(in) && err == nil; i++ {
			err = p.feed([]byte{in[i]})
			if n := len(p.line) + len(p.data); n > 210 {
				t.Fatalf("it holds %d bytes", n)
			}
		}
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%.30q…: %s, want %s", in, got, want)
		}
	}
	f(strings.Repeat("x", 1000), "a line is larger than 100 bytes")
	f(strings.Repeat("data: 12345678\n", 100), "an event is larger than 100 bytes")
	f(strings.Repeat(strings.Repeat("data: 12345678\n", 10)+"\n", 100), "<nil>")
}

// FuzzParser: no bytes make it fail, and the way they are cut makes no
// difference.
func FuzzParser(f *testing.F) {
	f.Add([]byte("id: 1\r\ndata: a\r\n\r\n: c\n"), 3)
	f.Add([]byte("\ufeffretry: 1\rdata\r\r"), 1)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		whole, want := record(1 << 20)
		if err := whole.feed(in); err != nil {
			t.Fatal(err)
		}
		parts, got := record(1 << 20)
		for rest := in; len(rest) > 0; {
			n := min(1+(cut&0xff), len(rest))
			if err := parts.feed(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !slices.Equal(*want, *got) {
			t.Errorf("%q, in parts %q", *want, *got)
		}
	})
}
