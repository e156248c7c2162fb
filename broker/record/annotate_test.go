package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"
	"unicode/utf8"
)

func TestMeta(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		r := Record{Topic: "t", Partition: 3, Offset: 41, Time: 7, Value: []byte(value)}
		if key != "null" {
			r.Key = []byte(key)
		}
		got, reason := (&Checker{Annotate: Meta}).Check(r)
		if reason != OK || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", value, got, reason, want)
		}
	}

	// absent
	f("null", `{}`, `{"meta":{"topic":"t","partition":3,"offset":41}}`)
	f("null", `{ }`, `{ "meta":{"topic":"t","partition":3,"offset":41}}`)
	f("k", `{"a":1}`, `{"a":1,"meta":{"topic":"t","partition":3,"offset":41,"key":"k"}}`)
	f("", ` {"a":{"meta":1} } `, ` {"a":{"meta":1} ,"meta":{"topic":"t","partition":3,"offset":41,"key":""}} `)
	f("null", `{"Meta":1,"met":2,"metax":3,"m\u0065tb":4}`,
		`{"Meta":1,"met":2,"metax":3,"m\u0065tb":4,"meta":{"topic":"t","partition":3,"offset":41}}`)

	// null
	f("null", `{"meta":null,"a":1}`, `{"meta":{"topic":"t","partition":3,"offset":41},"a":1}`)
	f("k", `{"a":1,"meta" : null }`, `{"a":1,"meta" : {"topic":"t","partition":3,"offset":41,"key":"k"} }`)

	// an object: what is missing
	f("null", `{"meta":{},"a":1}`, `{"meta":{"topic":"t","partition":3,"offset":41},"a":1}`)
	f("null", `{"meta":{ "id":"x" }}`, `{"meta":{ "id":"x" ,"topic":"t","partition":3,"offset":41}}`)
	f("k", `{"meta":{"id":{"topic":1},"offset":0}}`, `{"meta":{"id":{"topic":1},"offset":41,"topic":"t","partition":3,"key":"k"}}`)

	// an object: what is there
	f("k", `{"meta":{"key":[{"a":"]"}],"offset":{},"partition":-1.5e3,"topic":"\"}"}}`,
		`{"meta":{"key":"k","offset":41,"partition":3,"topic":"t"}}`)
	f("null", `{"meta":{"key":"of the producer","offset":null,"partition" : true ,"topic":false}}`,
		`{"meta":{"key":"of the producer","offset":41,"partition" : 3 ,"topic":"t"}}`)
	f("null", `{"meta":{"topic":1,"topic":2,"t\u006fpic":3,"partition":0,"offset":0}}`,
		`{"meta":{"topic":"t","topic":"t","t\u006fpic":"t","partition":3,"offset":41}}`)
	f("null", `{"meta":{"topic\u0000":1,"Topic":2,"t\\opic":3}}`,
		`{"meta":{"topic\u0000":1,"Topic":2,"t\\opic":3,"topic":"t","partition":3,"offset":41}}`)

	// several: the last one counts
	f("null", `{"meta":1,"meta":null}`, `{"meta":1,"meta":{"topic":"t","partition":3,"offset":41}}`)
	f("null", `{"meta":{"topic":1},"\u006d\u0065\u0074\u0061":{"topic":2}}`,
		`{"meta":{"topic":1},"\u006d\u0065\u0074\u0061":{"topic":"t","partition":3,"offset":41}}`)

	// the rest stays
	f("null", "{\"n\":25.00,\"n\":1E400,\r\n\"meta\":\n{\n\"s\":\"\u2028\",\n\"topic\"\n:\n9\n}\n,\"l\":\"\u0085\"\n}\n",
		`{"n":25.00,"n":1E400, "meta": { "s":"\u2028", "topic" : "t" ,"partition":3,"offset":41} ,"l":"\u0085" } `)

	// an array is delivered as it is
	f("k", `[{"meta":{}}]`, `[{"meta":{}}]`)
	f("k", "[\n]", `[ ]`)
}

