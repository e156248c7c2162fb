//go:build kafka && faults

package blackbox

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/bench/ledger"
)

const (
	megabyte   = 1_000_000
	largeLimit = 10 * time.Second // what a stream may stand still for its own large records
)

// largeRecords: records, keys and batches that are large hold up their own
// stream for a moment, and no other.
func (s *scene) largeRecords() {
	const topic = "vast"
	limits := map[string]string{"max.message.bytes": "33554432"}
	s.must(s.c.CreateTopic(s.ctx, topic, 2, 0, limits))
	s.must(s.c.CreateTopic(s.ctx, "keys", 1, 0, limits))
	s.more = `[streams.vast]
topics = ["vast"]
bytes = "96MiB"
max_event = "11MiB"
[streams.with_keys]
topics = ["keys"]
bytes = "32MiB"
annotate = "_kafka"
`
	l := s.underLoad("beside", 2, 150)
	v := l.aside("vast", topic, 2, 50)
	gap := func(asked, given int64) ledger.GapNotice {
		return ledger.GapNotice{Topic: topic, Asked: asked, Given: given, Reason: "too_large"}
	}
	var notices []ledger.GapNotice
	v.undisturbed("records of 10 MB, and one above max_event", func() {
		for range 3 {
			v.put(10 * megabyte)
		}
		n := v.putBare(12 * megabyte)
		notices = append(notices, gap(n, n+1))
		v.put(10 * megabyte)
	})
	v.undisturbed("a zstd batch that inflates to 72 MiB, max_batch is 64 MiB", func() {
		first, records := v.bomb()
		notices = append(notices, gap(first, first+records))
	})
	l.largeKeys()
	l.end()
	v.end(notices...)
}

// largeKeys: keys of a megabyte, which annotate puts into the events.
func (l *siege) largeKeys() {
	l.undisturbed("keys of 1 MB, annotated", func() string {
		t := l.t
		g := l.one.gather(t, "with_keys", ledger.SSE)
		defer g.end()
		key := bytes.Repeat([]byte("k"), megabyte)
		cl := l.producer()
		defer cl.Close()
		began := time.Now()
		var values []string
		for range 3 {
			value := l.value("keys", 0)
			values = append(values, string(value))
			l.must(cl.ProduceSync(l.ctx, &kgo.Record{Topic: "keys", Key: key, Value: value}).FirstErr())
		}
		for i, got := range g.all(len(values)) {
			want := strings.TrimSuffix(values[i], "}") + fmt.Sprintf(`,"_kafka":{"topic":"keys","partition":0,"offset":%d,"timestamp":`, i)
			if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `,"key":"`+string(key)+`"}}`) {
				t.Errorf("record %d with a large key is %.300s…%s", i, got, got[max(0, len(got)-20):])
			}
		}
		return fmt.Sprintf("there after %.2f s", time.Since(began).Seconds())
	})
}

// wide: many partitions in a stream, many topics that are in none.
func (s *scene) wide() {
	const topic, partitions, topics = "wide", 200, 1000
	s.more = "[streams.wide]\ntopics = [\"wide\"]\n"
	l := s.underLoad("beside.wide", 2, 150)
	o := newScene(s.t, s.c) // the siege gets none of it
	// Ids of so many partitions are compact, which the ledger cannot read; and the
	// topic is not there yet.
	var clients []*follower
	for _, in := range []*instance{l.one, l.two} {
		clients = append(clients, follow(s.t, ledger.Config{URLs: []string{in.url("wide")}, Book: o.book, Mode: ledger.NDJSON, Start: o.zeros(topic, partitions)}))
	}
	arrive := func(rounds int) string {
		w := o.writer(0)
		began := time.Now()
		w.write(topic, partitions, rounds)
		written := time.Since(began)
		exact(s.t, o.book, nil, clients...)
		return fmt.Sprintf("%d records written in %.2f s, there after %.2f s", rounds*partitions, written.Seconds(), time.Since(began).Seconds())
	}
	l.undisturbed("a topic of 200 partitions appears in another stream", func() string {
		o.topic(topic, partitions)
		return arrive(5)
	})
	l.undisturbed("200 partitions in a stream", func() string { return arrive(10) })
	l.undisturbed("1,000 other topics in the cluster", func() string {
		began := time.Now()
		s.manyTopics(topics)
		return fmt.Sprintf("made in %.1f s", time.Since(began).Seconds())
	})
	late := s.serve(20_000, "beside.wide")
	began := time.Now()
	late.waitReady()
	s.t.Logf("with %d topics in the cluster an instance is ready after %v", topics, time.Since(began))
	l.end()
	exact(s.t, o.book, nil, clients...)
}

// manyTopics creates topics that nobody reads.
func (s *scene) manyTopics(n int) {
	s.t.Helper()
	cl := s.producer()
	defer cl.Close()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	const step = 100
	for from := 0; from < n; from += step {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis = 30_000
		for i := from; i < from+step; i++ {
			t := kmsg.NewCreateTopicsRequestTopic()
			t.Topic, t.NumPartitions, t.ReplicationFactor = fmt.Sprint("other.", i), 1, 1
			req.Topics = append(req.Topics, t)
		}
		answer, err := req.RequestWith(ctx, cl)
		s.must(err)
		for _, t := range answer.Topics {
			if t.ErrorCode != 0 {
				s.t.Fatalf("topic %s: error %d", t.Topic, t.ErrorCode)
			}
		}
	}
}
