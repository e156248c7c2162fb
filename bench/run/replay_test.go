//go:build linux

package run

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/produce"
)

func TestSetupNamesOnlyWhatItSays(t *testing.T) {
	type replays struct {
		Cache      string
		MaxClients int `toml:"max_clients"`
	}
	f := func(o setup, events int, want replays) {
		t.Helper()
		var got struct {
			Server  struct{ Listen, AdminListen string }
			Kafka   struct{ Brokers []string }
			Replay  *replays
			Streams map[string]struct {
				Topics []string
				Events int
			}
		}
		text := o.toml("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
		if _, err := toml.Decode(text, &got); err != nil {
			t.Fatal(err)
		}
		s := got.Streams[streamName]
		if got.Server.Listen != "127.0.0.1:2" || !slices.Equal(got.Kafka.Brokers, []string{"127.0.0.1:1"}) || !slices.Equal(s.Topics, []string{o.topic}) || s.Events != events {
			t.Errorf("%+v is\n%s", o, text)
		}
		if (got.Replay != nil) != (want != replays{}) || got.Replay != nil && *got.Replay != want {
			t.Errorf("%+v has replays %+v", o, got.Replay)
		}
	}
	f(setup{topic: "bench.1"}, 0, replays{})
	f(setup{topic: "bench.1", events: 1024, cache: 16 << 20}, 1024, replays{Cache: "16384KiB"})
	f(setup{topic: "bench.1", maxClients: 2000}, 0, replays{MaxClients: 2000})
}

// useKcat puts a shell script in kcat's place.
func useKcat(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kcat"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestKcat(t *testing.T) {
	useKcat(t, `echo "$@"`)
	got, err := kcat(t.Context(), "127.0.0.1:1", "t", 7, 1)
	if err != nil || got.first <= 0 || got.seconds < got.first {
		t.Errorf("one record: %+v, %v", got, err)
	}
	got, err = kcat(t.Context(), "127.0.0.1:1", "t", 7, 100)
	if err != nil || got.first != 0 || got.seconds <= 0 {
		t.Errorf("100 records: %+v, %v", got, err)
	}
	useKcat(t, `case "$*" in "-C -q -b 127.0.0.1:1 -t t -p 0 -o 7 -c 100") exit 0;; esac; exit 1`)
	if _, err := kcat(t.Context(), "127.0.0.1:1", "t", 7, 100); err != nil {
		t.Errorf("arguments: %v", err)
	}
	useKcat(t, `echo "no broker" >&2; exit 3`)
	for _, records := range []int{1, 100} {
		if _, err := kcat(t.Context(), "127.0.0.1:1", "t", 7, records); err == nil || !strings.Contains(err.Error(), "no broker") {
			t.Errorf("%d records, a kcat that fails: error %v", records, err)
		}
	}
}

func TestReplayTables(t *testing.T) {
	text := func(r replayRun) string {
		var all []string
		for _, table := range r.tables() {
			for _, row := range table.Rows {
				if len(row) != len(table.Rows[0]) {
					t.Errorf("row %q in a table of %q", row, table.Rows[0])
				}
				all = append(all, strings.Join(row, "|"))
			}
		}
		return strings.Join(all, "\n")
	}
	r := replayRun{kcat: true, firstRatios: []float64{0.5}, server: []float64{0.2}}
	r.firsts = [2][]float64{{5, 15}, {20}}
	r.speeds, r.cpu = [2][]float64{{300}, {600}}, [2][]float64{{0.3}, {0.1}}
	got := text(r)
	for _, want := range []string{"ringcast|10.0 ms|5.0 ms|15.0 ms|0.50 (0.50–0.50)", "ringcast|300|0.50 (0.50–0.50) (aim 0.8)|0.30|0.20|3.00 (3.00–3.00)", "kcat|600|–|0.10|–|–"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	r.kcat = false
	if got := text(r); strings.Contains(got, "kcat") || !strings.Contains(got, "ringcast|300|–|0.30|0.20|–") {
		t.Errorf("without kcat:\n%s", got)
	}
}

func TestShares(t *testing.T) {
	stop, err := costs([]process{{"this test", os.Getpid()}})
	if err != nil {
		t.Fatal(err)
	}
	sh, err := stop()
	if err != nil || len(sh.cpu) != 1 || sh.cpu[0] < 0 || sh.others < 0 {
		t.Errorf("%+v, %v", sh, err)
	}
	text := shares{processes: []process{{name: "server"}, {name: "herd"}}, cpu: []float64{2, 1}, others: 0.5, seconds: 4}.String()
	if !strings.HasPrefix(text, "server 50 %, herd 25 %, other processes 12 % of a core; ") {
		t.Error(text)
	}
	if _, err := costs([]process{{"nobody", -1}}); err == nil {
		t.Error("a process that is not there has costs")
	}
}

func TestRequestsBetweenCounts(t *testing.T) {
	got := perTime(map[string]uint64{"Fetch": 10, "Metadata": 5}, map[string]uint64{"Fetch": 30, "Metadata": 5, "ListOffsets": 1}, 0.5)
	if len(got) != 2 || got["Fetch"] != 10 || got["ListOffsets"] != 0.5 {
		t.Errorf("%v", got)
	}
	r := cameBack{background: got, during: map[string]float64{"Fetch": 11, "Metadata": 1}}
	var rows []string
	for _, row := range r.requests("there") {
		rows = append(rows, strings.Join(row, "|"))
	}
	if want := "there|Fetch|11|10.0 there|ListOffsets|0|0.5 there|Metadata|1|0.0"; strings.Join(rows, " ") != want {
		t.Errorf("rows %q, want %q", rows, want)
	}
}

func TestReplayedTime(t *testing.T) {
	r := replayReport{load.Report{BeganMicros: 1_000_000, Tally: load.Tally{LastMicros: 3_500_000}}}
	if got := r.replayed(); got != 2.5 {
		t.Errorf("%v seconds", got)
	}
}

func TestErrorsEndProducing(t *testing.T) {
	p, err := produce.New([]string{"127.0.0.1:1"}, "t", 1, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	broken := errors.New("broken")
	err = whileProducing(ctx, p, 1000, func() error {
		cancel()
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestNothingIsMeasuredOfTheYardstick(t *testing.T) {
	for _, s := range Scenarios() {
		switch s.Name {
		case "replay", "herd", "slow-replay", "reconnect":
			d, err := (&Bench{Mirror: true, Progress: io.Discard}).Run(t.Context(), s)
			if err != nil || len(d.Tables) > 0 || d.Scenario != "mirror-"+s.Name {
				t.Errorf("%s: %+v, %v", s.Name, d, err)
			}
		}
	}
}
