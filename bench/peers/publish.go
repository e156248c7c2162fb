//go:build linux

package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/intake"
)

// publisher posts each record to a server that knows nothing of Kafka. Each partition has a connection that is kept
// alive, and waits for the answer, so that its records stay in order.
type publisher struct {
	url     string
	client  *http.Client
	started func()
	fail    context.CancelCauseFunc
}

// Publish posts the records of topic to url until ctx ends. It writes a Started line to out when it reads.
func Publish(ctx context.Context, brokers []string, topic, url string, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	p := &publisher{url: url, client: &http.Client{Transport: transport, Timeout: time.Minute}, fail: cancel}
	p.started = func() {
		if err := json.NewEncoder(out).Encode(Started{}); err != nil {
			cancel(err)
		}
	}
	err := intake.Run(ctx, brokers, topic, p)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// Start is called by intake when the topic is being read.
func (p *publisher) Start(int) { p.started() }

// Record is called by intake, by one goroutine for each partition.
func (p *publisher) Record(m *sarama.ConsumerMessage) {
	resp, err := p.client.Post(p.url, "application/json", bytes.NewReader(m.Value))
	if err != nil {
		p.fail(fmt.Errorf("cannot publish a record: %w", err))
		return
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		p.fail(fmt.Errorf("cannot publish a record: status %s, %w", resp.Status, err))
	}
}
