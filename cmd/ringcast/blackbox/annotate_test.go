package blackbox

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestAnnotate: where a record was read is put into it, and not a byte of the
// rest is touched.
func TestAnnotate(t *testing.T) {
	k := newFake(t, topics(1, "m", "k"))
	in := startConfig(t, fmt.Sprintf(`[kafka]
brokers = [%q]
[ring]
total_bytes = "64MiB"
[streams.meta]
topics = ["m"]
annotate = "meta"
[streams.kafka]
topics = ["k"]
annotate = "_kafka"
`, k.addr))
	in.waitReady()
	f := func(stream, topic, key, value, want string) {
		t.Helper()
		g := in.gather(t, stream, ledger.SSE)
		defer g.end()
		offset := k.cluster.PartitionInfo(topic, 0).HighWatermark
		r := &kgo.Record{Topic: topic, Value: []byte(value)}
		if key != "" {
			r.Key = []byte(key)
		}
		k.raw(r)
		want = strings.ReplaceAll(want, "OFFSET", strconv.FormatInt(offset, 10))
		if got := g.all(1)[0]; !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("%s of %s is %s, want %s", stream, value, got, want)
		}
	}
	f("meta", "m", "key", `{"v":25.00,"meta":{"id":"x"},"w":[]}`, `\{"v":25\.00,"meta":\{.*"topic":"m","partition":0,"offset":OFFSET,"key":"key".*\},"w":\[\]\}`)
	f("meta", "m", "", `{"v":25.00,"meta":{"topic":"old","offset":"old","id":"x"}}`, `\{"v":25\.00,"meta":\{[^o]*"topic":"m"[^l]*"offset":OFFSET[^l]*\}\}`)
	f("meta", "m", "", `{"v":25.00}`, `\{.*"meta":\{"topic":"m","partition":0,"offset":OFFSET\}.*\}`)
	f("meta", "m", "", `[25.00]`, `\[25\.00\]`)
	f("kafka", "k", "key", `{"v":25.00}`, `\{"v":25\.00,"_kafka":\{"topic":"k","partition":0,"offset":OFFSET,"timestamp":\d{13},"key":"key"\}\}`)
	f("kafka", "k", "\xff", `{}`, `\{"_kafka":\{"topic":"k","partition":0,"offset":OFFSET,"timestamp":\d{13},"key":"/w=="\}\}`)
	f("kafka", "k", "", `{"v":{}}`, `\{"v":\{\},"_kafka":\{"topic":"k","partition":0,"offset":OFFSET,"timestamp":\d{13},"key":null\}\}`)

	k.raw(jsonRecord("m", 0, `{"meta":3}`))
	const skipped = `ringcast_events_skipped_total{stream="meta",reason="meta_not_object"}`
	eventually(t, patience, func() bool { return in.metric(skipped) == 1 }, func() string { return "a meta that is no object is not counted" })
}
