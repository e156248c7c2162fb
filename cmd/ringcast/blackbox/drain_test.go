package blackbox

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestDrain: a rolling restart is no storm. Readiness fails before the first
// client is sent away, every client is ended in good order, and they are told to
// come back at different times.
func TestDrain(t *testing.T) {
	const delay, drain = time.Second, 3 * time.Second
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("shutdown_delay = \"1s\"\ndrain_timeout = \"3s\"\nretry = \"2s\"", ""))
	in.waitReady()
	urls := []string{in.url("s")}
	chunked := followAll(t, 60, ledger.Config{URLs: urls, Book: k.book}, 1)
	bare := followAll(t, 10, ledger.Config{URLs: urls, Book: k.book, Mode: ledger.SSE10}, 1)
	lines := followAll(t, 10, ledger.Config{URLs: urls, Book: k.book, Mode: ledger.NDJSON, Start: ledger.Positions{{Topic: "t"}: 0}}, 1)
	eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == 80 }, func() string { return "not all clients are there" })
	k.produce("t", 0, 3, 100)
	all := append(append(append([]*follower(nil), chunked...), bare...), lines...)
	k.complete(all...)

	begun := time.Now()
	if err := in.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() bool {
		status, body := in.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "draining")
	}, func() string { return "readiness does not fail" })
	if n := in.metric(`ringcast_connections{stream="s"}`); n != 80 {
		t.Errorf("%v clients when readiness fails, want all 80", n)
	}
	k.produce("t", 0, 3, 100) // what comes during the delay is delivered

	first, last := time.Time{}, time.Time{}
	for _, c := range all {
		end, when := c.firstEnd()
		if end.Cause != ledger.ServerEnded || end.Inside {
			t.Errorf("a client ended so: %+v", end)
		}
		if first.IsZero() || when.Before(first) {
			first = when
		}
		if when.After(last) {
			last = when
		}
	}
	for _, c := range append(chunked, lines...) {
		if end, _ := c.firstEnd(); !end.Terminated {
			t.Errorf("no terminating chunk: %+v", end)
		}
	}
	times := make(map[time.Duration]bool)
	for _, c := range append(chunked, bare...) {
		if end, _ := c.firstEnd(); end.Said != "drain" {
			t.Errorf("the server said %q", end.Said)
		}
		d, _ := c.Retry()
		if times[d] = true; d < time.Second || d > 3*time.Second+drain {
			t.Errorf("retry %v", d)
		}
	}
	if len(times) < 20 {
		t.Errorf("70 clients were told only %d different times: %v", len(times), times)
	}
	if d := first.Sub(begun); d < delay {
		t.Errorf("the first client was sent away after %v, shutdown_delay is %v", d, delay)
	}
	if d := last.Sub(first); d < drain/3 || d > drain+time.Second {
		t.Errorf("the clients were sent away over %v, drain_timeout is %v", d, drain)
	}
	k.complete(all...)
	select {
	case <-in.ended:
	case <-time.After(patience):
		t.Fatal("the process does not end")
	}
	if status := in.cmd.ProcessState.ExitCode(); status != exitOK {
		t.Errorf("exit status %d", status)
	}
}

// TestSecondSignal: whoever cannot wait for the drain need not.
func TestSecondSignal(t *testing.T) {
	f := func(name, server string, drains bool) {
		t.Run(name, func(t *testing.T) {
			k := newFake(t, topics(1, "t"))
			in := startConfig(t, k.config(server, ""))
			in.waitReady()
			followAll(t, 50, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)
			if err := in.cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			eventually(t, patience, func() bool { status, _ := in.get("/readyz"); return status == 503 }, func() string { return "readiness does not fail" })
			if drains {
				eventually(t, patience, func() bool { return in.metric(`ringcast_connections_closed_total{reason="drain"}`) > 0 }, func() string { return "nobody is sent away" })
			}
			begun := time.Now()
			if status := in.stop(syscall.SIGTERM); status != exitOK {
				t.Errorf("exit status %d", status)
			}
			if d := time.Since(begun); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
	f("in the drain", `drain_timeout = "40s"`, true)
	f("in the delay", "shutdown_delay = \"5m\"\ndrain_timeout = \"5m\"", false)
}
