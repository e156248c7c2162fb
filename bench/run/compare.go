//go:build linux

package run

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ringcast/ringcast/bench/report"
)

// comparison is several servers, or one under several circumstances, in turn.
type comparison struct {
	title string // of the tables, where a document has several; may be ""
	kinds []kind
	base  kind // of the ratios; one of kinds
	one   func(context.Context, kind) (speed, error)
}

// compared is what was measured: one speed of every kind for each round.
type compared struct {
	comparison
	b   *Bench
	got map[kind][]speed
}

// compare runs every kind once in each round and makes the tables. The yardstick has to be among the kinds.
func (b *Bench) compare(ctx context.Context, d *report.Document, kinds []kind, one func(context.Context, kind) (speed, error)) error {
	c, err := b.measure(ctx, d, comparison{kinds: kinds, base: auto, one: one})
	if err == nil {
		d.Charts = append(d.Charts, c.latencies(), costPerDelivery([]string{""}, []compared{c}))
	}
	return err
}

// measure runs every kind once in each round and makes the tables. Every other round goes through the kinds backwards,
// so that none is always the first.
func (b *Bench) measure(ctx context.Context, d *report.Document, c comparison) (compared, error) {
	m := compared{c, b, map[kind][]speed{}}
	var others float64
	for round := range b.Rounds {
		for _, k := range inTurn(c.kinds, round) {
			s, err := c.one(ctx, k)
			if err != nil {
				return m, fmt.Errorf("%sround %d, %s: %w", m.prefix(), round+1, b.label(k), err)
			}
			m.got[k] = append(m.got[k], s)
			others = max(others, othersShare(s))
			b.progress("%sround %d of %d, %s: %s deliveries/s, %s per CPU second, p50 %s, p99 %s", m.prefix(), round+1, b.Rounds, b.label(k),
				report.Count(s.perSecond()), report.Count(s.perCPUSecond()), report.Micros(float64(s.last.P50)), report.Micros(float64(s.last.P99)))
			b.judge(d, fmt.Sprintf("%sround %d, %s", m.prefix(), round+1, b.label(k)), s)
		}
	}
	if others > 0.1 {
		d.Notes = append(d.Notes, fmt.Sprintf("%sThe machine was not quiet: other processes used up to %s of a core.", m.prefix(), report.Share(others)))
	}
	d.Tables = append(d.Tables, m.ratios(), m.figures(), m.resources())
	return m, nil
}

func (m compared) prefix() string {
	if m.title == "" {
		return ""
	}
	return m.title + ": "
}

func (m compared) median(k kind, f func(speed) float64) float64 { return median(m.got[k], f) }

// ratio is f of a kind divided by f of the base, pair by pair.
func (m compared) ratio(k kind, f func(speed) float64) report.Spread {
	return report.Over(report.Ratios(each(m.got[k], f), each(m.got[m.base], f)))
}

func (m compared) ratios() report.Table {
	t := report.Table{Title: fmt.Sprintf("%sRatio to %s, median of pairs (min–max)", m.prefix(), m.baseName()), Rows: [][]string{{
		"server", "deliveries per CPU second", "p50", "p99"}}}
	for _, k := range m.kinds {
		if k != m.base {
			t.Rows = append(t.Rows, []string{m.b.label(k), m.ratio(k, speed.perCPUSecond).Ratio(), m.ratio(k, p50).Ratio(), m.ratio(k, p99).Ratio()})
		}
	}
	return t
}

func (m compared) baseName() string {
	if m.base == auto {
		return "the yardstick"
	}
	return m.b.label(m.base)
}

func (m compared) figures() report.Table {
	t := report.Table{Title: fmt.Sprintf("%sFigures, median of %d rounds", m.prefix(), m.b.Rounds), Rows: [][]string{{
		"server", "deliveries/s", "server CPU", "CPU per delivery", "deliveries per CPU second", "p50", "p99", "p99.9", "max", "load generator CPU", "others' CPU"}}}
	for _, k := range m.kinds {
		t.Rows = append(t.Rows, []string{m.b.label(k),
			report.Count(m.median(k, speed.perSecond)), report.Share(m.median(k, serverShare)),
			fmt.Sprintf("%.2f µs", m.median(k, speed.perDelivery)), report.Count(m.median(k, speed.perCPUSecond)),
			report.Micros(m.median(k, p50)), report.Micros(m.median(k, p99)), report.Micros(m.median(k, p999)),
			report.Micros(m.median(k, maximum)), report.Share(m.median(k, clientShare)), report.Share(m.median(k, othersShare))})
	}
	return t
}

// resources are those of the last round: they do not depend on time.
func (m compared) resources() report.Table {
	t := report.Table{Title: m.prefix() + "What the server holds at the end (ring and buffers included)", Rows: [][]string{{
		"server", "resident", "above itself without clients, for each", "threads", "descriptors not clients", "Kafka connections", "short writes"}}}
	for _, k := range m.kinds {
		runs := m.got[k]
		u := runs[len(runs)-1].uses
		t.Rows = append(t.Rows, []string{m.b.label(k), mebibytes(m.median(k, resident)), fmt.Sprintf("%.0f B", m.median(k, perClient)),
			strconv.Itoa(u.threads), strconv.Itoa(u.descriptors - u.clients - u.crowd), strconv.Itoa(u.kafka), u.writes.String()})
	}
	return t
}

// latencies draws the percentiles of all kinds.
func (m compared) latencies() report.Chart {
	c := report.Chart{Title: m.prefix() + "Latency, from the producer to the client", X: "percentile of deliveries", Y: "ms, logarithmic",
		Labels: []string{"p50", "p99", "p99.9", "max"}, Lines: true, Log: true}
	for _, k := range m.kinds {
		s := report.Series{Name: m.b.label(k)}
		for _, f := range []func(speed) float64{p50, p99, p999, maximum} {
			s.Values = append(s.Values, report.Over(each(m.got[k], func(s speed) float64 { return f(s) / 1e3 })))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// costPerDelivery draws what a delivery costs each kind, for comparisons of the same kinds.
func costPerDelivery(labels []string, all []compared) report.Chart {
	c := report.Chart{Title: "Processor time of the server", X: "median, and the least and largest of the rounds", Y: "µs per delivery", Labels: labels}
	for _, k := range all[0].kinds {
		s := report.Series{Name: all[0].b.label(k)}
		for _, m := range all {
			s.Values = append(s.Values, report.Over(each(m.got[k], speed.perDelivery)))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// inTurn returns kinds, in odd rounds backwards.
func inTurn[T any](kinds []T, round int) []T {
	if round%2 == 0 {
		return kinds
	}
	back := slices.Clone(kinds)
	slices.Reverse(back)
	return back
}
