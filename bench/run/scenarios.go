//go:build linux

package run

import (
	"context"
	"time"

	"github.com/ringcast/ringcast/bench/report"
)

// Scenario is one question to the servers.
type Scenario struct {
	Name string
	run  func(context.Context, *Bench) (report.Document, error)
}

// Smoke is a scenario that shows in a second that everything works. Its figures say nothing.
func Smoke() Scenario {
	return Scenario{"smoke", fanout{clients: 50, rate: 200, sizes: []int{300}, partitions: 2, single: true, warm: 100 * time.Millisecond, measured: 400 * time.Millisecond}.run}
}

// Scenarios returns all other scenarios in the order in which they are run. This is where to add one: most are a line
// of figures for a type that has a file of its own.
func Scenarios() []Scenario {
	steady := func(clients int, rate float64, single bool, sizes ...int) fanout {
		return fanout{clients: clients, rate: rate, sizes: sizes, partitions: 2, single: single, warm: steadyWarm, measured: steadyMeasured}
	}
	late := steady(1000, 10, false, 4096) // a record is more than the window: the rest waits in the server's socket
	late.late = 40 * time.Millisecond
	return []Scenario{
		{"idle", idle},
		{"fanout-1k", steady(1000, 20, true, 1200, 300).run},
		{"fanout-2k", steady(2000, 25, true, 300, 1200).run},
		{"fanout-2k-fast", steady(2000, 100, false, 300, 1200).run},
		{"fanout-5k", steady(5000, 100, false, 300, 1200).run},
		{"fanout-10k", steady(10_000, 10, false, 1200, 300).run},
		{"fanout-late", late.run},
		{"slow-readers", disturbed{clients: 1900, rate: 20, size: 4096, partitions: 2, backlog: 100, measured: steadyMeasured,
			crowds: []crowd{{"never read", 100, []string{stall}}}}.run},
		{"fairness", disturbed{clients: 1800, rate: 20, size: 1200, partitions: 2, backlog: 300, measured: steadyMeasured, herd: 1000,
			crowds: []crowd{{"never read", 100, []string{stall}}, {"read a byte a second", 100, readSlowly(1)}}}.run},
		{"saturation", saturation{clients: 2000, burst: 1000, size: 300}.run},
		{"ingest", ingest},
		{"connect", connectHerd{clients: 10_000, size: 300, records: 20}.run},
		{"reconnect", reconnect},
		{"churn", churn{clients: 2000, perSecond: 400, rate: 20, size: 300, long: 10 * time.Second}.run},
		{"processes", processes{servers: 2, clients: 5000, rate: 5, size: 300, long: 4 * time.Second}.run},
		{"soak", soak{clients: most, rate: 5, size: 300, long: 15 * time.Second}.run},
		{"tls", encrypted{clients: 2000, rate: 20, size: 1200, measured: steadyMeasured}.run},
		{"replay", replay},
		{"herd", herd},
		{"slow-replay", slowReplay},
	}
}
