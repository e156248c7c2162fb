package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/ringcast/ringcast/conf"
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

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// away is an address where nobody listens: port 1 is nobody's on a test machine.
const away = "127.0.0.1:1"

// config reads a configuration for a Kafka with the streams "s" (topic t) and
// "o" (topic t too, optional), and lines for [server] and [kafka].
func config(t *testing.T, kafka, server, more string) *conf.Config {
	t.Helper()
	document := fmt.Sprintf("[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n%s\n[kafka]\nbrokers = [%q]\n%s\n"+
		"[ring]\ntotal_bytes = \"64MiB\"\n[streams.s]\ntopics = [\"t\"]\n[streams.o]\ntopics = [\"t\"]\noptional = true\n", server, kafka, more)
	cfg, err := conf.Parse("test", []byte(document), conf.Host())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func cluster(t *testing.T) string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// readyz returns status and body of /readyz.
func readyz(t *testing.T, p *Process) (int, readiness) {
	t.Helper()
	res, err := http.Get("http://" + p.AdminAddr() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var r readiness
	if err := json.NewDecoder(res.Body).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, r
}

// free demands that nobody listens at addr any more.
func free(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Errorf("the port is still taken: %v", err)
		return
	}
	l.Close()
}

// TestStartAndStop: what Start makes Stop takes away, goroutines included (see
// TestMain), and clients get their end.
func TestStartAndStop(t *testing.T) {
	p, err := Start(config(t, cluster(t), `drain_timeout = "1s"`, ""), "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(patience)
	for status := 0; status != http.StatusOK; {
		var r readiness
		if status, r = readyz(t, p); time.Now().After(deadline) {
			t.Fatalf("not ready: %+v", r)
		}
	}
	res, err := http.Get("http://" + p.Addr() + "/v2/stream/s")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	p.Stop(t.Context())
	body, err := io.ReadAll(res.Body)
	if err != nil || !strings.HasSuffix(string(body), "\n: drain\n") {
		t.Errorf("the client got %q, %v", body, err)
	}
	free(t, p.Addr())
	free(t, p.AdminAddr())
}

// TestStopAtOnce: a context that is done ends delay and drain.
func TestStopAtOnce(t *testing.T) {
	p, err := Start(config(t, cluster(t), "shutdown_delay = \"5m\"\ndrain_timeout = \"5m\"", ""), "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	p.Stop(ctx)
	if d := time.Since(begun); d > patience {
		t.Errorf("it took %v", d)
	}
	free(t, p.Addr())
}

// TestStartFails: nothing is left of a server that could not start.
func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := func(name, says string, change func(*conf.Config)) {
		t.Helper()
		cfg := config(t, away, "", "")
		change(cfg)
		p, err := Start(cfg, "test", zerolog.Nop())
		if err == nil {
			p.Stop(t.Context())
			t.Errorf("%s: it started", name)
		} else if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", name, err, says)
		}
	}
	f("public port taken", taken.Addr().String(), func(c *conf.Config) { c.Server.Listen = taken.Addr().String() })
	f("admin port taken", "server.admin_listen", func(c *conf.Config) { c.Server.AdminListen = taken.Addr().String() })
	f("Kafka required", away, func(c *conf.Config) { c.Kafka.RequireKafka = true })
}

// TestNotReady: before Kafka was reached nothing is ready, whatever is optional,
// and the process is alive all the same.
func TestNotReady(t *testing.T) {
	p, err := Start(config(t, away, "", ""), "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer p.Stop(t.Context())
	status, r := readyz(t, p)
	if status != http.StatusServiceUnavailable || r.Ready || r.Process != "serving" || r.Kafka != "never reached" ||
		r.Streams["s"] != "not warm" || r.Streams["o"] != "not warm, optional" {
		t.Errorf("/readyz: %d %+v", status, r)
	}
	res, err := http.Get("http://" + p.AdminAddr() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %d", res.StatusCode)
	}
}
