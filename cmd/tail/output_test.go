package tail

import (
	"bytes"
	"strings"
	"testing"
)

// TestFormats: a pipe gets the bytes as they came, a terminal gets what it can
// show and nothing that it would obey.
func TestFormats(t *testing.T) {
	f := func(format Format, data, want string) {
		t.Helper()
		var out bytes.Buffer
		p := newPrinter(&out, format)
		p.event([]byte(data))
		if err := p.flush(); err != nil || out.String() != want {
			t.Errorf("%q: %q, %v, want %q", data, out.String(), err, want)
		}
	}
	const exact = `{"z":25.00,"a":9223372036854775808,"s":"é","d":1e400}`
	f(Raw, exact, exact+"\n")
	f(Raw, "two\nlines \x1b[2J", "two\nlines \x1b[2J\n")
	f(Pretty, exact, "{\n  \"z\": 25.00,\n  \"a\": 9223372036854775808,\n  \"s\": \"é\",\n  \"d\": 1e400\n}\n")
	f(Pretty, "{\"s\":\"a\u009b2Jb\x7f\"}", "{\n  \"s\": \"a\\u009b2Jb\\u007f\"\n}\n")
	f(Pretty, "no JSON \x1b[2J\nü\xff\tend", "no JSON \\x1b[2J\nü\\xff\tend\n")
	var out bytes.Buffer
	p := newPrinter(&out, Colour)
	p.event([]byte(`{"a":"b"}`))
	if err := p.flush(); err != nil || !strings.Contains(out.String(), "\x1b[") || !strings.Contains(out.String(), `"b"`) {
		t.Errorf("in colour: %q, %v", out.String(), err)
	}
}

// TestQuote: what is printed to be copied is one word for the shell.
func TestQuote(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	f("", "''")
	f("http://h:1/v2/stream/a,b", "http://h:1/v2/stream/a,b")
	f(`[{"topic":"t"}]`, `'[{"topic":"t"}]'`)
	f("it's", `'it'\''s'`)
	f("\x1b'é\\", `$'\x1b\'\xc3\xa9\\'`)
}
