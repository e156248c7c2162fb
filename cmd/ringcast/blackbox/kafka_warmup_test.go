//go:build kafka

package blackbox

import (
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
)

// warmUp: records from before the start are in the ring, in the order of their
// times over the partitions; whoever connects without a position gets none of
// them, however early.
func (s *scene) warmUp() {
	t := s.t
	const topic, partitions, records = "warmup", 3, 3000
	s.topic(topic, partitions)
	first := s.serve(20_000, topic)
	first.waitReady()

	var fromSecond atomic.Bool
	newest := int64(-1) // rank in time of the last event, owned by the visitor
	visitor := ledger.NewClient(ledger.Config{URLs: []string{s.url(first)}, Book: s.book, OnEvent: func(e ledger.Event) {
		_, p, n, _ := ledger.IdentifyValue(e.Data)
		if !fromSecond.Load() || n >= records {
			return
		}
		rank := n*partitions + int64(p)
		if rank < newest {
			t.Errorf("record %d of partition %d comes behind a later one of another partition", n, p)
		}
		newest = rank
	}})
	visited := make(chan ledger.End, 1)
	go func() { visited <- visitor.Visit(s.ctx, ledger.Visit{CutAfter: 300_000}) }()
	s.connected(visitor)
	s.writeHistory(topic, partitions, records)
	if end := <-visited; end.Cause != ledger.WasCut || end.Events < 100 {
		t.Fatalf("first visit: %+v, want one cut after some hundred events", end)
	}

	began := time.Now()
	second := s.serve(20_000, topic)
	early := s.client(ledger.Config{URLs: []string{s.url(second)}, Start: s.book.End(), OnEvent: func(e ledger.Event) {
		if _, p, n, _ := ledger.IdentifyValue(e.Data); n < records {
			t.Errorf("record %d of partition %d is from before the start, and was sent to a live client", n, p)
		}
	}}, s.always)
	s.connected(early)
	connected := time.Since(began)
	second.waitReady()
	t.Logf("client connected after %v, %d records warm after %v", connected, partitions*records, time.Since(began))

	fromSecond.Store(true)
	s.clients = append(s.clients, visitor)
	s.running.Go(func() {
		for s.following.Err() == nil {
			visitor.Visit(s.following, ledger.Visit{URL: s.url(second)})
		}
	})
	s.writer(0).write(topic, partitions, 200)
	s.reached()
	if n := visitor.Counts().Connections; n != 2 {
		t.Errorf("visitor was connected %d times, want 2", n)
	}
	s.unbroken(early)
	s.noPrivate(second)
	s.settle()
}

// writeHistory writes one partition after the other, with record times that
// interleave.
func (s *scene) writeHistory(topic string, partitions int32, records int) {
	s.t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(s.c.Addrs(), config)
	s.must(err)
	defer producer.Close()
	begin := time.Now().Add(-5 * time.Minute)
	for p := range partitions {
		var batch []*sarama.ProducerMessage
		for i := range records {
			at := begin.Add(time.Duration(i*int(partitions)+int(p)) * 10 * time.Millisecond)
			batch = append(batch, &sarama.ProducerMessage{
				Topic: topic, Partition: p, Timestamp: at, Value: sarama.ByteEncoder(s.value(topic, p)),
			})
		}
		s.must(producer.SendMessages(batch))
		for _, m := range batch {
			value, _ := m.Value.Encode()
			s.must(s.book.Add(ledger.Record{Topic: topic, Partition: p, Offset: m.Offset, Value: value}))
		}
	}
}
