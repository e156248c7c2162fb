//go:build linux

package run

import (
	"context"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/report"
)

// saturation produces bursts as fast as Kafka takes them; the next begins when every client has the last.
// A burst fits into a ring of the default size, so nothing may be lost and nothing is read again.
type saturation struct {
	clients, burst, size int
}

func (c saturation) run(ctx context.Context, b *Bench) (report.Document, error) {
	bursts := 4
	if b.Full {
		bursts = 20
	}
	d := report.Document{Summary: fmt.Sprintf("%d clients, %d bursts of %d records of %d B on one partition, unpaced.",
		c.clients, bursts, c.burst, c.size)}
	d.Notes = append(d.Notes, "deliveries/s is over the time from the first record of a burst to its last delivery; latencies are those of a queue that is emptied, not of a server at rest.")
	err := b.compare(ctx, &d, []kind{subject, auto}, func(ctx context.Context, k kind) (s speed, err error) {
		err = b.withSession(ctx, k, 1, c.size, c.clients, func(at session) (err error) {
			s, err = c.one(ctx, b, at, bursts)
			return err
		})
		return s, err
	})
	return d, err
}

func (c saturation) one(ctx context.Context, b *Bench, at session, bursts int) (speed, error) {
	if _, err := c.burstOnce(ctx, at, c.burst/4); err != nil {
		return speed{}, fmt.Errorf("warming up: %w", err)
	}
	m, err := b.startMeter(ctx, at)
	if err != nil {
		return speed{}, err
	}
	var seconds float64
	for range bursts {
		s, err := c.burstOnce(ctx, at, c.burst)
		if err != nil {
			end, _ := at.clients.await(at.producer.Sent())
			return m.stop(ctx, max(seconds, 0.01), end, err)
		}
		seconds += s
	}
	end, err := at.clients.await(at.producer.Sent())
	return m.stop(ctx, seconds, end, verdict(end, err))
}

// burstOnce returns the seconds from the first record to the last delivery.
func (c saturation) burstOnce(ctx context.Context, at session, records int) (float64, error) {
	begin := time.Now()
	if err := at.producer.Burst(ctx, records); err != nil {
		return 0, err
	}
	r, err := at.clients.await(at.producer.Sent())
	if err := verdict(r, err); err != nil {
		return 0, err
	}
	return float64(r.LastMicros-begin.UnixMicro()) / 1e6, nil
}
