//go:build linux

package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ringcast/ringcast/bench/run"
)

// TestMain is also the benchmark's processes: they are this binary with a part's name as first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			exit(part(context.Background(), os.Args[2:]))
		}
		if os.Args[1] == "serve" {
			exit(serveFaulty(os.Args[2:]))
		}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// smoke runs the smoke scenario and returns what a user would see.
func smoke(t *testing.T, b *run.Bench) (text string, failures []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b.Self, b.Ringcast, b.Dir, b.Rounds, b.Progress = self, self, t.TempDir(), 1, io.Discard
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d, err := b.Run(ctx, run.Smoke())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := d.Text(&out); err != nil {
		t.Fatal(err)
	}
	return out.String(), d.Failures
}

func TestSmokeAgainstItself(t *testing.T) {
	text, failures := smoke(t, &run.Bench{Mirror: true})
	if len(failures) > 0 || !strings.Contains(text, "one write per event") || !strings.Contains(text, "mirror-smoke") {
		t.Errorf("failures %q in\n%s", failures, text)
	}
	if strings.Contains(text, "ringcast") {
		t.Errorf("a result that has nothing of ringcast names it:\n%s", text)
	}
}

func TestServersWithFaultsFail(t *testing.T) {
	f := func(fault, want string) {
		t.Helper()
		t.Setenv("FAULT", fault)
		text, failures := smoke(t, &run.Bench{})
		switch {
		case want == "" && len(failures) > 0:
			t.Errorf("%s: failures %q", fault, failures)
		case want != "" && (len(failures) == 0 || !strings.Contains(failures[0], want) || !strings.Contains(text, "FAILED")):
			t.Errorf("%s: failures %q, want %q, in\n%s", fault, failures, want, text)
		}
	}
	f("none", "")
	f("lose", "50 deliveries lost, 0 missing")
	f("repeat", "50 twice")
	f("swap", "50 out of order")
	f("damage", "50 damaged")
}

func TestCommandLine(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		err := runScenarios(t.Context(), args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", args, err, want)
		}
	}
	f(`"fast": there are idle, fanout-1k, fanout-2k, `, "-scenario", "idle,fast")
	f(`"idle"`, "idle")
	f(`-kafka "none": allowed are auto, embedded, real`, "-kafka", "none")
}
