package wiki

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const manyEvents = 10_000

// letters are some that must appear, by script.
var letters = map[string]rune{
	"Latin": 'ü', "Cyrillic": 'я', "Han": '東', "Hiragana": 'の', "Hangul": '사', "Arabic": 'ي', "Hebrew": 'ק',
	"Devanagari": 'क', "Bengali": 'ন', "Tamil": 'த', "Thai": 'ก', "Greek": 'ί', "Georgian": 'ი', "Armenian": 'ո', "emoji": '😀',
}

var testTime = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

func TestEventsLookReal(t *testing.T) {
	g := New(1)
	ids := make(map[string]bool)
	topics := make(map[string]int)
	seen := make(map[string]bool)
	total := 0
	for i := range manyEvents {
		now := testTime.Add(time.Duration(i) * time.Millisecond)
		topic, key, value := g.Next(now)
		topics[topic]++
		total += len(value)
		if len(value) < 800 || len(value) > 2560 {
			t.Fatalf("%s: %d bytes, want 800 to 2560: %s", topic, len(value), value)
		}
		if !utf8.Valid(value) || bytes.ContainsAny(value, "\r\n") {
			t.Fatalf("%s: not one line of UTF-8: %q", topic, value)
		}
		var e struct {
			Schema string `json:"$schema"`
			Meta   struct{ URI, Request_ID, ID, DT, Domain, Stream string }
		}
		if err := json.Unmarshal(value, &e); err != nil {
			t.Fatalf("%s: %v: %s", topic, err, value)
		}
		if _, stream, _ := strings.Cut(topic, "."); e.Meta.Stream != stream || e.Schema == "" {
			t.Fatalf("%s: stream %q, schema %q", topic, e.Meta.Stream, e.Schema)
		}
		if len(e.Meta.ID) != 36 || e.Meta.ID[14] != '4' || ids[e.Meta.ID] {
			t.Fatalf("%s: id %q is no UUID or not unique", topic, e.Meta.ID)
		}
		ids[e.Meta.ID] = true
		if dt, err := time.Parse(time.RFC3339, e.Meta.DT); err != nil || !dt.Equal(now) {
			t.Fatalf("%s: dt %q, %v, want %v", topic, e.Meta.DT, err, now)
		}
		if !strings.HasPrefix(e.Meta.URI, "https://"+e.Meta.Domain+"/wiki/") {
			t.Fatalf("%s: uri %q on %q", topic, e.Meta.URI, e.Meta.Domain)
		}
		if (key != nil) != strings.HasSuffix(topic, "page_change.v1") || (key != nil && !json.Valid(key)) {
			t.Fatalf("%s: key %q", topic, key)
		}
		for script, letter := range letters {
			seen[script] = seen[script] || bytes.ContainsRune(value, letter)
		}
	}

	if mean := total / manyEvents; mean < 1000 || mean > 1700 {
		t.Errorf("mean size %d bytes, want 1000 to 1700", mean)
	}
	for script, letter := range letters {
		if !seen[script] {
			t.Errorf("no event has the %s letter %c", script, letter)
		}
	}
	checkShares(t, topics)
}

// checkShares checks that every topic appears, and how often.
func checkShares(t *testing.T, topics map[string]int) {
	t.Helper()
	rates := 0.0
	for _, s := range Streams() {
		rates += s.Rate
	}
	first := 0
	for _, s := range Streams() {
		sum := 0
		for _, prefix := range Prefixes() {
			if topics[prefix+s.Topic] == 0 {
				t.Errorf("no event in %s", prefix+s.Topic)
			}
			sum += topics[prefix+s.Topic]
		}
		first += topics[Prefixes()[0]+s.Topic]
		if want := s.Rate / rates * manyEvents; float64(sum) < 0.5*want || float64(sum) > 2*want {
			t.Errorf("%s: %d events, want about %.0f", s.Topic, sum, want)
		}
	}
	if share := float64(first) / manyEvents; share < firstPrefixShare-0.02 || share > firstPrefixShare+0.02 {
		t.Errorf("%.3f of the events come from the first data centre, want %.2f", share, firstPrefixShare)
	}
	if want := len(Streams()) * len(Prefixes()); len(topics) != want {
		t.Errorf("%d topics, want %d", len(topics), want)
	}
}

func TestSameSeedSameEvents(t *testing.T) {
	a, b, other := New(7), New(7), New(8)
	for range 200 {
		topicA, keyA, valueA := a.Next(testTime)
		topicB, keyB, valueB := b.Next(testTime)
		if topicA != topicB || !bytes.Equal(keyA, keyB) || !bytes.Equal(valueA, valueB) {
			t.Fatalf("%s %s differs from %s %s", topicA, valueA, topicB, valueB)
		}
		if _, _, value := other.Next(testTime); bytes.Equal(value, valueA) {
			t.Fatalf("another seed gives the same event: %s", value)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	g := New(1)
	for b.Loop() {
		g.Next(testTime)
	}
}
