//go:build linux

package run

import (
	"fmt"

	"github.com/ringcast/ringcast/bench/report"
)

// aims are what ringcast promises beside KafkaSSE, in the columns of peerRatios.
var aims = []string{"aim beside KafkaSSE", "≥ 20", "–", "≥ 100", "≥ 300", "–"}

// peerRatios compares each peer with ringcast at the same point and in the same rounds.
func peerRatios(all []kind, light []*peerPoint, saturation, idle *peerPoint) report.Table {
	t := report.Table{Title: "ringcast beside its peers, median of pairs (min–max)", Rows: [][]string{{
		"peer", "deliveries per CPU second at equal light load, ringcast ÷ peer", "p99 there, ringcast ÷ peer",
		"deliveries per CPU second, each at its own saturation, ringcast ÷ peer", "memory per idle client, peer ÷ ringcast", "CPU per connect, peer ÷ ringcast"}}}
	for _, k := range all {
		if k == subject {
			continue
		}
		row := []string{string(k), "–", "–"}
		for _, p := range light {
			if len(p.got[k]) > 0 {
				row = []string{string(k), p.ratio(k, cpuRate).String(), p.ratio(k, latency).String()}
			}
		}
		t.Rows = append(t.Rows, append(row, saturation.ratio(k, cpuRate).String(), idle.inverse(k, idleBytes).String(), idle.inverse(k, connectCost).String()))
		if k == kafkaSSE {
			t.Rows = append(t.Rows, aims)
		}
	}
	return t
}

// figures of a run, 0 when it failed.
func cpuRate(r peerRun) float64 {
	if r.seconds == 0 {
		return 0
	}
	return r.perCPUSecond()
}
func latency(r peerRun) float64     { return p99(r.speed) }
func connectCost(r peerRun) float64 { return r.connect }

// idleBytes is at least a byte for a run that counts: what a few clients cost can be less than the noise.
func idleBytes(r peerRun) float64 {
	if r.resident == 0 {
		return 0
	}
	return max(r.perClient, 1)
}

// times is a ratio over the rounds.
type times report.Spread

// String is precise enough for what the method can tell, and "–" without a round that counts.
func (s times) String() string {
	if s.Max == 0 {
		return "–"
	}
	digits := 2
	if s.Median >= 20 {
		digits = 0
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, s.Median, digits, s.Min, digits, s.Max)
}

func (p *peerPoint) ratio(k kind, f func(peerRun) float64) times { return p.pairs(subject, k, f) }

func (p *peerPoint) inverse(k kind, f func(peerRun) float64) times { return p.pairs(k, subject, f) }

// pairs divides a by b in each round in which both count.
func (p *peerPoint) pairs(a, b kind, f func(peerRun) float64) times {
	var over, under []float64
	for i := range min(len(p.got[a]), len(p.got[b])) {
		if x, y := f(p.got[a][i]), f(p.got[b][i]); x > 0 && y > 0 {
			over, under = append(over, x), append(under, y)
		}
	}
	return times(report.Over(report.Ratios(over, under)))
}

// counted are the figures of the rounds that count.
func (p *peerPoint) counted(k kind, f func(peerRun) float64) (v []float64) {
	for _, r := range p.got[k] {
		if r.seconds > 0 || r.resident > 0 {
			v = append(v, f(r))
		}
	}
	return v
}

func (p *peerPoint) spread(k kind, f func(peerRun) float64) report.Spread {
	return report.Over(p.counted(k, f))
}

// cell formats a median.
func (p *peerPoint) cell(k kind, f func(peerRun) float64, format func(float64) string) string {
	if len(p.counted(k, f)) == 0 {
		return "–"
	}
	return format(p.spread(k, f).Median)
}

func of(f func(speed) float64) func(peerRun) float64 {
	return func(r peerRun) float64 { return f(r.speed) }
}

func peerLight(points []*peerPoint, rounds int) report.Table {
	t := report.Table{Title: fmt.Sprintf("Equal light load, median of %d rounds", rounds), Rows: [][]string{{
		"clients", "server", "deliveries/s", "server CPU", "deliveries per CPU second", "p50", "p99", "load generator CPU", "others' CPU"}}}
	for _, p := range points {
		for _, k := range p.kinds {
			t.Rows = append(t.Rows, []string{p.name, string(k),
				p.cell(k, of(speed.perSecond), report.Count), p.cell(k, of(serverShare), report.Share), p.cell(k, cpuRate, report.Count),
				p.cell(k, of(p50), report.Micros), p.cell(k, latency, report.Micros),
				p.cell(k, of(clientShare), report.Share), p.cell(k, of(othersShare), report.Share)})
		}
	}
	return t
}

