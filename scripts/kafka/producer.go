package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Acked is a record that Kafka acknowledged with all in-sync replicas.
type Acked struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte // nil: no key
	Value     []byte // nil: a tombstone
}

// ProducerOptions configures a Producer; the zero value sends as fast as it can.
type ProducerOptions struct {
	// Rate is the number of records a second; 0 means no pacing. After a stall at most a second of it is made up for.
	Rate float64
	// OnAck is called for every acknowledged record, in offset order within a partition, from one goroutine.
	OnAck func(Acked)
	// MaxBatch is the size of the largest batch, bytes before compression, and of the largest record; 0 means 64 MiB,
	// which is more than brokers take: they are to refuse, not the client.
	MaxBatch int
	// Discard leaves acknowledged records to OnAck alone; Acked is then empty.
	Discard bool
}

// Producer writes idempotently with acks=all, retries through broker failures, and keeps what was acknowledged. A record
// that is not acknowledged may or may not be in the log: a ledger must take it for neither.
type Producer struct {
	// Set at construction.
	options ProducerOptions
	async   sarama.AsyncProducer
	done    chan struct{} // closed when both result channels are drained

	// Owned by the caller of Send.
	due time.Time

	// Guarded by mu.
	mu          sync.Mutex
	settled     chan struct{} // closed and replaced when outstanding becomes 0
	outstanding int
	acked       []Acked
	failed      []error
}

// NewProducer connects a producer to the running nodes. Close ends it.
func (c *Cluster) NewProducer(o ProducerOptions) (*Producer, error) {
	config := c.options.clientConfig()
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1 // what an idempotent sarama producer demands
	config.Producer.Timeout = readTimeout
	config.Net.ReadTimeout = readTimeout + 2*time.Second
	config.ApiVersionsRequest = false // a frozen broker would be waited for three times on each connection
	config.Producer.Retry.Max = 1000  // minutes of broker failure
	config.Producer.Retry.Backoff = 100 * time.Millisecond
	// An idempotent batch is given up when its leader cannot be looked up: the look-up must be as patient as the batch.
	config.Metadata.Retry.Max = 1000
	config.Metadata.Retry.Backoff = 100 * time.Millisecond
	config.Producer.MaxMessageBytes = cmp.Or(o.MaxBatch, 64<<20)
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	config.Producer.Return.Errors = true
	async, err := sarama.NewAsyncProducer(c.runningAddrs(), config)
	if err != nil {
		return nil, fmt.Errorf("cannot start a producer: %w", err)
	}
	p := &Producer{options: o, async: async, done: make(chan struct{}), settled: make(chan struct{})}
	go p.collect()
	return p, nil
}

// Send queues one record at the producer's pace; key and value must not change afterwards. It is called from one
// goroutine and fails only when ctx ends.
func (p *Producer) Send(ctx context.Context, topic string, partition int32, key, value []byte) error {
	if err := p.pace(ctx); err != nil {
		return err
	}
	m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Metadata: Acked{Key: key, Value: value}}
	if key != nil {
		m.Key = sarama.ByteEncoder(key)
	}
	if value != nil {
		m.Value = sarama.ByteEncoder(value)
	}
	p.mu.Lock()
	p.outstanding++
	p.mu.Unlock()
	select {
	case p.async.Input() <- m:
		return nil
	case <-ctx.Done():
		p.settle(func() {})
		return fmt.Errorf("cannot send to %s-%d: %w", topic, partition, ctx.Err())
	}
}

// pace waits until the next record is due.
func (p *Producer) pace(ctx context.Context) error {
	if p.options.Rate <= 0 {
		return nil
	}
	now := time.Now()
	if p.due.IsZero() {
		p.due = now
	}
	if earliest := now.Add(-time.Second); p.due.Before(earliest) {
		p.due = earliest
	}
	if wait := p.due.Sub(now); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("cannot wait for the next record's time: %w", ctx.Err())
		}
	}
	p.due = p.due.Add(time.Duration(float64(time.Second) / p.options.Rate))
	return nil
}

// Flush waits until every record sent so far is acknowledged or has failed, and reports failures.
func (p *Producer) Flush(ctx context.Context) error {
	for {
		p.mu.Lock()
		left, settled, failed := p.outstanding, p.settled, slices.Clone(p.failed)
		p.mu.Unlock()
		if left == 0 {
			if len(failed) > 0 {
				return fmt.Errorf("%d records failed, the first: %w", len(failed), failed[0])
			}
			return nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return fmt.Errorf("%d records are neither acknowledged nor refused: %w", left, ctx.Err())
		}
	}
}

// Acked returns the records acknowledged so far, in offset order within a partition.
func (p *Producer) Acked() []Acked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.acked)
}

// Failed returns the errors of the records that were given up.
func (p *Producer) Failed() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.failed)
}

// Close ends the producer after what is queued; it waits as long as that takes, so call Flush first.
func (p *Producer) Close() {
	p.async.AsyncClose()
	<-p.done
}

// collect books the results.
func (p *Producer) collect() {
	defer close(p.done)
	type log struct {
		topic     string
		partition int32
	}
	next := map[log]int64{}
	successes, failures := p.async.Successes(), p.async.Errors()
	for successes != nil || failures != nil {
		select {
		case m, ok := <-successes:
			if !ok {
				successes = nil
				continue
			}
			a := m.Metadata.(Acked)
			a.Topic, a.Partition, a.Offset = m.Topic, m.Partition, m.Offset
			at := log{m.Topic, m.Partition}
			if a.Offset < next[at] {
				// sarama reports DUPLICATE_SEQUENCE_NUMBER as success without an offset.
				p.settle(func() {
					p.failed = append(p.failed, fmt.Errorf("%s-%d: acknowledged without an offset of its own (%d)", a.Topic, a.Partition, a.Offset))
				})
				continue
			}
			next[at] = a.Offset + 1
			if p.options.OnAck != nil {
				p.options.OnAck(a)
			}
			p.settle(func() {
				if !p.options.Discard {
					p.acked = append(p.acked, a)
				}
			})
		case f, ok := <-failures:
			if !ok {
				failures = nil
				continue
			}
			p.settle(func() { p.failed = append(p.failed, f) })
		}
	}
}

// settle books one result under the lock.
func (p *Producer) settle(book func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	book()
	p.outstanding--
	if p.outstanding == 0 {
		close(p.settled)
		p.settled = make(chan struct{})
	}
}
