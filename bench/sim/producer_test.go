package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/bench/ledger"
)

// producer writes what the book knows. It shares nothing with the server.
type producer struct {
	w          *world
	client     *kgo.Client
	counters   map[ledger.TopicPartition]int64
	partitions map[string]int32 // that each topic has now
	turn       int              // of transactions
}

// patience is how long Kafka may take to acknowledge, in simulated time.
const patience = 10 * time.Minute

func newProducer(w *world) (*producer, error) {
	p := &producer{w: w, counters: map[ledger.TopicPartition]int64{}, partitions: map[string]int32{}}
	return p, p.connect()
}

// connect makes a client that does not know what topics were before.
func (p *producer) connect() (err error) {
	if p.client != nil {
		p.client.Close()
	}
	p.client, err = p.dial()
	return err
}

func (p *producer) dial(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(p.w.kafka.ListenAddrs()...), kgo.Dialer(p.w.network.DialContext), kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // compressors are pooled for the process, with channels of a bubble
	}, opts...)...)
}

// draw makes a record for a partition drawn from rng; a few must not become events.
func (p *producer) draw(rng *rand.Rand) *kgo.Record {
	topic := p.w.plan.topics[rng.IntN(len(p.w.plan.topics))]
	r := p.next(topic, rng.Int32N(p.partitions[topic]), 80<<rng.IntN(4))
	switch rng.IntN(30) {
	case 0:
		r.Value = nil
	case 1:
		r.Value = []byte(`{"broken":`)
	}
	return r
}

// next makes the next record of a partition.
func (p *producer) next(topic string, partition int32, size int) *kgo.Record {
	tp := ledger.TopicPartition{Topic: topic, Partition: partition}
	n := p.counters[tp]
	p.counters[tp]++
	return &kgo.Record{Topic: topic, Partition: partition, Value: ledger.Value(topic, partition, n, size)}
}

// write waits for the acknowledgements and books the records.
func (p *producer) write(records ...*kgo.Record) error {
	if err := produce(p.client, records); err != nil {
		return err
	}
	return p.book(records, true)
}

func produce(cl *kgo.Client, records []*kgo.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("cannot produce: %w", err)
	}
	return nil
}

// book enters records; visible says that those which can become events must.
func (p *producer) book(records []*kgo.Record, visible bool) error {
	for _, r := range records {
		var err error
		if _, _, _, ok := ledger.IdentifyValue(r.Value); ok && visible {
			err = p.w.book.Add(ledger.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Value: r.Value})
		} else {
			err = p.w.book.AddSkipped(r.Topic, r.Partition, r.Offset)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// transaction writes records that are seen once it is committed, and others
// beside it that lie behind them.
func (p *producer) transaction(rng *rand.Rand) error {
	p.turn++
	cl, err := p.dial(kgo.TransactionalID(fmt.Sprintf("tx-%d", p.turn)), kgo.TransactionTimeout(10*time.Minute))
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		return fmt.Errorf("cannot begin a transaction: %w", err)
	}
	var records []*kgo.Record
	for range 1 + rng.IntN(10) {
		records = append(records, p.draw(rng))
	}
	if err := produce(cl, records); err != nil {
		return err
	}
	time.Sleep(between(rng, time.Millisecond, 2*time.Minute))
	if rng.IntN(2) == 0 {
		if err := p.write(p.draw(rng), p.draw(rng)); err != nil {
			return err
		}
	}
	commit := rng.IntN(3) > 0
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		return fmt.Errorf("cannot end a transaction: %w", err)
	}
	return p.book(records, commit)
}

// grow gives a topic one partition more.
func (p *producer) grow(topic string) error {
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, p.partitions[topic]+1
	req.Topics = append(req.Topics, rt)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		return fmt.Errorf("cannot add a partition to %s: %w, %+v", topic, err, resp)
	}
	p.partitions[topic]++
	return p.connect()
}
