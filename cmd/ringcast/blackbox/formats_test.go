package blackbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// sample is a record and what clients must get of it.
type sample struct {
	value   string
	null    bool   // a tombstone
	want    string // data of the SSE event
	skipped string // or why there is none
}

// maxEvent is the configured bound of an event.
const maxEvent = 4096

var tooLarge = strings.Repeat("x", maxEvent)

var jsonSamples = []sample{
	{value: `{"a":25.00,"b":9223372036854775808,"a":1e400}`, want: `{"a":25.00,"b":9223372036854775808,"a":1e400}`},
	{value: "{\"a\":\r\n\r\n1,\n\"b\":\r2}\n", want: `{"a": 1, "b": 2} `},
	{value: "{\"a\":\"x\u2028y\u2029z\u0085\"}", want: `{"a":"x\u2028y\u2029z\u0085"}`},
	{value: `[1,{"b":[]}]`, want: `[1,{"b":[]}]`},
	{value: `{"a":`, skipped: "invalid_json"},
	{value: `{"a":1} {"b":2}`, skipped: "invalid_json"},
	{value: "id: 7\n\nevent: x", skipped: "invalid_json"},
	{value: "\"text\"", skipped: "scalar"},
	{value: "25", skipped: "scalar"},
	{value: "", skipped: "empty"},
	{null: true, skipped: "tombstone"},
	{value: "{\"a\":\"\xff\"}", skipped: "invalid_utf8"},
	{value: `{"a":"` + tooLarge + `"}`, skipped: "too_large"},
	{value: `{"end":true}`, want: `{"end":true}`},
}

var textSamples = []sample{
	{value: "one", want: "one"},
	{value: "a\r\nb\rc\nd", want: "a\nb\nc\nd"},
	{value: "3\n\n4", want: "3\n\n4"},
	{value: "\n", want: "\n"},
	{value: " two spaces  ", want: " two spaces  "},
	{value: ":c\nid: 7\nevent: x\nretry: 1\n\ndata: y", want: ":c\nid: 7\nevent: x\nretry: 1\n\ndata: y"},
	{value: "\ufeffx\u2028\x00y", want: "\ufeffx\u2028\x00y"},
	{value: "", want: ""},
	{null: true, skipped: "tombstone"},
	{value: "\xff", skipped: "invalid_utf8"},
	{value: tooLarge + "x", skipped: "too_large"},
	{value: "end", want: "end"},
}

var bytesSamples = []sample{
	{value: "\x00\xff\r\n", want: "AP8NCg=="},
	{value: "", want: ""},
	{value: "text", want: "dGV4dA=="},
	{null: true, skipped: "tombstone"},
	{value: tooLarge + "x", skipped: "too_large"},
	{value: "end", want: "ZW5k"},
}

// TestFormats: what a value becomes, in both wire forms, and what is said and
// counted of those that become nothing.
func TestFormats(t *testing.T) {
	k := newFake(t, topics(1, "j", "x", "b"))
	in := startConfig(t, fmt.Sprintf(`[kafka]
brokers = [%q]
[ring]
total_bytes = "64MiB"
max_event = "%d"
[streams.json]
topics = ["j"]
[streams.text]
topics = ["x"]
format = "text"
[streams.base64]
topics = ["b"]
format = "base64"
`, k.addr, maxEvent))
	in.waitReady()
	asIs := func(s sample) string { return s.want }
	quoted := func(s sample) string { b, _ := json.Marshal(s.value); return string(b) }
	encoded := func(s sample) string { return `"` + base64.StdEncoding.EncodeToString([]byte(s.value)) + `"` }
	f := func(stream, topic string, samples []sample, line func(sample) string) {
		t.Run(stream, func(t *testing.T) {
			k.t = t
			sse := in.gather(t, stream, ledger.SSE)
			events := in.gather(t, stream+"?notices=event", ledger.SSE)
			bare := in.gather(t, stream, ledger.SSE10)
			lines := in.gather(t, stream, ledger.NDJSON)
			skipped := k.send(topic, samples)
			var data, documents []string
			var told ledger.GapNotice
			for i, s := range samples {
				if s.skipped == "" {
					data, documents = append(data, s.want), append(documents, canonical(line(s)))
				}
				if s.skipped == "too_large" {
					told = ledger.GapNotice{Topic: topic, Asked: int64(i), Given: int64(i) + 1, Reason: "too_large"}
				}
			}
			for _, g := range []*gathered{sse, events, bare} {
				g.expect(data)
				g.told(told)
			}
			for i, d := range lines.all(len(documents)) {
				if i < len(documents) && canonical(d) != documents[i] {
					t.Errorf("document %d is %q, want %q", i, d, documents[i])
				}
			}
			for reason, n := range skipped {
				name := fmt.Sprintf("ringcast_events_skipped_total{stream=%q,reason=%q}", stream, reason)
				if reason == "too_large" {
					name = fmt.Sprintf("ringcast_gaps_total{stream=%q,reason=%q}", stream, reason)
				}
				if got := in.metric(name); got != n {
					t.Errorf("%s is %v, want %v", name, got, n)
				}
			}
		})
	}
	f("json", "j", jsonSamples, asIs)
	f("text", "x", textSamples, quoted)
	f("base64", "b", bytesSamples, encoded)
}

// canonical makes two ways to write a JSON string one; other documents stay as
// they are.
func canonical(document string) string {
	var s string
	if json.Unmarshal([]byte(document), &s) == nil && strings.HasPrefix(document, `"`) {
		return "string " + s
	}
	return document
}

// send writes the samples and returns how many are to be skipped, by reason.
func (k *fake) send(topic string, samples []sample) map[string]float64 {
	k.t.Helper()
	skipped := make(map[string]float64)
	for _, s := range samples {
		r := &kgo.Record{Topic: topic, Value: []byte(s.value)}
		if s.null {
			r.Value = nil
		}
		k.raw(r)
		if s.skipped != "" {
			skipped[s.skipped]++
		}
	}
	return skipped
}

// gathered are the events that a client got.
type gathered struct {
	*follower
	mu   sync.Mutex
	data []string // guarded by mu
}

// gather starts a client that keeps what it gets, and waits until it is there.
func (in *instance) gather(t *testing.T, stream string, mode ledger.Mode) *gathered {
	t.Helper()
	g := &gathered{}
	g.follower = follow(t, ledger.Config{URLs: []string{in.url(stream)}, Mode: mode, OnEvent: func(e ledger.Event) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.data = append(g.data, string(e.Data))
	}})
	eventually(t, patience, func() bool { return g.Counts().Connections == 1 }, func() string { return "no connection" })
	return g
}

// all waits for n events and returns them.
func (g *gathered) all(n int) []string {
	g.t.Helper()
	now := func() []string {
		g.mu.Lock()
		defer g.mu.Unlock()
		return slices.Clone(g.data)
	}
	eventually(g.t, patience, func() bool { return len(now()) >= n }, func() string { return fmt.Sprintf("%q have come", now()) })
	return now()
}

// expect demands exactly these events, in frames as the protocol has them.
func (g *gathered) expect(want []string) {
	g.t.Helper()
	if got := g.all(len(want)); !slices.Equal(got, want) {
		g.t.Errorf("got  %q\nwant %q", got, want)
	}
	d := g.Receipt().Differences()
	for _, kind := range []ledger.Kind{ledger.Framing, ledger.BadID, ledger.IDBehind} {
		if d.Counts[kind] > 0 {
			g.t.Errorf("%v: %q", kind, d.Texts[kind])
		}
	}
}
