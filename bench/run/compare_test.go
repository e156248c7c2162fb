//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

func TestRatiosAreOfTheSameRound(t *testing.T) {
	// The machine is slower in every round; the servers' ratio stays.
	var order []kind
	runs := map[kind]int{}
	one := func(_ context.Context, k kind) (speed, error) {
		order = append(order, k)
		runs[k]++
		slow := float64(runs[k])
		cpu := map[kind]float64{subject: 2, auto: 1}[k]
		return speed{deliveries: 1000, seconds: 1, wall: 1, cpu: cpu * slow, last: load.Report{P50: int64(500 * cpu * slow), P99: int64(3000 * slow), P999: 4000, Max: 5000},
			uses: uses{clients: 10, empty: 1000, resident: 6000, descriptors: 30, threads: 7, kafka: 4, writes: writes{known: k == subject, all: 200, short: 1}}}, nil
	}
	var d report.Document
	b := &Bench{Rounds: 3, Progress: io.Discard}
	if err := b.compare(t.Context(), &d, []kind{subject, auto}, one); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(order); got != "[ringcast yardstick yardstick ringcast ringcast yardstick]" {
		t.Errorf("order of runs: %s", got)
	}
	var text strings.Builder
	if err := d.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ringcast  0.50 (0.50–0.50)", "2.00 (2.00–2.00)", "1.00 (1.00–1.00)", "4000.00 µs", "500 B", "0.50 %", "20 "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("tables lack %q:\n%s", want, text.String())
		}
	}
	if len(d.Charts) != 2 || len(d.Charts[0].Series) != 2 || d.Charts[0].Series[0].Values[1] != (report.Spread{Median: 6, Min: 3, Max: 9}) {
		t.Errorf("charts %+v", d.Charts)
	}
	if v := d.Charts[1].Series[0].Values; len(v) != 1 || v[0] != (report.Spread{Median: 4000, Min: 2000, Max: 6000}) {
		t.Errorf("processor time for each delivery %+v", v)
	}
}

func TestFailedRunIsTold(t *testing.T) {
	b := &Bench{Rounds: 1, Progress: io.Discard}
	var d report.Document
	err := b.compare(t.Context(), &d, []kind{auto}, func(context.Context, kind) (speed, error) {
		return speed{seconds: 1, wall: 1, failed: errors.New("3 twice")}, nil
	})
	if err != nil || len(d.Failures) != 1 || !strings.Contains(d.Failures[0], "round 1, yardstick: 3 twice") {
		t.Errorf("failures %q, %v", d.Failures, err)
	}
	err = b.compare(t.Context(), &d, []kind{auto}, func(context.Context, kind) (speed, error) { return speed{}, errors.New("gone") })
	if err == nil || !strings.Contains(err.Error(), "round 1, yardstick: gone") {
		t.Errorf("error %v", err)
	}
}

func TestShortWritesFailOnlyTheLate(t *testing.T) {
	f := func(late bool, w writes, failures int) {
		t.Helper()
		c := fanout{}
		if late {
			c.late = 1
		}
		var d report.Document
		c.judge(&d, compared{got: map[kind][]speed{subject: {{uses: uses{writes: w}}}}})
		if len(d.Failures) != failures {
			t.Errorf("late %v, %+v: failures %q, want %d", late, w, d.Failures, failures)
		}
	}
	f(true, writes{known: true, all: 1000, short: 9}, 0)
	f(true, writes{known: true, all: 1000, short: 10}, 1)
	f(false, writes{known: true, all: 1000, short: 500}, 0)
	f(true, writes{}, 0)
}

func TestFlatMemory(t *testing.T) {
	f := func(before, after uint64, ok bool) {
		t.Helper()
		if err := flat(footprint{resident: before}, footprint{resident: after}); (err == nil) != ok {
			t.Errorf("from %d to %d: %v", before, after, err)
		}
	}
	f(20<<20, 20<<20, true)
	f(20<<20, 12<<20, true)
	f(20<<20, 27<<20, true)
	f(20<<20, 28<<20, false)
	f(200<<20, 233<<20, true)
	f(200<<20, 240<<20, false)
}

func TestSetupSaysOnlyWhatDiffers(t *testing.T) {
	f := func(o setup, want string, not ...string) {
		t.Helper()
		got := o.toml("B", "L", "A")
		if !strings.Contains(got, want) {
			t.Errorf("%+v lacks %q:\n%s", o, want, got)
		}
		for _, n := range not {
			if strings.Contains(got, n) {
				t.Errorf("%+v has %q:\n%s", o, n, got)
			}
		}
	}
	f(setup{topic: "t"}, "[streams.bench]\ntopics = [\"t\"]\n", "max_connections", "events", "[replay]")
	f(setup{topic: "t", maxConnections: 18_000}, "[server]\nlisten = \"L\"\nadmin_listen = \"A\"\nmax_connections = 18000\n", "events")
	f(setup{topic: "t", events: 9}, "events = 9\n")
}

func TestReadmeNamesEveryScenario(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Scenarios")
	table, _, _ = strings.Cut(table, "## Method")
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if !strings.Contains(table, "`"+s.Name+"`") {
			t.Errorf("bench/README.md does not say what %s is", s.Name)
		}
		if seen[s.Name] {
			t.Errorf("two scenarios are called %s", s.Name)
		}
		seen[s.Name] = true
	}
}
