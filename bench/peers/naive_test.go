//go:build linux

package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/produce"
)

func TestMain(m *testing.M) {
	// go-metrics of sarama has one ticker for the process that nothing stops.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// start runs a part until the test ends and returns what it said when it began.
func start(t *testing.T, part func(context.Context, io.Writer) error) (s Started) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := part(ctx, in)
		in.CloseWithError(err)
		result <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
	if err := json.NewDecoder(out).Decode(&s); err != nil {
		t.Fatalf("cannot start: %v", err)
	}
	return s
}

func TestNaiveServerLosesNothing(t *testing.T) {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "bench"))
	defer cluster.Close()
	s := start(t, func(ctx context.Context, out io.Writer) error { return Naive(ctx, cluster.ListenAddrs(), "bench", out) })
	const clients, records = 50, 600 // more than a channel holds
	fleet, err := load.New(load.Config{Server: s.Listen, Path: "/", Workers: 2, Partitions: 2, Size: 300, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if err := fleet.Connect(ctx, clients, load.Plan{}); err != nil {
		t.Fatal(err)
	}
	p, err := produce.New(cluster.ListenAddrs(), "bench", 2, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Burst(ctx, records); err != nil {
		t.Fatal(err)
	}
	if err := fleet.AwaitRecords(ctx, p.Sent()); err != nil {
		t.Fatal(err)
	}
	if tally, _, failure := fleet.Tally(); tally.Events != clients*records || tally.Faults() != 0 || failure != nil {
		t.Errorf("%d events, %d faults, %v", tally.Events, tally.Faults(), failure)
	}
}

func TestPublisherKeepsTheOrder(t *testing.T) {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "bench"))
	defer cluster.Close()
	const records = 100
	var mu sync.Mutex
	var got []string
	all := make(chan struct{})
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if got = append(got, string(body)); len(got) == records {
			close(all)
		}
	}))
	defer target.Close()
	start(t, func(ctx context.Context, out io.Writer) error {
		return Publish(ctx, cluster.ListenAddrs(), "bench", target.URL, out)
	})
	p, err := produce.New(cluster.ListenAddrs(), "bench", 1, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Burst(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	select {
	case <-all:
	case <-time.After(60 * time.Second):
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != records || !slices.IsSorted(got) {
		t.Errorf("%d records were published, in order: %v", len(got), slices.IsSorted(got))
	}
}

func TestPublisherFailsWhenNobodyTakesARecord(t *testing.T) {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "bench"))
	defer cluster.Close()
	target := httptest.NewServer(http.NotFoundHandler())
	defer target.Close()
	p, err := produce.New(cluster.ListenAddrs(), "bench", 1, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Burst(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if err := Publish(ctx, cluster.ListenAddrs(), "bench", target.URL, io.Discard); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsMissingIsTold(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Chdir(t.TempDir())
	_, err := FindKafkaSSE()
	if err == nil || !strings.Contains(err.Error(), "Node.js") || !strings.Contains(err.Error(), "scripts/peers/install") {
		t.Errorf("error %v", err)
	}
}

func TestNchanConfiguration(t *testing.T) {
	text := Nchan{Module: "/m.so"}.Config("/tmp/x", "127.0.0.1:1", "/stream", 3)
	for _, want := range []string{"load_module /m.so;", "worker_processes 3;", "listen 127.0.0.1:1 ", "location = /stream {", "location = " + NchanPublish + " {",
		"pid /tmp/x/nginx.pid;", fmt.Sprintf("nchan_message_buffer_length %d;", nchanMessages)} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
