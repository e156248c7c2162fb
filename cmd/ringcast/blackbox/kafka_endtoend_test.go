//go:build kafka

package blackbox

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// endToEnd: what an independent producer writes, with every codec of Kafka,
// arrives byte for byte in every wire form.
func (s *scene) endToEnd() {
	t, c := s.t, s.c
	const topic, records = "endtoend", 300
	codecs := []string{"none", "gzip", "snappy", "lz4", "zstd"}
	s.topic(topic, int32(len(codecs)))
	in := s.serve(10_000, topic)
	in.waitReady()
	begin := ledger.Positions{}
	for p := range codecs {
		begin[ledger.TopicPartition{Topic: topic, Partition: int32(p)}] = 0
	}
	clients := s.live(in, begin)

	for p, codec := range codecs {
		var lines []string
		for n := range int64(records) {
			value := s.value(topic, int32(p))
			lines = append(lines, string(value))
			s.must(s.book.Add(ledger.Record{Topic: topic, Partition: int32(p), Offset: n, Value: value}))
		}
		s.kcatProduce(topic, p, codec, lines)
	}
	// The book speaks of what kcat finds in the log.
	for p := range int32(len(codecs)) {
		got, err := kafka.KcatConsume(s.ctx, c.Addrs()[0], topic, p, 0, `%o %s\n`)
		s.must(err)
		for n, line := range got {
			if want := fmt.Sprintf("%d %s", n, ledger.Value(topic, p, int64(n), recordSize)); line != want {
				t.Fatalf("log of partition %d has %q, want %q", p, line, want)
			}
		}
		if len(got) != records {
			t.Fatalf("log of partition %d has %d records, want %d", p, len(got), records)
		}
	}
	s.reached()
	s.unbroken(clients...)
	s.settle()
	if n := in.metric(`ringcast_events_total{stream="s0"}`); n != float64(records*len(codecs)) {
		t.Errorf("ringcast_events_total is %v, want %d", n, records*len(codecs))
	}
}

// kcatProduce writes lines with kcat (librdkafka), compressed with a codec.
func (s *scene) kcatProduce(topic string, partition int, codec string, lines []string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.ctx, "kcat", "-P", "-b", s.c.Addrs()[0], "-t", topic, "-p", strconv.Itoa(partition),
		"-z", codec, "-X", "acks=all", "-X", "enable.idempotence=true")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("kcat -z %s (Debian: apt-get install kcat): %v: %s", codec, err, out)
	}
}
