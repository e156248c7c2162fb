package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/IBM/sarama"
)

// Counted is what Count writes when it has seen enough, one line of JSON.
type Counted struct {
	Records uint64 `json:"records"`
	Bytes   uint64 `json:"bytes"`
}

// Count reads topic until it has seen records of them, at once writes a Counted line to out, and leaves the
// group. With 0 records it does so when the group session has begun.
func Count(ctx context.Context, brokers []string, topic string, records uint64, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &counter{want: records}
	var written error
	c.full = func() {
		written = json.NewEncoder(out).Encode(Counted{Records: c.records.Load(), Bytes: c.bytes.Load()})
		cancel()
	}
	if err := Run(ctx, brokers, topic, c); err != nil {
		return err
	}
	if n := c.records.Load(); n < records {
		return fmt.Errorf("cannot count %d records of topic %q: stopped at %d", records, topic, n)
	}
	return written
}

type counter struct {
	want           uint64
	full           func() // called once
	records, bytes atomic.Uint64
}

// Start is called when the group session begins.
func (c *counter) Start(int) {
	if c.want == 0 {
		c.full()
	}
}

// Record counts.
func (c *counter) Record(m *sarama.ConsumerMessage) {
	c.bytes.Add(uint64(len(m.Value)))
	if c.records.Add(1) == c.want {
		c.full()
	}
}