func TestKafkaField(t *testing.T) {
	f := func(key []byte, topic, value, want string) {
		t.Helper()
		r := Record{Topic: topic, Partition: 3, Offset: 1 << 62, Time: -1, Key: key, Value: []byte(value)}
		got, reason := (&Checker{Annotate: KafkaField}).Check(r)
		if reason != OK || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", value, got, reason, want)
		}
	}

	const head, tail = `"_kafka":{"topic":"t","partition":3,"offset":4611686018427387904,"timestamp":-1,"key":`, `}}`
	f(nil, "t", `{}`, `{`+head+`null`+tail)
	f(nil, "t", `{ "a":[ ] }`, `{ "a":[ ] ,`+head+`null`+tail)
	f([]byte{}, "t", `{"_kafka":1,"meta":2}`, `{"_kafka":1,"meta":2,`+head+`""`+tail)
	f([]byte("k"), "t", "\n{\n}\n", ` { `+head+`"k"`+tail+` `)
	f([]byte("a\"b\\c/\n\r\t\x00\x1f\x7f\u0085\u2028\u2029é🦀"), "t", `{"a":"{"}`,
		`{"a":"{",`+head+`"a\"b\\c/\n\r\t\u0000\u001f`+"\x7f"+`\u0085\u2028\u2029é🦀"`+tail)
	f([]byte("\xff\xfe"), "t", `{"a":1}`, `{"a":1,`+head+`"//4="`+tail)
	f(nil, `q"`, `{}`, `{"_kafka":{"topic":"q\"","partition":3,"offset":4611686018427387904,"timestamp":-1,"key":null}}`)
	f(nil, "t", `[{}]`, `[{}]`)
}

// FuzzAnnotate holds both annotations against the value decoded, changed there and compared with what is delivered.
func FuzzAnnotate(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "topic", int32(0), int64(5), int64(1741964966535), []byte("key"), true)
		f.Add([]byte(s), "q\"\\", int32(-1), int64(-5), int64(-1), []byte("\xff\x00"), true)
		f.Add([]byte(s), "\u2028", int32(7), int64(1)<<62, int64(0), []byte(nil), false)
	}
	f.Fuzz(func(t *testing.T, value []byte, topic string, partition int32, offset, time int64, key []byte, hasKey bool) {
		if wantReason(value) != OK || !utf8.ValidString(topic) {
			return
		}
		r := Record{Topic: topic, Partition: partition, Offset: offset, Time: time, Value: value}
		if hasKey {
			r.Key = append([]byte{}, key...)
		}
		for _, annotate := range []Annotate{Meta, KafkaField} {
			got, reason := (&Checker{Annotate: annotate}).Check(r)
			want, ok := annotated(t, r, annotate)
			if ok != (reason == OK) || (!ok && reason != MetaNotObject) {
				t.Fatalf("%q, %v: reason %v, want OK %v", value, annotate, reason, ok)
			}
			if !ok {
				continue
			}
			if bytes.ContainsAny(got, "\r\n\u0085\u2028\u2029") {
				t.Fatalf("%q, %v: %q is not one line", value, annotate, got)
			}
			if !json.Valid(got) || !reflect.DeepEqual(decode(t, got), want) {
				t.Fatalf("%q, %v: got %q, want %v", value, annotate, got, want)
			}
			checkBytesKept(t, r, annotate, got)
		}
	})
}

// annotated decodes the value and annotates it there. It reports false when "meta" is not an object.
func annotated(t *testing.T, r Record, annotate Annotate) (any, bool) {
	t.Helper()
	v := decode(t, r.Value)
	object, ok := v.(map[string]any)
	if !ok {
		return v, true
	}
	fields := make(map[string]any)
	if annotate == Meta && object["meta"] != nil {
		if fields, ok = object["meta"].(map[string]any); !ok {
			return nil, false
		}
	}
	fields["topic"] = r.Topic
	fields["partition"] = json.Number(strconv.Itoa(int(r.Partition)))
	fields["offset"] = json.Number(strconv.FormatInt(r.Offset, 10))
	if annotate == Meta {
		object["meta"] = fields
	} else {
		fields["timestamp"] = json.Number(strconv.FormatInt(r.Time, 10))
		fields["key"] = nil
		object["_kafka"] = fields
	}
	switch {
	case r.Key == nil:
	case utf8.Valid(r.Key):
		fields["key"] = string(r.Key)
	default:
		fields["key"] = base64.StdEncoding.EncodeToString(r.Key)
	}
	return v, true
}

// checkBytesKept checks what decoding does not show. "_kafka" is cut in at one place, and all else stays. What carries
// its "meta" already stays as it is.
func checkBytesKept(t *testing.T, r Record, annotate Annotate, got []byte) {
	t.Helper()
	plain, _ := (&Checker{}).Check(r)
	if annotate == Meta {
		r.Value = got
		if again, reason := (&Checker{Annotate: Meta}).Check(r); reason != OK || !bytes.Equal(again, got) {
			t.Fatalf("%q: %q, annotated again, is %q, %v", plain, got, again, reason)
		}
		return
	}
	same := 0
	for same < len(plain) && plain[same] == got[same] {
		same++
	}
	if !bytes.HasSuffix(got, plain[same:]) {
		t.Fatalf("%q: %q differs in more than one place", plain, got)
	}
}

func decode(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("cannot decode %q: %v", b, err)
	}
	return v
}
