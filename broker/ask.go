package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
)

// LookUp asks Kafka about one topic of the stream, with a question that starts
// after the call and that concurrent callers share. Partitions that it finds
// are followed when it returns. A topic that the stream does not have does not
// exist.
func (s *Stream) LookUp(ctx context.Context, topic string) (partitions int, exists bool, err error) {
	s.mu.Lock()
	ours := s.topicLocked(topic) != nil
	s.mu.Unlock()
	if !ours {
		return 0, false, nil
	}
	var cluster raw.Cluster
	err = s.ask(ctx, func(b *Broker) (err error) {
		cluster, err = b.meta.now(ctx)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("cannot look up topic %q: %w", topic, err)
	}
	t := cluster.Topics[topic]
	if errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition) {
		return 0, false, nil
	}
	if t.Err != nil && len(t.Partitions) == 0 {
		return 0, false, fmt.Errorf("cannot look up topic %q: %w", topic, t.Err)
	}
	return partitionCount(t), true, nil
}

// PastEnd asks the leader of a partition whether offset lies above the end of
// its log, with a question that starts after the call and that concurrent
// callers share. end counts only when past is true. An error is no answer:
// leaders move, Kafka is away; ask again.
func (s *Stream) PastEnd(ctx context.Context, topic string, partition int32, offset int64) (end int64, past bool, err error) {
	err = s.ask(ctx, func(*Broker) (err error) {
		s.mu.Lock()
		questions := s.past
		s.mu.Unlock()
		end, past, err = questions.ask(ctx, question{raw.TP{Topic: topic, Partition: partition}, offset})
		return err
	})
	return end, past, err
}

// askPastEnd asks with the highest leader epoch seen, so that a leader that
// was deposed does not answer.
func (s *Stream) askPastEnd(ctx context.Context, tp raw.TP, offset int64) (end int64, past bool, err error) {
	epoch := int32(-1)
	s.mu.Lock()
	if t := s.topicLocked(tp.Topic); t != nil && int(tp.Partition) < len(t.leader) && tp.Partition >= 0 {
		epoch = t.leader[tp.Partition]
	}
	s.mu.Unlock()
	a, err := s.asks.get().PastEnd(ctx, tp, offset, epoch, s.b.cfg.ReadCommitted)
	if err != nil {
		s.b.meta.kick() // the leader may have moved
		return 0, false, err
	}
	return a.End, a.Past, nil
}

// pastEnds shares the questions of many callers. Of each question at most one
// is under way and one waits; a caller joins only the one that waits.
type pastEnds struct {
	s *Stream

	mu      sync.Mutex
	ctx     context.Context // nil before open; ends with the stream
	flights map[question]*flights
	wg      sync.WaitGroup

	slots chan struct{} // bounds the questions under way; cap questionsAtOnce
}

// questionsAtOnce leaves room for the end check, which uses the same client.
const questionsAtOnce = 4

type question struct {
	tp     raw.TP
	offset int64
}

type flights struct {
	waiting *flight // nil: none
}

// flight is one question to Kafka. Its results are set before done is closed.
type flight struct {
	done chan struct{}
	end  int64
	past bool
	err  error
}

func newPastEnds(s *Stream) *pastEnds {
	return &pastEnds{s: s, flights: map[question]*flights{}, slots: make(chan struct{}, questionsAtOnce)}
}

// open lets questions be asked until the context ends.
func (q *pastEnds) open(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ctx = ctx
}

// wait returns when the context has ended and the last question with it.
func (q *pastEnds) wait() {
	<-q.ctx.Done()
	q.mu.Lock()
	q.mu.Unlock() //nolint:staticcheck // whoever saw ctx alive has called wg.Go
	q.wg.Wait()
}

func (q *pastEnds) ask(ctx context.Context, about question) (int64, bool, error) {
	f, err := q.join(about)
	if err != nil {
		return 0, false, err
	}
	select {
	case <-f.done:
		return f.end, f.past, f.err
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
}

// join returns a flight that has not started.
func (q *pastEnds) join(about question) (*flight, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ctx == nil || q.ctx.Err() != nil {
		return nil, errEnded
	}
	fs := q.flights[about]
	if fs == nil {
		fs = &flights{waiting: newFlight()}
		q.flights[about] = fs
		q.wg.Go(func() { q.fly(about, fs) })
		return fs.waiting, nil
	}
	if fs.waiting == nil {
		fs.waiting = newFlight()
	}
	return fs.waiting, nil
}

func newFlight() *flight { return &flight{done: make(chan struct{})} }

// fly asks until nobody waits for this question any more.
func (q *pastEnds) fly(about question, fs *flights) {
	for {
		q.slots <- struct{}{}
		q.mu.Lock()
		f := fs.waiting
		fs.waiting = nil
		if f == nil {
			delete(q.flights, about)
			q.mu.Unlock()
			<-q.slots
			return
		}
		q.mu.Unlock()
		f.end, f.past, f.err = q.s.askPastEnd(q.ctx, about.tp, about.offset)
		close(f.done)
		<-q.slots
	}
}
