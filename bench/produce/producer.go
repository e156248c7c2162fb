// Package produce fills topics with the records of package workload, at a given rate or as fast as it goes.
package produce

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/workload"
)

// Producer produces to all partitions of one topic in turn. It is for one goroutine.
type Producer struct {
	client *kgo.Client
	topic  string
	size   int
	sent   []uint64 // per partition
	turn   int
	failed atomic.Pointer[error]
}

// New returns a producer of records of size bytes. The topic must exist and be empty: counters begin at 0.
// Batches are not compressed, and not held back to grow.
func New(brokers []string, topic string, partitions, size int) (*Producer, error) {
	if err := workload.CheckSize(size); err != nil {
		return nil, err
	}
	if partitions < 1 || partitions > workload.MaxPartitions {
		return nil, fmt.Errorf("cannot produce to %d partitions: 1 to %d are possible", partitions, workload.MaxPartitions)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ClientID("ringcast-bench"),
		kgo.DefaultProduceTopic(topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(20_000),
	)
	if err != nil {
		return nil, fmt.Errorf("cannot make a producer for %v: %w", brokers, err)
	}
	return &Producer{client: client, topic: topic, size: size, sent: make([]uint64, partitions)}, nil
}

// Paced produces rate records a second, evenly spaced, for d. A record that is late does not move the next.
func (p *Producer) Paced(ctx context.Context, rate float64, d time.Duration) error {
	return p.paced(ctx, rate, d, nil)
}

// PacedUntil is Paced until stop is closed.
func (p *Producer) PacedUntil(ctx context.Context, rate float64, stop <-chan struct{}) error {
	return p.paced(ctx, rate, math.MaxInt64, stop)
}

func (p *Producer) paced(ctx context.Context, rate float64, d time.Duration, stop <-chan struct{}) error {
	begin := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for i := 0; ; i++ {
		due := time.Duration(float64(i) / rate * float64(time.Second))
		if due >= d {
			return p.flush(ctx)
		}
		wait.Reset(time.Until(begin.Add(due)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stop:
			return p.flush(ctx)
		case <-wait.C:
		}
		p.one(ctx)
		if err := p.failure(); err != nil {
			return err
		}
	}
}

// Burst produces n records as fast as Kafka takes them, and returns when it has all.
func (p *Producer) Burst(ctx context.Context, n int) error {
	for range n {
		p.one(ctx)
	}
	return p.flush(ctx)
}

// Sent returns how many records were produced to each partition.
func (p *Producer) Sent() []uint64 { return slices.Clone(p.sent) }

// Close ends the producer.
func (p *Producer) Close() { p.client.Close() }

func (p *Producer) one(ctx context.Context) {
	at := p.turn % len(p.sent)
	p.turn++
	now := time.Now()
	value := workload.Append(make([]byte, 0, p.size), p.size, workload.Stamp{
		Partition: at, Counter: p.sent[at], Micros: now.UnixMicro(),
	})
	p.sent[at]++
	p.client.Produce(ctx, &kgo.Record{Partition: int32(at), Value: value, Timestamp: now}, func(_ *kgo.Record, err error) {
		if err != nil {
			p.failed.CompareAndSwap(nil, &err)
		}
	})
}

func (p *Producer) flush(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("cannot flush to topic %q: %w", p.topic, err)
	}
	return p.failure()
}

func (p *Producer) failure() error {
	if err := p.failed.Load(); err != nil {
		return fmt.Errorf("cannot produce to topic %q: %w", p.topic, *err)
	}
	return nil
}
