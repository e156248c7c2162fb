package frame

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// partitions returns the position of a stream of n partitions.
func partitions(n int) ringbuf.Vector {
	var v ringbuf.Vector
	for p := range n {
		v.Keys = append(v.Keys, ringbuf.Key{Topic: "mediawiki.recentchange", Partition: int32(p), Epoch: "abcdef.ghijkl"})
		v.Pos = append(v.Pos, ringbuf.Pos{Next: 5_000_000_000, Time: 1700000000000})
	}
	return v
}

var small = ringbuf.Vector{
	Keys: []ringbuf.Key{{Topic: "t", Epoch: "-.-"}},
	Pos:  []ringbuf.Pos{{Next: 4, Time: ringbuf.NoTime}},
}

const smallID = `[{"topic":"t","partition":0,"offset":5,"epoch":"-.-"}]`

func smallEvent(format Format, value string) ringbuf.Wire {
	return NewEncoder(position.Both, format).Event(small, 0, ringbuf.Pos{Next: 5, Time: ringbuf.NoTime}, []byte(value))
}

// checkWire checks that the views of w lie in one allocation without room to spare.
func checkWire(t *testing.T, w *ringbuf.Wire) {
	t.Helper()
	if len(w.Bytes) != cap(w.Bytes) {
		t.Errorf("%d bytes in room for %d", len(w.Bytes), cap(w.Bytes))
	}
	if chunks := unchunk(t, w.Chunk()); len(chunks) != 1 || chunks[0] != string(w.Frame()) {
		t.Errorf("chunks %q of frame %q", chunks, w.Frame())
	}
	if !strings.HasSuffix(string(w.Frame()), string(w.Data())) {
		t.Errorf("data %q is not the end of %q", w.Data(), w.Frame())
	}
}

func TestEvent(t *testing.T) {
	f := func(format Format, value, data, line string) {
		t.Helper()
		w := smallEvent(format, value)
		checkWire(t, &w)
		if want := "event: message\nid: " + smallID + "\n" + data; string(w.Frame()) != want {
			t.Errorf("%q:\n got %q\nwant %q", value, w.Frame(), want)
		}
		if string(w.Data()) != data || string(w.Line()) != line {
			t.Errorf("%q: data %q, line %q; want %q, %q", value, w.Data(), w.Line(), data, line)
		}
	}
	f(JSON, `{"a":25.00}`, "data: {\"a\":25.00}\n\n", "{\"a\":25.00}\n")
	f(JSON, "{\r\n\"a\":\n1}", "data: {  \"a\": 1}\n\n", "{  \"a\": 1}\n")
	f(Base64, "/+A=", "data: /+A=\n\n", "\"/+A=\"\n")
	f(Base64, "", "data: \n\n", "\"\"\n")

	f(Text, "3", "data: 3\n\n", "\"3\"\n")
	f(Text, " a", "data:  a\n\n", "\" a\"\n")
	f(Text, "", "data: \n\n", "\"\"\n")
	f(Text, "\n", "data: \ndata: \n\n", `"\n"`+"\n")
	f(Text, "\r", "data: \ndata: \n\n", `"\r"`+"\n")
	f(Text, "\r\n", "data: \ndata: \n\n", `"\r\n"`+"\n")
	f(Text, "\n\r", "data: \ndata: \ndata: \n\n", `"\n\r"`+"\n")
	f(Text, "3\n\n4", "data: 3\ndata: \ndata: 4\n\n", `"3\n\n4"`+"\n")
	f(Text, "a\rb\r\nc\nd", "data: a\ndata: b\ndata: c\ndata: d\n\n", `"a\rb\r\nc\nd"`+"\n")
	f(Text, "a\n", "data: a\ndata: \n\n", `"a\n"`+"\n")
	f(Text, "id: 7\n\nevent: x\n", "data: id: 7\ndata: \ndata: event: x\ndata: \n\n", `"id: 7\n\nevent: x\n"`+"\n")
	f(Text, "\"\\\t\b\x00\x7f", "data: \"\\\t\b\x00\x7f\n\n", `"\"\\\t\u0008\u0000`+"\x7f\"\n")
	f(Text, "ä\u0085\u2028\u2029\u2027\U0001f600", "data: ä\u0085\u2028\u2029\u2027\U0001f600\n\n", `"ä\u0085\u2028\u2029`+"\u2027\U0001f600\"\n")
	f(Text, "a\xffb\xe2\x80", "data: a\xffb\xe2\x80\n\n", "\"a\ufffdb\ufffd\"\n")
}

