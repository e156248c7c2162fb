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
	sizes      []int   // bytes of a record; without Bench.Full only the first is run
	partitions int
	single     bool          // also measure one write per event
	late       time.Duration // what arrives waits so long in a small receive buffer; then few writes may be short

	warm, measured time.Duration
}

// Times of a steady stream, in the small form.
const (
	steadyWarm     = time.Second
	steadyMeasured = 3 * time.Second
)

// aimShort is the share of writes to healthy clients that may be short.
const aimShort = 0.01

func (f fanout) run(ctx context.Context, b *Bench) (report.Document, error) {
	if b.Full {
		f.measured *= 5
	} else {
		f.sizes = f.sizes[:1]
	}
	d := report.Document{Summary: fmt.Sprintf("%d clients, %g records/s on %d partitions, %v measured after %v.", f.clients, f.rate, f.partitions, f.measured, f.warm)}
	if f.late > 0 {
		d.Summary += fmt.Sprintf(" Clients have a receive buffer of 4 KiB and leave what arrives for up to %v: until then the server's segments have no room, as over a distance.", f.late)
	}
	kinds := []kind{subject, auto}
	if f.single {
		kinds = append(kinds, single)
	}
	var labels []string
	var all []compared
	for _, size := range f.sizes {
		c, err := b.measure(ctx, &d, comparison{title: fmt.Sprintf("%d B", size), kinds: kinds, base: auto, one: func(ctx context.Context, k kind) (speed, error) {
			return f.one(ctx, b, k, size)
		}})
		if err != nil {
			return d, err
		}
		f.judge(&d, c)
		labels, all = append(labels, "records of "+c.title), append(all, c)
		d.Charts = append(d.Charts, c.latencies())
	}
	d.Charts = append(d.Charts, costPerDelivery(labels, all))
	return d, nil
}

func (f fanout) one(ctx context.Context, b *Bench, k kind, size int) (s speed, err error) {
	var flags []string
	if f.late > 0 {
		flags = readLate(f.late)
	}
	err = b.withSessionOf(ctx, k, setup{}, f.partitions, size, func(at session) (err error) {
		if at, err = at.connected(f.clients); err != nil {
			return err
		}
		if err := at.producer.Paced(ctx, f.rate, f.warm); err != nil {
			return err
		}
		if r, err := at.clients.await(at.producer.Sent()); verdict(r, err) != nil {
			return fmt.Errorf("warming up: %w", verdict(r, err))
		}
		s, err = b.steady(ctx, at, f.rate, f.measured)
		return err
	}, flags...)
	return s, err
}

// steady measures a stream of rate records a second for d.
func (b *Bench) steady(ctx context.Context, at session, rate float64, d time.Duration) (speed, error) {
	m, err := b.startMeter(ctx, at)
	if err != nil {
		return speed{}, err
	}
	begin := time.Now()
	if err := at.producer.Paced(ctx, rate, d); err != nil {
		return speed{}, err
	}
	end, err := at.clients.await(at.producer.Sent())
	return m.stop(ctx, time.Since(begin).Seconds(), end, verdict(end, err))
}

// judge fails a run in which clients that are late but healthy had short writes.
func (f fanout) judge(d *report.Document, c compared) {
	for round, s := range c.got[subject] {
		if w := s.uses.writes; f.late > 0 && w.known && w.share() >= aimShort {
			d.Failures = append(d.Failures, fmt.Sprintf("%sround %d: %v of %.0f writes were short, the limit is 1 %%", c.prefix(), round+1, w, w.all))
		}
	}
}
