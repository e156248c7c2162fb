package broker

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
)

// Inspection is what Kafka says of a configuration.
type Inspection struct {
	Topics map[string]Inspected
	Groups map[string]error // by stream: why it may have no consumer group
}

// Inspected is what Kafka says of one topic.
type Inspected struct {
	Partitions int
	Err        error // why it cannot be read, nil otherwise
}

// inspectTries is how often brokers that may be slow are asked.
const inspectTries = 3

// Inspect asks Kafka once whether streams, which are lists of topics by name,
// can be served, without joining a group. An error means that nobody answered;
// where only the operator can mend that it is a *Trouble.
func Inspect(ctx context.Context, cfg Config, streams map[string][]string) (Inspection, error) {
	b, err := newBroker(cfg)
	if err != nil {
		return Inspection{}, err
	}
	asks := b.newAsker()
	defer asks.close()
	var topics []string
	for _, names := range streams {
		topics = append(topics, names...)
	}
	var c raw.Cluster
	for range inspectTries {
		if c, err = asks.client.Metadata(ctx, topics); !raw.Retriable(err) {
			break
		}
	}
	if err != nil {
		return Inspection{}, b.orTrouble(err)
	}
	found := Inspection{Topics: make(map[string]Inspected, len(topics)), Groups: make(map[string]error)}
	for _, name := range topics {
		t := c.Topics[name]
		err := t.Err
		if err == nil {
			err = mayRead(ctx, asks.client, name)
		}
		found.Topics[name] = Inspected{Partitions: len(t.Partitions), Err: err}
	}
	for name := range streams {
		if err := asks.client.MayJoin(ctx, b.groupID(name, "check")); errors.Is(err, sarama.ErrGroupAuthorizationFailed) {
			found.Groups[name] = b.trouble(err)
		}
	}
	return found, nil
}

// mayRead tells whether a right is missing, by a fetch of nothing at the end of
// a topic. Other errors are not for a check: leaders move.
func mayRead(ctx context.Context, c *raw.Client, topic string) error {
	tp := raw.TP{Topic: topic}
	var denied *raw.DeniedError
	ends, err := c.Offsets(ctx, []raw.TP{tp}, sarama.OffsetNewest, false)
	if err != nil {
		return nil
	}
	if errors.As(ends[tp].Err, &denied) {
		return denied
	}
	_, err = c.Fetch(ctx, tp, max(0, ends[tp].Offset), raw.FetchOptions{MaxBytes: 1, LeaderEpoch: -1})
	if errors.As(err, &denied) {
		return denied
	}
	return nil
}
