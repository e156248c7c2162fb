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
		_, body, err := s.get(ctx, "/metrics")
		if err != nil {
			return fmt.Errorf("cannot read the metrics of ringcast: %w", err)
		}
		seen := metric(string(body), fmt.Sprintf("ringcast_events_total{stream=%q}", streamName))
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
