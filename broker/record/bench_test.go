package record

import (
	"bytes"
	"encoding/json"
	"testing"
)

func BenchmarkCheck(b *testing.B) {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(eventASCII), "", "  "); err != nil {
		b.Fatal(err)
	}
	f := func(name string, format Format, annotate Annotate, value string) {
		b.Run(name, func(b *testing.B) {
			c := &Checker{Format: format, Annotate: annotate}
			r := Record{Topic: "eqiad.mediawiki.recentchange", Offset: 1 << 40, Time: 1741964966535, Value: []byte(value)}
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				if _, reason := c.Check(r); reason != OK {
					b.Fatal(reason)
				}
			}
		})
	}
	f("json", JSON, None, eventASCII)
	f("json/cyrillic", JSON, None, eventCyrillic)
	f("json/pretty", JSON, None, pretty.String())
	f("json/meta", JSON, Meta, eventASCII)
	f("json/meta/cyrillic", JSON, Meta, eventCyrillic)
	f("json/_kafka", JSON, KafkaField, eventASCII)
	f("text", Text, None, eventASCII)
	f("base64", Base64, None, eventASCII)
}
