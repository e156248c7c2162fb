//go:build linux

package run

import (
	"context"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

// connectHerd is a crowd that comes all at once to a server that has no clients.
type connectHerd struct {
	clients, size int
	records       int // produced afterwards, to see that everybody was served
}

// came is what one herd of connects measured.
type came struct {
	seconds              float64 // from the first connect to the last client's first bytes
	p50, p99, p999, last float64 // µs from a client's own connect to its first bytes
	cpu                  float64 // µs of the server for each connect
	client               float64 // share of a core that the load generator used
	uses                 uses
}

func (c connectHerd) run(ctx context.Context, b *Bench) (report.Document, error) {
	d := report.Document{Summary: fmt.Sprintf("%d clients connect at once, none waits for another; each is served when it has header and greeting. Afterwards all get %d records.", c.clients, c.records)}
	kinds := []kind{subject, auto}
	got := map[kind][]came{}
	for round := range b.Rounds {
		for _, k := range inTurn(kinds, round) {
			r, err := c.one(ctx, b, k)
			if err != nil {
				return d, fmt.Errorf("round %d, %s: %w", round+1, b.label(k), err)
			}
			b.progress("round %d of %d, %s: all served after %.2f s, %.0f µs of processor time a connect", round+1, b.Rounds, b.label(k), r.seconds, r.cpu)
			got[k] = append(got[k], r)
			if r.client > 0.9 {
				d.Notes = append(d.Notes, fmt.Sprintf("round %d, %s: the load generator was a bottleneck (%s of a core).", round+1, b.label(k), report.Share(r.client)))
			}
		}
	}
	over := func(k kind, f func(came) float64) report.Spread {
		var v []float64
		for _, r := range got[k] {
			v = append(v, f(r))
		}
		return report.Over(v)
	}
	t := report.Table{Title: fmt.Sprintf("Figures, median of %d rounds", b.Rounds), Rows: [][]string{{"server", "all have first bytes after", "(min–max)",
		"from a client's own connect: p50", "p99", "p99.9", "max", "CPU per connect", "resident, for each", "threads", "descriptors not clients", "Kafka connections", "load generator CPU"}}}
	wait := report.Chart{Title: "Until a client has its first bytes", X: "percentile of clients", Y: "ms, logarithmic", Labels: []string{"p50", "p99", "p99.9", "max"}, Lines: true, Log: true}
	cost := report.Chart{Title: "Processor time of the server", X: "median, and the least and largest of the rounds", Y: "µs per connect", Labels: []string{""}}
	for _, k := range kinds {
		s := over(k, func(r came) float64 { return r.seconds })
		row := []string{b.label(k), fmt.Sprintf("%.2f s", s.Median), fmt.Sprintf("%.2f–%.2f", s.Min, s.Max)}
		line := report.Series{Name: b.label(k)}
		for _, f := range []func(came) float64{func(r came) float64 { return r.p50 }, func(r came) float64 { return r.p99 },
			func(r came) float64 { return r.p999 }, func(r came) float64 { return r.last }} {
			row = append(row, report.Micros(over(k, f).Median))
			line.Values = append(line.Values, over(k, func(r came) float64 { return f(r) / 1e3 }))
		}
		wait.Series = append(wait.Series, line)
		cpu := over(k, func(r came) float64 { return r.cpu })
		cost.Series = append(cost.Series, report.Series{Name: b.label(k), Values: []report.Spread{cpu}})
		t.Rows = append(t.Rows, append(row, fmt.Sprintf("%.0f µs", cpu.Median), fmt.Sprintf("%.0f B", over(k, func(r came) float64 { return r.uses.perClient() }).Median),
			fmt.Sprintf("%.0f", over(k, func(r came) float64 { return float64(r.uses.threads) }).Max),
			fmt.Sprintf("%.0f", over(k, func(r came) float64 { return float64(r.uses.descriptors - r.uses.clients) }).Max),
			fmt.Sprintf("%.0f", over(k, func(r came) float64 { return float64(r.uses.kafka) }).Max),
			report.Share(over(k, func(r came) float64 { return r.client }).Median)))
	}
	ratio := func(f func(came) float64) string {
		var a, y []float64
		for i := range got[subject] {
			a, y = append(a, f(got[subject][i])), append(y, f(got[auto][i]))
		}
		return report.Over(report.Ratios(a, y)).Ratio()
	}
	d.Tables = []report.Table{{Title: "Ratio to the yardstick, median of pairs (min–max)", Rows: [][]string{{"server", "all have first bytes after", "CPU per connect"},
		{b.label(subject), ratio(func(r came) float64 { return r.seconds }), ratio(func(r came) float64 { return r.cpu })}}}, t}
	d.Charts = []report.Chart{wait, cost}
	d.Notes = append(d.Notes, "The load generator begins all connections from one goroutine, as fast as it can: a core's worth of connect(2).",
		"The yardstick reads no request: it looks for the blank line. What a server must do besides (parsing, checks, limits, a position) is in ringcast's figure alone.",
		"Beyond the backlog of the listening socket (4,096 here) the kernel drops what begins a connection, and the client's tries again after a second.")
	return d, nil
}

func (c connectHerd) one(ctx context.Context, b *Bench, k kind) (r came, err error) {
	err = b.withSessionOf(ctx, k, setup{}, 2, c.size, func(at session) error {
		stop, err := costs(b.processes(at.server, at.clients))
		if err != nil {
			return err
		}
		came, err := at.clients.do(load.Command{Do: "herd", Clients: c.clients, Timeout: 2 * time.Minute})
		if err != nil {
			return err
		}
		sh, err := stop()
		if err != nil {
			return err
		}
		if err := at.producer.Burst(ctx, c.records); err != nil {
			return err
		}
		if end, err := at.clients.await(at.producer.Sent()); verdict(end, err) != nil {
			return verdict(end, err)
		}
		at.total = c.clients
		r.seconds = float64(came.LastGreeting-came.BeganMicros) / 1e6
		r.p50, r.p99, r.p999, r.last = float64(came.GreetP50), float64(came.GreetP99), float64(came.GreetP999), float64(came.GreetMax)
		r.cpu, r.client = sh.cpu[0]*1e6/float64(c.clients), sh.cpu[1]/sh.seconds
		r.uses, err = at.uses(ctx, writes{})
		return err
	})
	return r, err
}
