package broker

import (
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/ringbuf"
)

func TestSkippedRecords(t *testing.T) {
	f := func(name string, format record.Format, annotate record.Annotate, value []byte, reason record.Reason) {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			k := newKafka(t, kfake.SeedTopics(1, "a"))
			r := start(t, k, []string{"a"}, func(s *setup) {
				s.Format, s.Annotate, s.poll = format, annotate, time.Hour // a poll would tell the position too
			})
			r.live()
			cl := k.client()
			defer cl.Close()
			k.write(cl, &kgo.Record{Topic: "a", Value: value})
			eventually(t, "it is counted", func() bool {
				return r.counter(fmt.Sprintf(`events_skipped_total{stream="s",reason=%q}`, reason)) == 1
			})
			eventually(t, "the position is behind it", func() bool { return r.position("a", 0) == 1 })
			eventually(t, "the position is told", func() bool { return r.s.ring.Newest().At(0).Next == 1 })
			k.produce("a", 0, `{"meta":{}}`)
			eventually(t, "the next one comes", func() bool { return len(r.tape.events("a", 0)) == 1 })
		})
	}
	f("tombstone", record.JSON, record.None, nil, record.Tombstone)
	f("tombstone of text", record.Text, record.None, nil, record.Tombstone)
	f("empty", record.JSON, record.None, []byte{}, record.Empty)
	f("no UTF-8", record.Text, record.None, []byte{0xff}, record.InvalidUTF8)
	f("no JSON", record.JSON, record.None, []byte(`{"a":`), record.InvalidJSON)
	f("scalar", record.JSON, record.None, []byte(`7`), record.Scalar)
	f("meta", record.JSON, record.Meta, []byte(`{"meta":7}`), record.MetaNotObject)
}

func TestAnnotatedInOneBatch(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.Annotate = record.Meta })
	r.live()
	k.produce("a", 0, `{"meta":{}}`, `{"meta":{"x":1}}`, `[1]`, `{}`)
	r.expect("a", 0, []string{
		`{"meta":{"topic":"a","partition":0,"offset":0}}`,
		`{"meta":{"x":1,"topic":"a","partition":0,"offset":1}}`,
		`[1]`,
		`{"meta":{"topic":"a","partition":0,"offset":3}}`,
	})
}

func TestLargeRecordIsAGap(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.MaxEvent = 100 })
	r.live()
	k.produce("a", 0, `{"n":1}`, fmt.Sprintf("%q", strings.Repeat("x", 98)), `{"n":2}`, fmt.Sprintf("%q", strings.Repeat("x", 99)), `{"n":3}`)
	r.expect("a", 0, []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}) // the second is no event, but not for its size
	if n := fmt.Sprint(r.tape.notices()); n != "[too_large a/0 3>4]" {
		t.Errorf("notices %s", n)
	}
	if n := r.counter(`gaps_total{stream="s",reason="too_large"}`); n != 1 {
		t.Errorf("%d gaps counted, want 1", n)
	}
}

func TestRecordLargerThanTheRing(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, func(s *setup) { s.Ring = ringbuf.New(1000, 64<<10) })
	r.live()
	k.produce("a", 0, `{"n":1}`, `{"n":"`+strings.Repeat("x", 100<<10)+`"}`, `{"n":3}`)
	r.expect("a", 0, []string{`{"n":1}`, `{"n":3}`})
	if n := fmt.Sprint(r.tape.notices()); n != "[too_large a/0 1>2]" {
		t.Errorf("notices %s", n)
	}
}

// bomb writes a batch of two records that inflates beyond testMaxBatch.
func (k *kafka) bomb(topic string, partition int32) {
	k.t.Helper()
	cl := k.client(kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(4*testMaxBatch),
		kgo.BrokerMaxWriteBytes(16*testMaxBatch), kgo.ProducerLinger(1e8))
	defer cl.Close()
	value := []byte(`{"bomb":"` + strings.Repeat("x", testMaxBatch*3/4) + `"}`)
	k.write(cl, &kgo.Record{Topic: topic, Partition: partition, Value: value}, &kgo.Record{Topic: topic, Partition: partition, Value: value})
}

// damaged writes a batch of two records whose compressed data nobody can read,
// with a checksum that is right.
func (k *kafka) damaged(topic string, partition int32) {
	k.t.Helper()
	b := kmsg.RecordBatch{Magic: 2, Attributes: 1, LastOffsetDelta: 1, FirstTimestamp: 1, MaxTimestamp: 1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 2, Records: []byte("what no decoder takes")}
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[21:], crc32.MakeTable(crc32.Castagnoli)))
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 5000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, b.AppendTo(nil)
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	cl := k.client(kgo.MaxVersions(kversion.V2_8_0())) // newer ones name topics by id
	defer cl.Close()
	resp, err := req.RequestWith(k.t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func TestBombIsJumped(t *testing.T) {
	jumped(t, (*kafka).bomb, "too_large")
}

func TestDamagedBatchIsJumped(t *testing.T) {
	jumped(t, (*kafka).damaged, "missed")
}

// jumped demands that a batch of two records that bad writes costs those and
// nothing else.
func jumped(t *testing.T, bad func(*kafka, string, int32), reason string) {
	t.Helper()
	f := func(name string, before bool) {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			k := newKafka(t, kfake.SeedTopics(2, "a"))
			write := func() {
				k.produce("a", 0, numbered(0, 3)...)
				bad(k, "a", 0)
				k.produce("a", 0, numbered(3, 6)...)
				k.produce("a", 1, numbered(0, 3)...)
			}
			if before {
				write()
			}
			r := start(t, k, []string{"a"}, nil)
			r.live()
			if !before {
				write()
			}
			r.expect("a", 0, numbered(0, 6))
			r.expect("a", 1, numbered(0, 3))
			if n := fmt.Sprint(r.tape.notices()); n != "["+reason+" a/0 3>5]" {
				t.Errorf("notices %s", n)
			}
			k.produce("a", 0, numbered(6, 9)...)
			r.expect("a", 0, numbered(0, 9))
			r.notStalled()
		})
	}
	f("while live", false)
	f("during the warm-up", true)
}
