//go:build linux

package run

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// awaitEvents waits until ringcast's stream has taken in n events.
func (s *server) awaitEvents(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		text, err := s.metrics(ctx)
		if err != nil {
			return err
		}
		seen := metric(text, fmt.Sprintf("ringcast_events_total{stream=%q}", streamName))
		if seen >= float64(n) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot wait longer for %d events: ringcast has %.0f", n, seen)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// awaitClients waits until ringcast has n connections, and returns its metrics then.
func (s *server) awaitClients(ctx context.Context, n int) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if text, err = s.metrics(ctx); err != nil {
			return "", err
		}
		connected := metric(text, fmt.Sprintf("ringcast_connections{stream=%q}", streamName))
		if int(connected) == n && int(metric(text, "ringcast_sockets")) == n {
			return text, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("cannot wait longer for %d connections: ringcast has %.0f", n, connected)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// replayedBytes is what was read from Kafka for positions that the ring no longer has.
const replayedBytes = "ringcast_replay_bytes_total"

// metrics returns what ringcast's admin listener says.
func (s *server) metrics(ctx context.Context) (text string, err error) {
	_, body, err := s.get(ctx, "/metrics")
	if err != nil {
		return "", fmt.Errorf("cannot read the metrics of ringcast: %w", err)
	}
	return string(body), nil
}

// metric returns the value of the series in a Prometheus text; a series that is not there is 0, as a
// counter that was never incremented.
func metric(text, series string) float64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return v
		}
	}
	return 0
}
