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

// churn is a server whose clients leave and come back all the time, an eighth of them being away.
type churn struct {
	clients   int
	perSecond int // clients that leave, and as many that come back
	rate      float64
	size      int
	long      time.Duration // with Bench.Full six times as long
}

func (c churn) run(ctx context.Context, b *Bench) (d report.Document, err error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	if b.Full {
		c.long *= 6
	}
	d.Summary = fmt.Sprintf("%d clients of which %d leave every second and as many come back with their last id, for %v, while %g records/s of %d B go on.",
		c.clients, c.perSecond, c.long, c.rate, c.size)
	// The ring is full before, so that memory has no reason to grow.
	err = b.withSessionOf(ctx, subject, setup{events: smallRing}, 2, c.size, func(at session) error {
		if err := at.producer.Burst(ctx, smallRing); err != nil {
			return err
		}
		if err := at.server.awaitEvents(ctx, smallRing); err != nil {
			return err
		}
		if _, err := at.clients.do(load.Command{Do: "connect", Clients: c.clients, Plan: load.Plan{From: at.producer.Sent()}}); err != nil {
			return err
		}
		// The first few who come back make what the others find.
		if _, err := c.turn(ctx, b, at, time.Second); err != nil {
			return err
		}
		quiet, err := c.quiet(ctx, b, at)
		if err != nil {
			return err
		}
		before, err := b.footprint(ctx, at.server)
		if err != nil {
			return err
		}
		recorded := at.server.record(ctx, max(100*time.Millisecond, c.long/200))
		r, err := c.turn(ctx, b, at, c.long)
		line, rerr := recorded()
		if err := errors.Join(err, rerr); err != nil {
			return fmt.Errorf("churn: %w", err)
		}
		r.quiet = quiet
		after, err := b.footprint(ctx, at.server)
		if err != nil {
			return err
		}
		if err := flat(before, after); err != nil {
			d.Failures = append(d.Failures, err.Error())
		}
		b.progress("%d came back, p99 of their first bytes %s, %.0f µs of processor time each; %s, then %s", r.changes, report.Micros(float64(r.GreetP99)), r.cpu(),
			mebibytes(float64(before.resident)), mebibytes(float64(after.resident)))
		d.Tables = append(d.Tables, r.table(), report.Table{Title: "Memory after garbage collection", Rows: [][]string{
			{"", "resident", "threads", "descriptors", "Kafka connections"}, before.cells("before"), after.cells("after")}})
		d.Charts = []report.Chart{{Title: "Resident memory of the server, garbage included", X: "seconds", Y: "MiB", At: line.seconds, Series: []report.Series{line.series("ringcast")}}}
		d.Notes = append(d.Notes, r.shares.String()+".")
		return nil
	}, keepIDs)
	d.Notes = append(d.Notes, "Every client has every record once and in order, across all its connections.",
		"Processor time for one that came back: what the server used, less what its deliveries alone used in the seconds before. A delivery that was missed comes with the connection.")
	return d, err
}

// churned is what clients saw that came and went.
type churned struct {
	load.Report
	changes int
	quiet   float64 // share of a core that the server used for the same deliveries while nobody came or went
	shares  shares
}

// cpu is the processor time of the server for each client that came back, in µs.
func (r churned) cpu() float64 {
	return (r.shares.cpu[0] - r.quiet*r.shares.seconds) * 1e6 / float64(r.changes)
}

// quiet measures the deliveries alone.
func (c churn) quiet(ctx context.Context, b *Bench, at session) (share float64, err error) {
	stop, err := costs(b.processes(at.server, at.clients))
	if err != nil {
		return 0, err
	}
	if err := at.producer.Paced(ctx, c.rate, steadyMeasured); err != nil {
		return 0, err
	}
	sh, err := stop()
	if err != nil {
		return 0, err
	}
	end, err := at.clients.await(at.producer.Sent())
	return sh.cpu[0] / sh.seconds, verdict(end, err)
}

func (r churned) table() report.Table {
	return report.Table{Title: "Coming and going", Rows: [][]string{
		{"came back", "first bytes: p50", "p99", "p99.9", "max", "deliveries: p50", "p99", "p99.9", "server CPU", "without coming and going", "CPU for each that came back", "load generator CPU"},
		{fmt.Sprint(r.changes), report.Micros(float64(r.GreetP50)), report.Micros(float64(r.GreetP99)), report.Micros(float64(r.GreetP999)), report.Micros(float64(r.GreetMax)),
			report.Micros(float64(r.P50)), report.Micros(float64(r.P99)), report.Micros(float64(r.P999)),
			report.Share(r.shares.cpu[0] / r.shares.seconds), report.Share(r.quiet), fmt.Sprintf("%.0f µs", r.cpu()), report.Share(r.shares.cpu[1] / r.shares.seconds)}}}
}

// turn lets clients come and go for d; then all are there, and have everything.
func (c churn) turn(ctx context.Context, b *Bench, at session, d time.Duration) (r churned, err error) {
	r.changes = int(float64(c.perSecond) * d.Seconds())
	if _, err := at.clients.mark(); err != nil {
		return r, err
	}
	stop, err := costs(b.processes(at.server, at.clients))
	if err != nil {
		return r, err
	}
	err = whileProducing(ctx, at.producer, c.rate, func() error {
		r.Report, err = at.clients.do(load.Command{Do: "churn", Clients: r.changes, For: d, Timeout: d + time.Minute})
		return err
	})
	if err != nil {
		return r, err
	}
	if r.shares, err = stop(); err != nil {
		return r, err
	}
	end, err := at.clients.await(at.producer.Sent())
	return r, verdict(end, err)
}
