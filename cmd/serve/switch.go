package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/conf"
)

// ofKafka reports whether a broker is made of a key, so that another value takes
// another broker. max_batch is none of them: sarama knows one for the process.
// require_kafka is about a start.
func ofKafka(key string) bool {
	switch key {
	case "kafka.max_batch", "kafka.require_kafka":
		return false
	case "replay.max_concurrent", "replay.cache":
		return true
	}
	return strings.HasPrefix(key, "kafka.")
}

// kafka is a broker that runs.
type kafka struct {
	*broker.Broker
	stop  context.CancelFunc
	ended chan struct{} // closed when it has ended
}

// run starts a broker, unless the process is about to end.
func (p *Process) run(k *kafka) {
	ctx, cancel := context.WithCancel(p.ctx)
	k.stop, k.ended = cancel, make(chan struct{})
	p.starting.Lock()
	defer p.starting.Unlock()
	if ctx.Err() != nil {
		close(k.ended)
		return
	}
	p.running.Go(func() {
		defer close(k.ended)
		_ = k.Run(ctx)
	})
}

// inspectTime is how long another Kafka may take to answer.
const inspectTime = 10 * time.Second

// otherKafka returns a broker for a configuration whose Kafka is another one, or
// is to be used in another way, once that has shown that it can serve the
// streams; nil where there is no difference.
func (p *Process) otherKafka(cfg *conf.Config) (*kafka, error) {
	now := p.now.Load()
	if !slices.ContainsFunc(conf.Changes(now.cfg, cfg), ofKafka) {
		return nil, nil
	}
	bc := Kafka(cfg)
	bc.MaxBatch = Kafka(p.cfg).MaxBatch
	if err := p.canServe(bc, cfg.Streams); err != nil {
		return nil, fmt.Errorf("cannot go on with Kafka at %q: %w", bc.Brokers, err)
	}
	b, err := now.kafka.Next(bc)
	if err != nil {
		return nil, err
	}
	return &kafka{Broker: b}, nil
}

// canServe asks a Kafka for the topics of all streams, and whether they may be
// read. A topic that does not exist is none of its faults, unless that is all of
// them.
func (p *Process) canServe(bc broker.Config, streams []conf.Stream) error {
	ctx, cancel := context.WithTimeout(p.ctx, inspectTime)
	defer cancel()
	topics := make(map[string][]string)
	for _, s := range streams {
		topics[s.Name] = s.Topics
	}
	found, err := broker.Inspect(ctx, bc, topics)
	if err != nil {
		return err
	}
	missing := 0
	for name, t := range found.Topics {
		var denied *raw.DeniedError
		switch {
		case errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition):
			missing++
		case errors.As(t.Err, &denied):
			return denied
		case t.Err != nil:
			p.log.Warn().Str("topic", name).Err(t.Err).Msg("the new Kafka cannot serve a topic now")
		}
	}
	for _, err := range found.Groups {
		return err
	}
	if missing > 0 && missing == len(found.Topics) {
		return fmt.Errorf("it has none of the topics (%d)", missing)
	}
	return nil
}

// moveTo moves the streams to another broker and ends the present one.
func (p *Process) moveTo(next *kafka) {
	was, begun := p.now.Load().kafka, time.Now()
	p.run(next)
	next.TakeOver(was.Broker)
	was.stop()
	<-was.ended
	p.log.Warn().Dur("took", time.Since(begun)).Msg("the streams read from another Kafka now, or in another way")
}
