package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
)

const (
	// remember is how long an offset found by time is good for everyone.
	remember = time.Second

	// maxAnswers is how many answers are kept before old ones are thrown away.
	maxAnswers = 1024
)

// question is what is asked about a partition: a time in milliseconds, sarama.OffsetOldest or sarama.OffsetNewest.
type question struct {
	tp raw.TP
	at int64
}

// flight is a question under way, or its answer.
type flight struct {
	done   chan struct{} // closed when the answer is there
	offset int64
	err    error
	until  time.Time // good for whoever asks before; zero while under way. Guarded by asks.mu
}

// asks shares questions: those who ask the same at the same time get the same answer.
type asks struct {
	c       *Cache
	kafka   Offsets
	mu      sync.Mutex
	flights map[question]*flight
}

// At returns the first offset of tp whose record has a time at or after ms, in milliseconds since 1970; found is false
// where there is none. An offset that was found is remembered for a second.
func (c *Cache) At(ctx context.Context, tp raw.TP, ms int64) (offset int64, found bool, err error) {
	if ms < 0 {
		ms = 0 // negative ones mean something else to Kafka
	}
	offset, err = c.asks.ask(ctx, question{tp, ms})
	return offset, err == nil && offset >= 0, err
}

// Earliest returns the log start of tp. Who asks while another's question is under way gets that answer.
func (c *Cache) Earliest(ctx context.Context, tp raw.TP) (int64, error) {
	return c.asks.ask(ctx, question{tp, sarama.OffsetOldest})
}

// End returns the end of tp: the last stable offset with ReadCommitted, else the high-water mark. Who asks while
// another's question is under way gets that answer.
func (c *Cache) End(ctx context.Context, tp raw.TP) (int64, error) {
	return c.asks.ask(ctx, question{tp, sarama.OffsetNewest})
}

func (a *asks) ask(ctx context.Context, q question) (int64, error) {
	f, err := a.join(q)
	if err != nil {
		return -1, err
	}
	select {
	case <-f.done:
		return f.offset, f.err
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// join returns the flight of q, and starts it if there is none.
func (a *asks) join(q question) (*flight, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if f := a.flights[q]; f != nil && (f.until.IsZero() || now.Before(f.until)) {
		return f, nil
	}
	if len(a.flights) >= maxAnswers {
		a.tidyLocked(now)
	}
	f := &flight{done: make(chan struct{})}
	a.c.mu.Lock()
	started := a.c.startLocked(func() { a.fly(q, f) })
	a.c.mu.Unlock()
	if !started {
		return nil, ErrClosed
	}
	a.flights[q] = f
	return f, nil
}

func (a *asks) fly(q question, f *flight) {
	answers, err := a.kafka.Offsets(a.c.ctx, []raw.TP{q.tp}, q.at, a.c.readCommitted)
	if err == nil {
		err = answers[q.tp].Err
	}
	f.offset = answers[q.tp].Offset
	if err != nil {
		f.offset, f.err = -1, fmt.Errorf("cannot ask for an offset of %s/%d: %w", q.tp.Topic, q.tp.Partition, err)
	}
	a.mu.Lock()
	if err == nil && q.at >= 0 && f.offset >= 0 {
		f.until = time.Now().Add(remember)
	} else {
		delete(a.flights, q)
	}
	a.mu.Unlock()
	close(f.done)
}

func (a *asks) tidyLocked(now time.Time) {
	for q, f := range a.flights {
		if !f.until.IsZero() && now.After(f.until) {
			delete(a.flights, q)
		}
	}
}
