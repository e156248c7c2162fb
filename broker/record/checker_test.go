package record

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestJSON(t *testing.T) {
	f := func(value, want string) {
		t.Helper()
		got, reason := (&Checker{}).Check(Record{Value: []byte(value)})
		if reason != OK || string(got) != want {
			t.Errorf("%q: got %q, %v, want %q", value, got, reason, want)
		}
	}
	same := func(value string) {
		t.Helper()
		f(value, value)
	}

	same(`{}`)
	same(`[]`)
	same(`{ }`)
	same(" [ ]\t")
	same(`{"a":25.00,"b":9223372036854775808,"a":1E+2,"c":-0,"":-0.0e-0}`)
	same(`["\ud800","\uDFFF\u0000","\/\b\f\n\r\t\\\""]`)
	same(`["\u2028\u2029\u0085","` + "\u2027\u202a\u0084\u0086\u00a0\u007f" + `"]`)
	same(`["日本語 🦀 עברית", "` + "\ufeff\uffff\U0010ffff" + `"]`)
	same(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000))
	same(`[` + strings.Repeat("9", 5000) + `]`)

	f("{\n  \"a\": 1,\r\n\r\n  \"b\": [\n]\n}\n", `{   "a": 1,   "b": [ ] } `)
	f("\r\r\n[1]", ` [1]`)
	f("[1,\n\t\n2]", "[1, \t 2]")
	f("[\"a\u2028b\u2029\u0085c\"]", `["a\u2028b\u2029\u0085c"]`)
	f("{\"\u2028\":\n\"\u0085\"}", `{"\u2028": "\u0085"}`)
	f("[\"“\u2028”…é\u0085Â\"]", `["“\u2028”…é\u0085Â"]`)
	f(`["\\`+"\u2028"+`"]`, `["\\\u2028"]`)
}

func TestText(t *testing.T) {
	f := func(value string) {
		t.Helper()
		got, reason := (&Checker{Format: Text, Annotate: Meta}).Check(Record{Value: []byte(value)})
		if reason != OK || string(got) != value {
			t.Errorf("%q: got %q, %v", value, got, reason)
		}
	}

	f("")
	f("\r\n\n")
	f("3\n\n4\u2028\u0085 \x00")
	f("\ufeffhällo 🦀")
	f(`{"meta":1}`)
}

func TestBase64(t *testing.T) {
	c := &Checker{Format: Base64, Annotate: KafkaField}
	f := func(value, want string) {
		t.Helper()
		got, reason := c.Check(Record{Value: []byte(value)})
		if reason != OK || string(got) != want {
			t.Errorf("%q: got %q, %v, want %q", value, got, reason, want)
		}
	}

	f("", "")
	f("f", "Zg==")
	f("fo", "Zm8=")
	f("foo", "Zm9v")
	f("\xfb\xff\xfe\n", "+//+Cg==")
	f("{}", "e30=")
}

func TestRefused(t *testing.T) {
	f := func(format Format, annotate Annotate, value string, want Reason) {
		t.Helper()
		r := Record{Value: []byte(value)}
		if value == "null value" {
			r.Value = nil
		}
		got, reason := (&Checker{Format: format, Annotate: annotate}).Check(r)
		if reason != want || got != nil {
			t.Errorf("%q: got %q, %v, want %v", value, got, reason, want)
		}
	}

	f(JSON, None, "null value", Tombstone)
	f(Text, None, "null value", Tombstone)
	f(Base64, None, "null value", Tombstone)

	f(JSON, None, "", Empty)

	f(JSON, None, "[\"\xff\"]", InvalidUTF8)
	f(JSON, None, "nonsense\xff", InvalidUTF8)
	f(JSON, None, "[\"\xed\xa0\x80\"]", InvalidUTF8) // a surrogate
	f(JSON, None, "[\"\xc0\xaf\"]", InvalidUTF8)     // too long a form
	f(JSON, None, "[\"\xe2\x80\"]", InvalidUTF8)     // cut
	f(JSON, None, "[\"\xf4\x90\x80\x80\"]", InvalidUTF8)
	f(Text, None, "a\xff", InvalidUTF8)

	f(JSON, None, " ", InvalidJSON)
	f(JSON, None, "\ufeff{}", InvalidJSON)
	f(JSON, None, "{}{}", InvalidJSON)
	f(JSON, None, "{}\x00", InvalidJSON)
	f(JSON, None, "{} // remark", InvalidJSON)
	f(JSON, None, "{'a':1}", InvalidJSON)
	f(JSON, None, "[1,]", InvalidJSON)
	f(JSON, None, "[NaN]", InvalidJSON)
	f(JSON, None, "[\"a\nb\"]", InvalidJSON)
	f(JSON, None, "[\"\t\"]", InvalidJSON)
	f(JSON, None, "[\u00a0]", InvalidJSON)
	f(JSON, None, "[\u2028]", InvalidJSON)
	f(JSON, None, `["\ud80"]`, InvalidJSON)
	f(JSON, None, `["\x41"]`, InvalidJSON)
	for _, digit := range "/:@G`g" { // what stands next to the hexadecimal digits in ASCII
		f(JSON, None, `["\u004`+string(digit)+`"]`, InvalidJSON)
	}
	f(JSON, None, "[\f]", InvalidJSON)
	f(JSON, None, "[\v]", InvalidJSON)
	f(JSON, None, strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001), InvalidJSON)

	f(JSON, None, "1", Scalar)
	f(JSON, None, " null\n", Scalar)
	f(JSON, None, `"{}"`, Scalar)
	f(JSON, Meta, "true", Scalar)
	f(JSON, KafkaField, "-0.5e3", Scalar)

	f(JSON, Meta, `{"meta":1}`, MetaNotObject)
	f(JSON, Meta, `{"meta":"null"}`, MetaNotObject)
	f(JSON, Meta, `{"meta":[]}`, MetaNotObject)
	f(JSON, Meta, `{"meta":false}`, MetaNotObject)
	f(JSON, Meta, `{"meta":{},"m\u0065ta":true}`, MetaNotObject)
}

