//go:build kafka

package blackbox

import (
	"fmt"
	"sync"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// writer sends records that say who they are, with acks=all, and books what
// Kafka acknowledges.
type writer struct {
	s    *scene
	p    *kafka.Producer
	acks pauses // between acknowledgements of a partition
}

// writer connects a producer of so many records a second, 0: no pacing.
func (s *scene) writer(rate float64) *writer {
	s.t.Helper()
	w := s.shortWriter(rate)
	s.t.Cleanup(w.p.Close)
	return w
}

// shortWriter is a writer that its user closes.
func (s *scene) shortWriter(rate float64) *writer {
	s.t.Helper()
	w := &writer{s: s}
	var err error
	w.p, err = s.c.NewProducer(kafka.ProducerOptions{Rate: rate, MaxBatch: max(batchSize, 2*s.size), Discard: true, OnAck: func(a kafka.Acked) {
		f, now := flow{tp: ledger.TopicPartition{Topic: a.Topic, Partition: a.Partition}}, time.Now()
		w.acks.note(f, now)
		s.acked.note(f, now)
		if err := s.book.Add(ledger.Record{Topic: a.Topic, Partition: a.Partition, Offset: a.Offset, Value: a.Value}); err != nil {
			s.t.Error(err)
		}
	}})
	s.must(err)
	return w
}

// value makes the next record of a partition.
func (s *scene) value(topic string, partition int32) []byte {
	return s.valueOf(topic, partition, s.size)
}

// valueOf is value with a size of its own.
func (s *scene) valueOf(topic string, partition int32, size int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	tp := ledger.TopicPartition{Topic: topic, Partition: partition}
	n := s.next[tp]
	s.next[tp]++
	return ledger.Value(topic, partition, n, size)
}

// count is how many records were made for a partition.
func (s *scene) count(topic string, partition int32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[ledger.TopicPartition{Topic: topic, Partition: partition}]
}

// send queues n records for each partition, in turn.
func (w *writer) send(topic string, partitions int32, n int) error {
	for range n {
		for p := range partitions {
			if err := w.p.Send(w.s.ctx, topic, p, w.key(topic, p), w.s.value(topic, p)); err != nil {
				return err
			}
		}
	}
	return nil
}

// key is that of the next record of a partition.
func (w *writer) key(topic string, partition int32) []byte {
	if w.s.keys == 0 {
		return nil
	}
	return fmt.Append(nil, "key", w.s.count(topic, partition)%w.s.keys)
}

// write sends n records to each partition and waits until they are acknowledged.
func (w *writer) write(topic string, partitions int32, n int) {
	w.s.t.Helper()
	w.s.must(w.send(topic, partitions, n))
	w.s.must(w.p.Flush(w.s.ctx))
}

// load sends to the partitions in turn until the returned function is called,
// which waits for what is under way.
func (w *writer) load(topic string, partitions int32) (stop func()) {
	var sending sync.WaitGroup
	ended := make(chan struct{})
	sending.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			if err := w.send(topic, partitions, 1); err != nil {
				w.s.t.Error(err)
				return
			}
		}
	})
	end := sync.OnceFunc(func() { close(ended) })
	w.s.t.Cleanup(func() {
		end()
		sending.Wait()
	})
	return func() {
		w.s.t.Helper()
		end()
		sending.Wait()
		w.s.must(w.p.Flush(w.s.ctx))
	}
}
