//go:build linux

package run

import (
	"context"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/report"
)

// fanout sends a steady stream to many clients.
type fanout struct {
	clients    int
	rate       float64 // records a second, over all partitions
	size       int     // bytes of a record
	partitions int
	single     bool // also measure one write per event

	warm, measured time.Duration
}

func (f fanout) run(ctx context.Context, b *Bench) (report.Document, error) {
	if b.Full {
		f.measured *= 4
	}
	d := report.Document{Summary: fmt.Sprintf("%d clients, %g records/s of %d B on %d partitions, %v measured after %v.",
		f.clients, f.rate, f.size, f.partitions, f.measured, f.warm)}
	kinds := []kind{subject, auto}
	if f.single {
		kinds = append(kinds, single)
	}
	err := b.compare(ctx, &d, kinds, func(ctx context.Context, k kind) (s speed, err error) {
		err = b.withSession(ctx, k, f.partitions, f.size, f.clients, func(at session) (err error) {
			s, err = f.one(ctx, b, at)
			return err
		})
		return s, err
	})
	return d, err
}

func (f fanout) one(ctx context.Context, b *Bench, at session) (speed, error) {
	if err := at.producer.Paced(ctx, f.rate, f.warm); err != nil {
		return speed{}, err
	}
	if r, err := at.clients.await(at.producer.Sent()); verdict(r, err) != nil {
		return speed{}, fmt.Errorf("warming up: %w", verdict(r, err))
	}
	m, err := b.startMeter(at.server, at.clients)
	if err != nil {
		return speed{}, err
	}
	begin := time.Now()
	if err := at.producer.Paced(ctx, f.rate, f.measured); err != nil {
		return speed{}, err
	}
	end, err := at.clients.await(at.producer.Sent())
	return m.stop(time.Since(begin).Seconds(), end, verdict(end, err))
}
