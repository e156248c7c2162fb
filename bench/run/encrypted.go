//go:build linux

package run

import (
	"context"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
)

// encrypted compares the TLS listener with the plain one: idle clients, then a steady stream.
type encrypted struct {
	clients int // with Bench.Full 5,000
	rate    float64
	size    int

	measured time.Duration
}

// overTLS is ringcast with a TLS listener.
const overTLS kind = "ringcast, TLS"

func (c encrypted) run(ctx context.Context, b *Bench) (d report.Document, err error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	if b.Full {
		c.clients, c.measured = 5000, 5*c.measured
	}
	d.Summary = fmt.Sprintf("%d clients of a TLS listener, and as many of a plain one: idle, and with %g records/s of %d B for %v. TLS 1.3, certificates with ECDSA P-256.",
		c.clients, c.rate, c.size, c.measured)
	cert, key, err := proc.Certificate(b.Dir)
	if err != nil {
		return d, err
	}
	idle := map[kind][]float64{}
	kinds := []kind{subject, overTLS}
	m, err := b.measure(ctx, &d, comparison{kinds: kinds, base: subject, one: func(ctx context.Context, k kind) (speed, error) {
		o, flags := setup{}, []string(nil)
		if k == overTLS {
			o, flags = setup{cert: cert, key: key}, []string{encryptedClients}
		}
		s, each, err := c.one(ctx, b, o, flags)
		idle[k] = append(idle[k], each)
		return s, err
	}})
	if err != nil {
		return d, err
	}
	t := report.Table{Title: "Resident memory for an idle client, after garbage collection", Rows: [][]string{{"server", "above itself without clients, for each (min–max)"}}}
	memory := report.Chart{Title: "Resident memory for an idle client", X: "median, and the least and largest of the rounds", Y: "KiB", Labels: []string{""}}
	for _, k := range kinds {
		s := report.Over(idle[k])
		t.Rows = append(t.Rows, []string{b.label(k), fmt.Sprintf("%.0f B (%.0f–%.0f)", s.Median, s.Min, s.Max)})
		memory.Series = append(memory.Series, report.Series{Name: b.label(k), Values: []report.Spread{{Median: s.Median / 1024, Min: s.Min / 1024, Max: s.Max / 1024}}})
	}
	d.Tables = append([]report.Table{t}, d.Tables...)
	d.Charts = []report.Chart{memory, m.latencies(), costPerDelivery([]string{fmt.Sprintf("records of %d B", c.size)}, []compared{m})}
	d.Notes = append(d.Notes, "The load generator has a goroutine for each client with TLS, and decrypts on the same cores. The yardstick knows no TLS: the plain listener of the same round stands in its place.")
	return d, nil
}

func (c encrypted) one(ctx context.Context, b *Bench, o setup, flags []string) (s speed, idle float64, err error) {
	err = b.withSessionOf(ctx, subject, o, 2, c.size, func(at session) error {
		if at, err = at.connected(c.clients); err != nil {
			return err
		}
		f, err := b.footprint(ctx, at.server)
		if err != nil {
			return err
		}
		idle = (float64(f.resident) - float64(at.empty)) / float64(c.clients)
		if err := at.producer.Paced(ctx, c.rate, steadyWarm); err != nil {
			return err
		}
		if r, err := at.clients.await(at.producer.Sent()); verdict(r, err) != nil {
			return fmt.Errorf("warming up: %w", verdict(r, err))
		}
		s, err = b.steady(ctx, at, c.rate, c.measured)
		return err
	}, flags...)
	return s, idle, err
}
