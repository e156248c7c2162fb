// Package intake is the barest sarama consumer group that reads a whole topic: the yardstick server is fed
// by it, and it is the yardstick of ingest.
package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
)

// Config returns the sarama configuration of a consumer that reads everything and commits nothing. Time-outs
// are short enough that a broker that does not answer fails a run soon.
func Config() *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = "ringcast-bench"
	c.Version = sarama.V2_8_0_0
	c.Metadata.Full = false
	c.Metadata.AllowAutoTopicCreation = false
	c.Net.DialTimeout, c.Net.ReadTimeout = 5*time.Second, 3*time.Second
	c.Consumer.MaxWaitTime = 250 * time.Millisecond
	c.Consumer.Retry.Backoff = 200 * time.Millisecond
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	return c
}

// Handler gets the records of a topic. Record is called by one goroutine for each partition.
type Handler interface {
	// Start is called once, before the first record, with the number of partitions.
	Start(partitions int)
	Record(*sarama.ConsumerMessage)
}

// Run reads topic from its first record until ctx ends. A second session is an error: nothing keeps
// positions here, so it would read everything again.
func Run(ctx context.Context, brokers []string, topic string, h Handler) error {
	group := fmt.Sprintf("ringcast-bench.%d.%d", os.Getpid(), time.Now().UnixNano())
	g, err := sarama.NewConsumerGroup(brokers, group, Config())
	if err != nil {
		return fmt.Errorf("cannot join group %q at %v: %w", group, brokers, err)
	}
	err = g.Consume(ctx, []string{topic}, &session{topic: topic, h: h})
	if cerr := g.Close(); err == nil {
		err = cerr
	}
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("the group session ended")
	}
	return fmt.Errorf("cannot go on reading topic %q: %w", topic, err)
}

type session struct {
	topic string
	h     Handler
}

func (s *session) Setup(gs sarama.ConsumerGroupSession) error {
	s.h.Start(len(gs.Claims()[s.topic]))
	return nil
}

func (s *session) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (s *session) ConsumeClaim(gs sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			s.h.Record(m)
		case <-gs.Context().Done():
			return nil
		}
	}
}
