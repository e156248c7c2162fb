package broker

import (
	"context"
)

// Inspected is what Kafka says of one topic.
type Inspected struct {
	Partitions int
	Err        error // why it cannot be read, nil otherwise
}

// Inspect asks Kafka once for topics, without reading from them. An error means
// that nobody answered.
func Inspect(ctx context.Context, cfg Config, topics []string) (map[string]Inspected, error) {
	b := &Broker{cfg: cfg}
	setLibrary(cfg)
	asks := b.newAsker()
	defer asks.close()
	c, err := asks.client.Metadata(ctx, topics)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Inspected, len(topics))
	for _, name := range topics {
		t := c.Topics[name]
		out[name] = Inspected{Partitions: len(t.Partitions), Err: t.Err}
	}
	return out, nil
}
