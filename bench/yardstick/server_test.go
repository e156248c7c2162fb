//go:build linux

package yardstick

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/produce"
	"github.com/ringcast/ringcast/bench/workload"
)

func TestMain(m *testing.M) {
	// go-metrics of sarama has one ticker for the process that nothing stops.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// serve starts a yardstick and returns its address and a function that stops it and returns its statistics.
func serve(t *testing.T, c Config) (addr string, stop func() Stats) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := Serve(ctx, c, in)
		in.CloseWithError(err)
		result <- err
	}()
	lines := json.NewDecoder(out)
	var started Started
	if err := lines.Decode(&started); err != nil {
		t.Fatalf("cannot start the yardstick: %v", err)
	}
	return started.Listen, func() (s Stats) {
		t.Helper()
		cancel()
		if err := lines.Decode(&s); err != nil {
			t.Errorf("cannot read the statistics: %v", err)
		}
		if err := <-result; err != nil {
			t.Errorf("the yardstick failed: %v", err)
		}
		return s
	}
}

func TestFiftyClientsGetEverything(t *testing.T) {
	f := func(mode Mode, partitions, size int) {
		t.Helper()
		cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(int32(partitions), "bench"))
		defer cluster.Close()
		addr, stop := serve(t, Config{Brokers: cluster.ListenAddrs(), Topic: "bench", Mode: mode, Shards: 2})

		const clients, records = 50, 400
		fleet, err := load.New(load.Config{Server: addr, Path: "/v2/stream/bench", Workers: 2, Partitions: partitions, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		defer fleet.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := fleet.Connect(ctx, clients, load.Plan{}); err != nil {
			t.Fatal(err)
		}
		p, err := produce.New(cluster.ListenAddrs(), "bench", partitions, size)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		since := time.Now().UnixMicro()
		fleet.Mark(since)
		if err := p.Paced(ctx, 1000, 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := p.Burst(ctx, records-100); err != nil {
			t.Fatal(err)
		}
		if err := fleet.AwaitRecords(ctx, p.Sent()); err != nil {
			t.Fatal(err)
		}
		tally, _, failure := fleet.Tally()
		if tally.Events != clients*records || tally.Faults() != 0 || failure != nil {
			t.Errorf("%s: %d events, %d faults, failure %v, want %d events", mode, tally.Events, tally.Faults(), failure, clients*records)
		}
		if tally.LastMicros < since {
			t.Errorf("%s: last record at %d, before the first", mode, tally.LastMicros)
		}
		s := stop()
		if s.Clients != clients || s.Deliveries != clients*records || s.Dropped != 0 {
			t.Errorf("%s: %+v", mode, s)
		}
		if mode == Single && s.Writes < s.Deliveries || mode == Auto && size < 20_000 && s.Writes > s.Deliveries {
			t.Errorf("%s: %d writes for %d deliveries", mode, s.Writes, s.Deliveries)
		}
	}
	f(Auto, 2, 1200)
	f(Single, 1, 300)
	f(Auto, 1, 20_000) // batches that fill the sockets
}

func TestFrameIsOneChunkAsRingcastSendsIt(t *testing.T) {
	f := newFramer("t", 2)
	value := workload.Append(nil, 100, workload.Stamp{})
	got := string(f.frame(&sarama.ConsumerMessage{Partition: 1, Offset: 41, Timestamp: time.UnixMilli(1764000000000), Value: value}))
	body := `event: message` + "\n" +
		`id: [{"topic":"t","partition":0,"offset":0,"epoch":"` + epoch + `"},` +
		`{"topic":"t","partition":1,"offset":42,"timestamp":1764000000001,"epoch":"` + epoch + `"}]` + "\n" +
		`data: ` + string(value) + "\n\n"
	if want := "11a\r\n" + body + "\r\n"; got != want || len(body) != 0x11a {
		t.Errorf("frame is\n%q, want\n%q (%x)", got, want, len(body))
	}
	if n := len(`{"topic":"bench.fanout.1","partition":1,"offset":42,"timestamp":1764000000001,"epoch":"` + epoch + `"}`); n < 95 || n > 115 {
		t.Errorf("an id entry has %d bytes", n)
	}
}

func TestLogTakesWithinItsLimit(t *testing.T) {
	l := new(log)
	for _, f := range []string{"aaaa", "bb", "cccccc", "d"} {
		l.publish([]byte(f))
	}
	f := func(from uint64, limit int, want string, next uint64) {
		t.Helper()
		got, n, err := l.take(from, nil, limit)
		if err != nil || string(got) != want || n != next {
			t.Errorf("take(%d, %d) = %q, %d, %v, want %q, %d", from, limit, got, n, err, want, next)
		}
	}
	f(0, 0, "aaaa", 1)
	f(0, 6, "aaaabb", 2)
	f(0, 11, "aaaabb", 2)
	f(1, 100, "bbccccccd", 4)
	f(2, 3, "cccccc", 3)
	f(4, 100, "", 4)
	for range logSize {
		l.publish(nil)
	}
	if _, _, err := l.take(3, nil, 1); err == nil {
		t.Error("a reader that was overtaken is not told")
	}
}

func TestServeRefuses(t *testing.T) {
	err := Serve(t.Context(), Config{Mode: "fast"}, new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), `"fast"`) {
		t.Errorf("error %v", err)
	}
}
