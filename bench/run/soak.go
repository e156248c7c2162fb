//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

// most is how many clients one process has in the scenarios that ask for all there can be: its limit of open files is
// 20,000, and so is the load generator's.
const most = 18_000

// soak is as many clients as a process can have, for a long time.
type soak struct {
	clients int
	rate    float64
	size    int
	long    time.Duration // in the small form; with Bench.Full ten minutes
}

func (c soak) run(ctx context.Context, b *Bench) (d report.Document, err error) {
	if b.Full {
		c.long = 10 * time.Minute
	}
	d.Summary = fmt.Sprintf("%d clients × %g records/s of %d B for %v; the yardstick for a tenth of the time, at least 5 s.", c.clients, c.rate, c.size, c.long)
	memory := report.Chart{Title: "Resident memory of the server, garbage included", X: "seconds", Y: "MiB"}
	late := report.Table{Title: "Latency and cost", Rows: [][]string{{"server", "deliveries", "p50", "p99", "p99.9", "max", "server CPU", "CPU per delivery", "resident, for each client", "load generator CPU", "others' CPU"}}}
	holds := report.Table{Title: "Memory after garbage collection", Rows: [][]string{{"", "resident", "threads", "descriptors", "Kafka connections"}}}
	for _, k := range []kind{subject, auto} {
		s, before, after, line, err := c.one(ctx, b, k)
		if err != nil {
			return d, fmt.Errorf("%s: %w", b.label(k), err)
		}
		b.judge(&d, b.label(k), s)
		if err := flat(before, after); err != nil {
			d.Failures = append(d.Failures, fmt.Sprintf("%s: %v", b.label(k), err))
		}
		b.progress("%s: %s deliveries, p99 %s, %s before, %s after", b.label(k), report.Count(s.deliveries), report.Micros(p99(s)), mebibytes(float64(before.resident)), mebibytes(float64(after.resident)))
		late.Rows = append(late.Rows, []string{b.label(k), report.Count(s.deliveries), report.Micros(p50(s)), report.Micros(p99(s)), report.Micros(p999(s)), report.Micros(maximum(s)),
			report.Share(serverShare(s)), fmt.Sprintf("%.2f µs", s.perDelivery()), fmt.Sprintf("%.0f B", perClient(s)), report.Share(clientShare(s)), report.Share(othersShare(s))})
		holds.Rows = append(holds.Rows, before.cells(b.label(k)+", before"), after.cells(b.label(k)+", after"))
		if k == subject {
			memory.At, memory.Series = line.seconds, []report.Series{line.series(b.label(k))}
		}
	}
	d.Tables, d.Charts = []report.Table{late, holds}, []report.Chart{memory}
	d.Notes = append(d.Notes, "Every client has every record once and in order; the memory after must not be above that before by more than a collector's noise (15 % and 4 MiB).")
	return d, nil
}

func (c soak) one(ctx context.Context, b *Bench, k kind) (s speed, before, after footprint, line timeline, err error) {
	long := c.long
	if k == auto {
		long = max(long/10, 5*time.Second)
	}
	err = b.withSessionOf(ctx, k, setup{events: smallRing, maxConnections: most}, 2, c.size, func(at session) error {
		// The ring is full before, so that memory has no reason to grow.
		if err := at.producer.Burst(ctx, smallRing); err != nil {
			return err
		}
		if err := at.served(ctx, smallRing); err != nil {
			return err
		}
		at.total = c.clients
		if _, err := at.clients.do(load.Command{Do: "connect", Clients: c.clients, Plan: load.Plan{From: at.producer.Sent()}, Timeout: 5 * time.Minute}); err != nil {
			return err
		}
		if err := at.producer.Paced(ctx, c.rate, 2*time.Second); err != nil {
			return err
		}
		if end, err := at.clients.await(at.producer.Sent()); verdict(end, err) != nil {
			return verdict(end, err)
		}
		if before, err = b.footprint(ctx, at.server); err != nil {
			return err
		}
		m, err := b.startMeter(ctx, at)
		if err != nil {
			return err
		}
		recorded := at.server.record(ctx, max(100*time.Millisecond, long/300))
		begin := time.Now()
		err = at.producer.Paced(ctx, c.rate, long)
		var rerr error
		line, rerr = recorded()
		if err := errors.Join(err, rerr); err != nil {
			return err
		}
		end, err := at.clients.await(at.producer.Sent())
		if s, err = m.stop(ctx, time.Since(begin).Seconds(), end, verdict(end, err)); err != nil {
			return err
		}
		after, err = b.footprint(ctx, at.server)
		return err
	})
	return s, before, after, line, err
}
