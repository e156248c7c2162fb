//go:build linux

package run

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"go.uber.org/goleak"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

func TestEveryOtherRoundGoesBackwards(t *testing.T) {
	kinds := []kind{subject, auto, single}
	for round, want := range [][]kind{{subject, auto, single}, {single, auto, subject}, {subject, auto, single}} {
		if got := inTurn(kinds, round); !slices.Equal(got, want) {
			t.Errorf("round %d: %v, want %v", round, got, want)
		}
	}
}

func TestAnyFaultFailsARun(t *testing.T) {
	f := func(r load.Report, err error, want string) {
		t.Helper()
		got := verdict(r, err)
		if want == "" && got != nil || want != "" && (got == nil || !strings.Contains(got.Error(), want)) {
			t.Errorf("verdict of %+v, %v is %v, want %q", r, err, got, want)
		}
	}
	f(load.Report{Tally: load.Tally{Events: 5, Heartbeats: 1}}, nil, "")
	f(load.Report{Tally: load.Tally{Lost: 1}}, nil, "1 deliveries lost")
	f(load.Report{Missing: 2}, nil, "2 missing")
	f(load.Report{Tally: load.Tally{Duplicated: 3}}, nil, "3 twice")
	f(load.Report{Tally: load.Tally{Reordered: 4}}, nil, "4 out of order")
	f(load.Report{Tally: load.Tally{Damaged: 5}}, nil, "5 damaged")
	f(load.Report{Tally: load.Tally{Gaps: 6}}, nil, "6 gaps")
	f(load.Report{Tally: load.Tally{Closed: 7}}, nil, "7 connections closed")
	f(load.Report{}, errors.New("late"), "late")
}

func TestBusyLoadGeneratorIsToldOf(t *testing.T) {
	f := func(s speed, notes int) {
		t.Helper()
		var d report.Document
		new(Bench).judge(&d, "round 1", s)
		if len(d.Notes) != notes || len(d.Failures) > 0 {
			t.Errorf("notes %q, failures %q, want %d notes", d.Notes, d.Failures, notes)
		}
	}
	f(speed{seconds: 10, clientCPU: 8.9, last: load.Report{Busy: 0.5}}, 0)
	f(speed{seconds: 10, clientCPU: 9.1}, 1)
	f(speed{seconds: 10, clientCPU: 1, last: load.Report{Busy: 0.95}}, 1)
}

func TestMetric(t *testing.T) {
	text := "# TYPE x counter\nringcast_events_total{stream=\"bench2\"} 7\nringcast_events_total{stream=\"bench\"} 4e5\n"
	if got := metric(text, `ringcast_events_total{stream="bench"}`); got != 400_000 {
		t.Errorf("metric is %v", got)
	}
	if got := metric(text, "absent"); got != 0 {
		t.Errorf("absent metric is %v", got)
	}
}

func TestIngestConfigAsksForTheWholeLog(t *testing.T) {
	var got struct {
		Streams map[string]struct {
			Topics []string
			Events int
			Bytes  string
		}
	}
	if _, err := toml.Decode(ingestConfig("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "bench.1", 400_000), &got); err != nil {
		t.Fatal(err)
	}
	s := got.Streams[streamName]
	if s.Events != 1<<19 || s.Bytes != "64MiB" || !slices.Equal(s.Topics, []string{"bench.1"}) {
		t.Errorf("%+v", s)
	}
}
