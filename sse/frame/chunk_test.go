package frame

import (
	"strings"
	"testing"
)

func TestChunk(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		if got := string(Chunk([]byte("x"), []byte(body))); got != "x"+want {
			t.Errorf("got %q, want x%q", got, want)
		}
		if want != "" && chunkSize(len(body)) != len(want) {
			t.Errorf("size %d of %q", chunkSize(len(body)), want)
		}
	}
	f("", "")
	f(Heartbeat, "2\r\n:\n\r\n")
	f(LineHeartbeat, "1\r\n\n\r\n")
	f(strings.Repeat("a", 15), "f\r\n"+strings.Repeat("a", 15)+"\r\n")
	f(strings.Repeat("a", 16), "10\r\n"+strings.Repeat("a", 16)+"\r\n")
	f(strings.Repeat("a", 0xabc), "abc\r\n"+strings.Repeat("a", 0xabc)+"\r\n")
}

func TestPrivate(t *testing.T) {
	f := func(format Format, value, want string) {
		t.Helper()
		w := smallEvent(format, value)
		if got := string(Private([]byte("x"), []byte("[ID]"), &w, false)); got != "x"+want {
			t.Errorf("got %q, want x%q", got, want)
		}
		if chunks := unchunk(t, Private(nil, []byte("[ID]"), &w, true)); len(chunks) != 1 || chunks[0] != want {
			t.Errorf("got chunks %q, want %q", chunks, want)
		}
	}
	f(JSON, "{}", "event: message\nid: [ID]\ndata: {}\n\n")
	f(Text, "a\n", "event: message\nid: [ID]\ndata: a\ndata: \n\n")
}

func TestPrivateAllocatesNothing(t *testing.T) {
	w, dst := smallEvent(JSON, "{}"), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst = Private(dst[:0], []byte(smallID), &w, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
