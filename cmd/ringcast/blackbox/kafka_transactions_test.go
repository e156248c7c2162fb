//go:build kafka

package blackbox

import (
	"context"
	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
)

// transactions: one that is open at the start is delivered when it commits,
// aborted ones never, and markers at the end of a log keep nobody private.
func (s *scene) transactions() {
	t := s.t
	const topic, partitions = "transactions", 2
	s.topic(topic, partitions)
	s.writer(0).write(topic, partitions, 20)
	open := s.begin(topic, partitions, 30)

	one := s.serve(20_000, topic)
	one.waitReady()
	// From the end under read_committed, which is before the open transaction.
	begin := s.zeros(topic, partitions)
	for tp := range begin {
		begin[tp] = 20
	}
	clients := s.live(one, begin)
	s.hopper(2, one)
	open.commit()
	s.reached()

	two := s.serve(20_000, topic) // has the markers behind it, where the first had them ahead
	two.waitReady()
	s.hopper(3, one, two)
	s.begin(topic, partitions, 10).abort()
	s.begin(topic, 1, 10).commit()
	s.begin(topic, partitions, 10).abort()
	s.reached()
	// Nothing but markers and aborted records is at the ends now. Who hopped
	// before may hold a position that the other instance had not come to.
	s.atEnd(topic, one, two)
	s.noPrivate(one, two)
	behind := s.client(ledger.Config{URLs: []string{s.url(one)}}, func(ctx context.Context, c *ledger.Client) {
		c.Visit(ctx, ledger.Visit{})
		c.Visit(ctx, ledger.Visit{URL: s.url(two)})
	})
	s.connected(behind) // its first position is behind the markers
	behind.Cut(false)
	eventually(t, settleTime, func() bool { return behind.Counts().Connections == 2 }, func() string { return "client does not come back" })
	s.noPrivate(one, two)
	s.writer(0).write(topic, partitions, 20)
	s.reached()
	s.unbroken(clients...)
	for _, in := range []*instance{one, two} {
		if n := in.metric(`ringcast_kafka_client_rebuilds_total{stream="s0"}`); n != 0 {
			t.Errorf("%v rebuilds: it was the stall watch that took the stream past the markers", n)
		}
	}
	s.settle()
}

// openTransaction is one that is open.
type openTransaction struct {
	s        *scene
	producer sarama.SyncProducer
	records  []ledger.Record
}

// begin writes n records to each partition and leaves the transaction open.
func (s *scene) begin(topic string, partitions int32, n int) *openTransaction {
	s.t.Helper()
	tx := s.beginEmpty()
	for range n {
		for p := range partitions {
			tx.write(topic, p)
		}
	}
	return tx
}

// beginEmpty begins a transaction. It fences the one before, if that is open.
func (s *scene) beginEmpty() *openTransaction {
	s.t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = s.t.Name()
	config.Producer.Transaction.Retry.Max = 200
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(s.c.Addrs(), config)
	s.must(err)
	s.must(producer.BeginTxn())
	return &openTransaction{s: s, producer: producer}
}

// write adds a record.
func (tx *openTransaction) write(topic string, partition int32) {
	tx.s.t.Helper()
	value := tx.s.value(topic, partition)
	_, offset, err := tx.producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.ByteEncoder(value)})
	tx.s.must(err)
	tx.records = append(tx.records, ledger.Record{Topic: topic, Partition: partition, Offset: offset, Value: value})
}

func (tx *openTransaction) commit() {
	tx.s.t.Helper()
	for _, r := range tx.records {
		tx.s.must(tx.s.book.Add(r))
	}
	tx.s.must(tx.producer.CommitTxn())
	tx.s.must(tx.producer.Close())
}

func (tx *openTransaction) abort() {
	tx.s.t.Helper()
	tx.skip()
	tx.s.must(tx.producer.AbortTxn())
	tx.s.must(tx.producer.Close())
}

// skip books that the records must not become events.
func (tx *openTransaction) skip() {
	tx.s.t.Helper()
	for _, r := range tx.records {
		tx.s.must(tx.s.book.AddSkipped(r.Topic, r.Partition, r.Offset))
	}
}
