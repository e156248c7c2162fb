package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/cmd/ringcast-demo/wiki"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The one goroutine of go-metrics can never be stopped.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		// fasthttp's worker pool ends up to 10 s after its server.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// The clock of fasthttp's Date header can never be stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

const (
	// startTime is what the demo may take until it says what to open: 2 s are
	// promised, and the race detector on a busy machine makes it slower.
	startTime = 10 * time.Second
	patience  = 30 * time.Second
)

// TestDemo: one command gives streams that flow, at the addresses that it
// prints, and ends cleanly.
func TestDemo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	printed, stdout := io.Pipe()
	var log bytes.Buffer
	ended := make(chan error, 1)
	begun := time.Now()
	go func() {
		ended <- run(ctx, []string{"-listen", "127.0.0.1:0", "-admin-listen", "127.0.0.1:0", "-rate", "500"}, stdout, &log)
		stdout.Close()
	}()
	var urls []string
	var admin string
	lines := bufio.NewScanner(printed)
	for admin == "" && lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 1 && strings.HasPrefix(f[0], "http://"):
			urls = append(urls, f[0])
		case len(f) > 1 && f[0] == "metrics":
			admin = strings.TrimSuffix(strings.TrimSuffix(f[1], ","), "/metrics")
		}
	}
	if d := time.Since(begun); d > startTime || admin == "" || len(urls) != len(wiki.Streams()) {
		t.Fatalf("after %v: streams %q, admin %q", d, urls, admin)
	}
	go func() { _, _ = io.Copy(io.Discard, printed) }()

	var clients sync.WaitGroup
	for _, url := range urls {
		clients.Go(func() {
			enough, done := context.WithTimeout(ctx, patience)
			defer done()
			events := 0
			c := ledger.NewClient(ledger.Config{URLs: []string{url}, Foreign: true, OnEvent: func(ledger.Event) {
				events++
				done()
			}})
			if end := c.Visit(enough, ledger.Visit{}); end.Status != 200 || events == 0 {
				t.Errorf("%s: %d events, %+v", url, events, end)
			}
		})
	}
	clients.Wait()
	if res, err := http.Get(admin + "/readyz"); err != nil || res.StatusCode != 200 {
		t.Errorf("/readyz: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()

	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the demo does not end")
	}
	if strings.Contains(log.String(), `panic`) {
		t.Errorf("log:\n%s", &log)
	}
}

// TestDemoFlags: what cannot work is refused.
func TestDemoFlags(t *testing.T) {
	f := func(args ...string) {
		t.Helper()
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	f("-rate", "0")
	f("-rate", "-1")
	f("-partitions", "0")
	f("-partitions", "101")
	f("-listen", "nonsense", "-admin-listen", "127.0.0.1:0")
	f("-frobnicate")
}