func TestScratchIsReusedAndBounded(t *testing.T) {
	c := &Checker{Format: Base64}
	c.Check(Record{Value: make([]byte, 2*maxScratch)})
	c.Check(Record{Value: []byte("small")})
	if cap(c.scratch) > maxScratch {
		t.Errorf("a scratch buffer of %d bytes is kept, limit %d", cap(c.scratch), maxScratch)
	}

	// A value that is the record's own must never become scratch: it would overwrite Kafka's batch.
	c = &Checker{}
	own := []byte(`{"a":1}`)
	c.Check(Record{Value: own})
	c.Check(Record{Value: []byte("[\n2222]")})
	if string(own) != `{"a":1}` {
		t.Errorf("the record's value was overwritten: %q", own)
	}
}

func TestAllocations(t *testing.T) {
	pretty := new(bytes.Buffer)
	if err := json.Indent(pretty, []byte(eventASCII), "", "\t"); err != nil {
		t.Fatal(err)
	}
	f := func(format Format, annotate Annotate, value string) {
		t.Helper()
		c := &Checker{Format: format, Annotate: annotate}
		r := Record{Topic: "a.b", Partition: 3, Offset: 1 << 40, Time: 1741964966535, Key: []byte("k\xff"), Value: []byte(value)}
		c.Check(r)
		if n := testing.AllocsPerRun(100, func() { c.Check(r) }); n != 0 {
			t.Errorf("%v, annotate %v: %v allocations a record", format, annotate, n)
		}
	}

	for _, annotate := range []Annotate{None, Meta, KafkaField} {
		f(JSON, annotate, eventASCII)
		f(JSON, annotate, eventCyrillic)
		f(JSON, annotate, pretty.String())
		f(JSON, annotate, `{"a`)
	}
	f(Text, None, eventCyrillic)
	f(Base64, None, eventCyrillic)
}

// FuzzCheck holds the reasons and the values of unannotated JSON against encoding/json.
func FuzzCheck(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		got, reason := (&Checker{}).Check(Record{Value: value})
		if want := wantReason(value); reason != want {
			t.Fatalf("%q: reason %v, want %v", value, reason, want)
		}
		if reason != OK {
			return
		}
		if bytes.ContainsAny(got, "\r\n\u0085\u2028\u2029") {
			t.Fatalf("%q: %q is not one line", value, got)
		}
		if !equalTokens(tokens(t, got), tokens(t, value)) {
			t.Fatalf("%q: %q means something else", value, got)
		}
		if !bytes.ContainsAny(value, "\r\n\u0085\u2028\u2029") && !bytes.Equal(got, value) {
			t.Fatalf("%q: got %q, want it unchanged", value, got)
		}
	})
}

func wantReason(value []byte) Reason {
	switch {
	case value == nil:
		return Tombstone
	case len(value) == 0:
		return Empty
	case !utf8.Valid(value):
		return InvalidUTF8
	case !json.Valid(value):
		return InvalidJSON
	}
	if first := bytes.TrimLeft(value, " \t\r\n")[0]; first != '{' && first != '[' {
		return Scalar
	}
	return OK
}

// tokens returns the tokens of valid JSON, numbers in their own digits.
func tokens(t *testing.T, b []byte) []json.Token {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var all []json.Token
	for d.More() || len(all) == 0 || d.InputOffset() < int64(len(bytes.TrimRight(b, " \t\r\n"))) {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		all = append(all, token)
	}
	return all
}

func equalTokens(a, b []json.Token) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