func TestEventBytes(t *testing.T) {
	f := func(format Format, value, want string) {
		t.Helper()
		if w := smallEvent(format, value); string(w.Bytes) != want {
			t.Errorf("got %q, want %q", w.Bytes, want)
		}
	}
	head := "event: message\nid: " + smallID + "\n"
	f(JSON, `{}`, "54\r\n"+head+"data: {}\n\n\r\n")
	f(Text, "a\nb", "5b\r\n"+head+"data: a\ndata: b\n\n\r\n\"a\\nb\"\n")
}

// Around every length at which the chunk's length gets a digit more.
func TestEventOfAnyLength(t *testing.T) {
	for _, length := range []int{0x100, 0x1000, 0x10000, 0x100000} {
		for n := length - 200; n < length+10; n++ {
			w := smallEvent(JSON, strings.Repeat("x", n))
			checkWire(t, &w)
		}
	}
}

// The id moves with the partition of the event and with all that moved silently.
func TestEventCarriesThePositionAfterIt(t *testing.T) {
	v := partitions(3)
	e := NewEncoder(position.Offset, JSON)
	for range 3 {
		v.Pos[2].Next += 2
		after := ringbuf.Pos{Next: v.Pos[1].Next + 1, Time: 5}
		w := e.Event(v, 1, after, []byte("{}"))
		v.Pos[1] = after
		var c client
		c.read(string(w.Frame()))
		if want := string(position.AppendID(nil, v, position.Offset, nil)); c.lastID != want {
			t.Errorf("got %s, want %s", c.lastID, want)
		}
	}
}

// normal is a text with its line ends as a client sees them.
func normal(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// checkText checks that both kinds of clients get a text back.
func checkText(t *testing.T, value string) {
	t.Helper()
	w := smallEvent(Text, value)
	checkWire(t, &w)
	for _, stream := range []string{string(w.Frame()), string(Private(nil, []byte(smallID), &w, false))} {
		var c client
		c.read(stream)
		if want := (message{"message", normal(value), smallID}); len(c.messages) != 1 || c.messages[0] != want || c.comments != nil {
			t.Errorf("got %+v, %q; want %+v", c.messages, c.comments, want)
		}
	}
	var line string
	text := string(w.Line())
	if err := json.Unmarshal(w.Line(), &line); err != nil || line != strings.ToValidUTF8(value, "\ufffd") {
		t.Errorf("line %q of %q: %v", text, value, err)
	}
	if strings.ContainsAny(text[:len(text)-1], "\r\n\v\f\x1c\x1d\x1e\u0085\u2028\u2029") || !strings.HasSuffix(text, "\"\n") || !utf8.ValidString(text) {
		t.Errorf("line %q is not one", text)
	}
}

// Every text of up to six pieces, line ends among them, reaches the client.
func TestTextReadsBack(t *testing.T) {
	pieces := []string{"", "\n", "\r", "a", " :", "\u2028"}
	var build func(s string, more int)
	build = func(s string, more int) {
		if more == 0 {
			checkText(t, s)
			return
		}
		for _, p := range pieces {
			build(s+p, more-1)
		}
	}
	build("", 5)
}

func FuzzText(f *testing.F) {
	f.Add("a\r\n\rb\n")
	f.Add("\xe2\x80\xa8\xc2\x85\xff\x00\"\\")
	f.Fuzz(checkText)
}

func TestEventAllocatesOnce(t *testing.T) {
	for format, value := range map[Format]string{JSON: `{"a":1}`, Text: "a\nb\u2028\x00", Base64: "AAAA"} {
		v, bytes := partitions(6), []byte(value)
		e := NewEncoder(position.Both, format)
		e.Event(v, 0, v.Pos[0], bytes)
		n := testing.AllocsPerRun(100, func() {
			v.Pos[3].Next++
			e.Event(v, 3, v.Pos[3], bytes)
		})
		if n != 1 {
			t.Errorf("format %d: %v allocations", format, n)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	values := map[string]string{
		"json":       `{"a":"` + strings.Repeat("x", 1016) + `"}`,
		"text":       strings.Repeat("A line of some text, then one more.\n", 28),
		"text-utf8":  strings.Repeat("Одна строка текста\n", 28),
		"base64":     strings.Repeat("QUJDREVG", 128),
		"json-64KiB": `{"a":"` + strings.Repeat("x", 65528) + `"}`,
	}
	for _, c := range []struct {
		name   string
		format Format
	}{{"json", JSON}, {"text", Text}, {"text-utf8", Text}, {"base64", Base64}, {"json-64KiB", JSON}} {
		b.Run(fmt.Sprintf("%s/%dB/6 partitions", c.name, len(values[c.name])), func(b *testing.B) {
			v, value := partitions(6), []byte(values[c.name])
			e := NewEncoder(position.Both, c.format)
			b.ReportAllocs()
			for b.Loop() {
				v.Pos[3].Next++
				e.Event(v, 3, v.Pos[3], value)
			}
		})
	}
}
