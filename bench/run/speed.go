//go:build linux

package run

import (
	"context"
	"fmt"
	"os"
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
	uses       uses
	failed     error
}

func (s speed) perSecond() float64    { return s.deliveries / s.seconds }
func (s speed) perCPUSecond() float64 { return s.deliveries / max(s.cpu, 0.01) }

// perDelivery is the processor time of a delivery, in µs.
func (s speed) perDelivery() float64 { return s.cpu * 1e6 / max(s.deliveries, 1) }

// meter keeps the costs at the begin of a measurement.
type meter struct {
	session           session
	server, benchmark []int // process ids; server is not part of benchmark
	begin             time.Time
	cpu, own, machine float64
	report            load.Report
	writes            writes
}

// startMeter begins a measurement of a session. also are more processes of the benchmark.
func (b *Bench) startMeter(ctx context.Context, at session, also ...int) (m meter, err error) {
	m.session, m.server = at, at.server.pids()
	m.benchmark = append(append(b.kafkaPIDs(), at.clients.child.PID(), os.Getpid()), also...)
	if at.server.publisher != nil {
		m.benchmark = append(m.benchmark, at.server.publisher.PID())
	}
	if m.writes, err = at.server.writes(ctx); err != nil {
		return m, err
	}
	m.begin = time.Now()
	if m.report, err = at.clients.mark(); err != nil {
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
func (m meter) stop(ctx context.Context, seconds float64, end load.Report, failed error) (speed, error) {
	cpu, own, machine, err := m.read()
	if err != nil {
		return speed{}, err
	}
	wall := time.Since(m.begin).Seconds()
	uses, err := m.session.uses(ctx, m.writes)
	return speed{
		deliveries: float64(end.Events - m.report.Events), seconds: seconds, cpu: cpu - m.cpu,
		clientCPU: end.CPUSeconds - m.report.CPUSeconds, last: end, failed: failed,
		others: max(0, machine-m.machine-(cpu-m.cpu)-(own-m.own)), wall: wall, uses: uses,
	}, err
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
func resident(s speed) float64    { return float64(s.uses.resident) }
func perClient(s speed) float64   { return s.uses.perClient() }

func each(runs []speed, f func(speed) float64) (v []float64) {
	for _, r := range runs {
		v = append(v, f(r))
	}
	return v
}

func median(runs []speed, f func(speed) float64) float64 { return report.Over(each(runs, f)).Median }
