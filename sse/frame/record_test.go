package frame

import (
	"testing"

	"github.com/ringcast/ringcast/sse/position"
)

// TestRecord: a record read from Kafka for one client is the event that all get.
func TestRecord(t *testing.T) {
	f := func(format Format, value string) {
		t.Helper()
		w := NewEncoder(position.Both, format).Event(small, 0, small.Pos[0], []byte(value))
		id := position.AppendID(nil, small, position.Both, position.Order(small.Keys))
		if got := string(Record([]byte("x"), id, []byte(value), format, true)); got != "x"+string(w.Chunk()) {
			t.Errorf("chunk %q, want %q", got, w.Chunk())
		}
		if got := string(Record([]byte("x"), id, []byte(value), format, false)); got != "x"+string(w.Frame()) {
			t.Errorf("frame %q, want %q", got, w.Frame())
		}
		if got := string(Line([]byte("x"), []byte(value), format, false)); got != "x"+string(w.Line()) {
			t.Errorf("line %q, want %q", got, w.Line())
		}
		if got, want := string(Line([]byte("x"), []byte(value), format, true)), "x"+string(Chunk(nil, w.Line())); got != want {
			t.Errorf("line %q, want %q", got, want)
		}
	}
	f(JSON, "{}")
	f(JSON, "{\"a\":\r\n1}")
	f(Text, "")
	f(Text, "3\n\n4")
	f(Text, "a\r\nb\rc\n")
	f(Text, "no \xff UTF-8, a \" and a \u2028")
	f(Base64, "aGFsbG8=")
}