func peerSaturation(p *peerPoint, rounds int) report.Table {
	t := report.Table{Title: fmt.Sprintf("Each at its own saturation, median of %d rounds", rounds), Rows: [][]string{{
		"server", "load", "deliveries/s", "server CPU", "deliveries per CPU second", "publisher's CPU per record", "load generator CPU", "others' CPU"}}}
	micros := func(seconds float64) string {
		if seconds == 0 {
			return "–"
		}
		return report.Micros(seconds * 1e6)
	}
	for _, k := range p.kinds {
		t.Rows = append(t.Rows, []string{string(k), peerLimits[k].String(),
			p.cell(k, of(speed.perSecond), report.Count), p.cell(k, of(serverShare), report.Share), p.cell(k, cpuRate, report.Count),
			p.cell(k, func(r peerRun) float64 { return r.publisher }, micros),
			p.cell(k, of(clientShare), report.Share), p.cell(k, of(othersShare), report.Share)})
	}
	return t
}

func peerIdle(p *peerPoint, rounds int) report.Table {
	t := report.Table{Title: fmt.Sprintf("Connecting, and doing nothing then, median of %d rounds", rounds), Rows: [][]string{{
		"server", "clients", "CPU per connect", "memory without clients", "with them", "per client", "threads per client", "Kafka connections per client"}}}
	mib := func(v float64) string { return fmt.Sprintf("%.1f MiB", v/(1<<20)) }
	each := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	for _, k := range p.kinds {
		t.Rows = append(t.Rows, []string{string(k), fmt.Sprint(peerLimits[k].idle),
			p.cell(k, connectCost, func(v float64) string { return report.Micros(v * 1e6) }),
			p.cell(k, func(r peerRun) float64 { return float64(r.resident) }, mib), p.cell(k, func(r peerRun) float64 { return float64(r.residentN) }, mib),
			p.cell(k, func(r peerRun) float64 { return r.perClient }, func(v float64) string { return fmt.Sprintf("%.0f B", v) }),
			p.cell(k, func(r peerRun) float64 { return r.threads }, each), p.cell(k, func(r peerRun) float64 { return r.kafka }, each)})
	}
	return t
}

func peerBack(p *peerPoint, rounds int) report.Table {
	t := report.Table{Title: fmt.Sprintf("%d clients that were cut off come back with ids, %d records behind, median of %d rounds", returning, reconnectMissed, rounds), Rows: [][]string{{
		"server", "all have their first event after", "CPU per return"}}}
	for _, k := range p.kinds {
		t.Rows = append(t.Rows, []string{string(k),
			p.cell(k, func(r peerRun) float64 { return r.seconds }, func(v float64) string { return fmt.Sprintf("%.2f s", v) }),
			p.cell(k, connectCost, func(v float64) string { return report.Micros(v * 1e6) })})
	}
	return t
}

// peerCharts shows every server at every point.
func peerCharts(all []kind, loads []*peerPoint, idle *peerPoint) []report.Chart {
	cpu := report.Chart{Title: "Processor time of the server", X: "load", Y: "µs per delivery, logarithmic", Log: true}
	for _, p := range loads {
		cpu.Labels = append(cpu.Labels, p.name)
	}
	memory := report.Chart{Title: "Memory of an idle client", X: "median, and the least and largest of the rounds", Y: "KB, logarithmic", Labels: []string{"idle"}, Log: true}
	for _, k := range all {
		s := report.Series{Name: string(k)}
		for _, p := range loads {
			s.Values = append(s.Values, p.spread(k, of(speed.perDelivery)))
		}
		cpu.Series = append(cpu.Series, s)
		memory.Series = append(memory.Series, report.Series{Name: string(k),
			Values: []report.Spread{idle.spread(k, func(r peerRun) float64 { return idleBytes(r) / 1e3 })}})
	}
	return []report.Chart{cpu, memory}
}
