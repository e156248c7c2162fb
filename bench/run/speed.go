//go:build linux

package run

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
)

// speed is what one run of one server measured.
type speed struct {
	deliveries float64
	seconds    float64 // of the measurement
	cpu        float64 // seconds of the server
	clientCPU  float64 // seconds of the load generator
	others     float64 // seconds of processes that have nothing to do with the benchmark
	wall       float64 // seconds in which others was used
	last       load.Report
	failed     error
}

func (s speed) perSecond() float64    { return s.deliveries / s.seconds }
func (s speed) perCPUSecond() float64 { return s.deliveries / max(s.cpu, 0.01) }

// meter keeps the costs at the begin of a measurement.
type meter struct {
	server, benchmark []int // process ids; server is not part of benchmark
	begin             time.Time
	cpu, own, machine float64
	report            load.Report
}

func (b *Bench) startMeter(s *server, c *clients) (m meter, err error) {
	m.server, m.benchmark = []int{s.child.PID()}, append(b.kafkaPIDs(), c.child.PID(), os.Getpid())
	m.begin = time.Now()
	if m.report, err = c.mark(); err != nil {
		return m, err
	}
	m.cpu, m.own, m.machine, err = m.read()
	return m, err
}

func (m meter) read() (cpu, own, machine float64, err error) {
	if cpu, err = cpuSeconds(m.server); err != nil {
		return
	}
	if own, err = cpuSeconds(m.benchmark); err != nil {
		return
	}
	machine, err = proc.MachineSeconds()
	return
}

func cpuSeconds(pids []int) (sum float64, err error) {
	for _, pid := range pids {
		n, err := proc.CPUSeconds(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// stop ends the measurement: end is the report with which it ended and failed why it does not count.
func (m meter) stop(seconds float64, end load.Report, failed error) (speed, error) {
	cpu, own, machine, err := m.read()
	return speed{
		deliveries: float64(end.Events - m.report.Events), seconds: seconds, cpu: cpu - m.cpu,
		clientCPU: end.CPUSeconds - m.report.CPUSeconds, last: end, failed: failed,
		others: max(0, machine-m.machine-(cpu-m.cpu)-(own-m.own)), wall: time.Since(m.begin).Seconds(),
	}, err
}

// compare runs every kind once in each round and makes the tables. Every other round goes through the kinds
// backwards, so that none is always the first. The yardstick has to be among the kinds.
func (b *Bench) compare(ctx context.Context, d *report.Document, kinds []kind, one func(context.Context, kind) (speed, error)) error {
	got := map[kind][]speed{}
	var others float64
	for round := range b.Rounds {
		for _, k := range inTurn(kinds, round) {
			s, err := one(ctx, k)
			if err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, b.label(k), err)
			}
			got[k] = append(got[k], s)
			others = max(others, othersShare(s))
			b.progress("round %d of %d, %s: %s deliveries/s, %s per CPU second, p50 %s, p99 %s", round+1, b.Rounds, b.label(k),
				report.Count(s.perSecond()), report.Count(s.perCPUSecond()), report.Micros(float64(s.last.P50)), report.Micros(float64(s.last.P99)))
			b.judge(d, fmt.Sprintf("round %d, %s", round+1, b.label(k)), s)
		}
	}
	if others > 0.1 {
		d.Notes = append(d.Notes, fmt.Sprintf("The machine was not quiet: other processes used up to %s of a core.", report.Share(others)))
	}
	figures := report.Table{Title: fmt.Sprintf("Figures, median of %d rounds", b.Rounds), Rows: [][]string{{
		"server", "deliveries/s", "server CPU", "deliveries per CPU second", "p50", "p99", "p99.9", "max", "load generator CPU", "others' CPU"}}}
	ratios := report.Table{Title: "Ratio to the yardstick, median of pairs (min–max)", Rows: [][]string{{
		"server", "deliveries per CPU second", "p50", "p99"}}}
	for _, k := range kinds {
		figures.Rows = append(figures.Rows, []string{b.label(k),
			report.Count(median(got[k], speed.perSecond)), report.Share(median(got[k], serverShare)),
			report.Count(median(got[k], speed.perCPUSecond)),
			report.Micros(median(got[k], p50)), report.Micros(median(got[k], p99)), report.Micros(median(got[k], p999)),
			report.Micros(median(got[k], maximum)), report.Share(median(got[k], clientShare)), report.Share(median(got[k], othersShare))})
		if k != auto {
			ratio := func(f func(speed) float64) string {
				return report.Over(report.Ratios(each(got[k], f), each(got[auto], f))).Ratio()
			}
			ratios.Rows = append(ratios.Rows, []string{b.label(k), ratio(speed.perCPUSecond), ratio(p50), ratio(p99)})
		}
	}
	d.Tables = append(d.Tables, ratios, figures)
	return nil
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

// judge adds failures of one run, and a note where the load generator may have been the limit.
func (b *Bench) judge(d *report.Document, where string, s speed) {
	if s.failed != nil {
		d.Failures = append(d.Failures, fmt.Sprintf("%s: %v", where, s.failed))
	}
	if clientShare(s) > 0.9 || s.last.Busy > 0.9 {
		d.Notes = append(d.Notes, fmt.Sprintf("%s: the load generator was a bottleneck (%s of a core, its busiest worker had input %s of the time).",
			where, report.Share(clientShare(s)), report.Share(s.last.Busy)))
	}
}

func serverShare(s speed) float64 { return s.cpu / s.seconds }
func clientShare(s speed) float64 { return s.clientCPU / s.seconds }
func othersShare(s speed) float64 { return s.others / s.wall }
func p50(s speed) float64         { return float64(s.last.P50) }
func p99(s speed) float64         { return float64(s.last.P99) }
func p999(s speed) float64        { return float64(s.last.P999) }
func maximum(s speed) float64     { return float64(s.last.Max) }

func each(runs []speed, f func(speed) float64) (v []float64) {
	for _, r := range runs {
		v = append(v, f(r))
	}
	return v
}

func median(runs []speed, f func(speed) float64) float64 { return report.Over(each(runs, f)).Median }
