package serve

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/broker/security"
	"github.com/ringcast/ringcast/conf"
)

// TestConfigureFails: a configuration that cannot be used changes nothing.
func TestConfigureFails(t *testing.T) {
	kafka := cluster(t)
	p, err := Start(config(t, kafka, "", ""), "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(t.Context())
	t.Setenv("RINGCAST_TEST_SECRET", strings.Repeat("s", 64))
	was := p.now.Load().kafka.Stream("s")
	with := config(t, kafka, "", "[auth]\nsecret = \"${RINGCAST_TEST_SECRET}\"\n")
	with.Streams[0].Access = conf.AccessToken
	if err := p.Configure(with); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
	if p.now.Load().kafka.Stream("s") != was {
		t.Error("the stream is read no more")
	}
}

// TestConfigureNamesWhatWaits: what takes a restart is compared with what is in
// force, however often the configuration is read.
func TestConfigureNamesWhatWaits(t *testing.T) {
	kafka := cluster(t)
	var log bytes.Buffer
	p, err := Start(config(t, kafka, "", ""), "test", zerolog.New(&log).Level(zerolog.WarnLevel))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(t.Context())
	f := func(server string, named bool) {
		t.Helper()
		log.Reset()
		if err := p.Configure(config(t, kafka, server, "")); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), `"server.max_request_bytes"`); got != named {
			t.Errorf("%q: %s", server, log.String())
		}
	}
	f(`max_request_bytes = "2KiB"`, true)
	f(`max_request_bytes = "2KiB"`, true)
	f("", false)
}

// TestAtOnce: what Configure says it puts in force is what limits, the streams
// and a broker are made of, key by key.
func TestAtOnce(t *testing.T) {
	base := config(t, "127.0.0.1:9", "", "")
	candidates := []string{`"7s"`, "7", "0.5", "true", "false", `"77KiB"`, `"24MiB"`, `"debug"`, `"console"`, `"stream"`, `"X-Other"`, `"127.0.0.1:9999"`, `["127.0.0.1:9998"]`,
		`["10.0.0.0/8"]`, `"https://a.example"`, `"/other/stream"`, `"read_uncommitted"`, `"off"`, `"any"`, `"loopback"`}
	// What of the configuration the process looks at when it needs it.
	looked := []string{"server.shutdown_delay", "server.drain_timeout", "log.level"}
	made := func(cfg *conf.Config) any {
		k := Kafka(cfg)
		k.Security = security.Config{} // has functions
		k.MaxBatch, k.RequireKafka = 0, false
		s := cfg.Streams[0]
		return []any{limits(cfg), k, s.Events, s.Bytes, s.WarmUp, s.MaxEvent}
	}
	table, keys := "", 0
	lines := strings.Split(base.TOML(), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(line, "[]")
		}
		name, _, is := strings.Cut(line, " = ")
		if !is || strings.HasPrefix(table, "streams") {
			continue
		}
		key, other := table+"."+name, (*conf.Config)(nil)
		keys++
		for _, c := range candidates {
			document := strings.Join(slices.Replace(slices.Clone(lines), i, i+1, name+" = "+c), "\n")
			if table == "ring" { // the streams have the values of now
				document = document[:strings.Index(document, "[streams.")] + "[streams.s]\ntopics = [\"t\"]\n"
			}
			cfg, err := conf.Parse("test", []byte(document), conf.Host())
			if err == nil && slices.Equal(conf.Changes(base, cfg), []string{key}) {
				other = cfg
				break
			}
		}
		if other == nil {
			t.Errorf("no other value is found for %s", line)
			continue
		}
		differs := slices.Contains(looked, key) || !reflect.DeepEqual(made(base), made(other))
		if key == "ring.total_bytes" {
			differs = true // streams with bytes of their own have nothing of it
		}
		if atOnce := ofKafka(key) || slices.Contains(atOnce, key); differs != atOnce {
			t.Errorf("%s: something is made of it %t, it is put in force %t", key, differs, atOnce)
		}
	}
	if keys < 40 {
		t.Errorf("%d keys", keys)
	}
}

// TestConfigureKafka: another Kafka is taken over by the streams, and the state
// of the process speaks of it.
func TestConfigureKafka(t *testing.T) {
	one := cluster(t)
	other, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "t"), kfake.ClusterID("other"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	p, err := Start(config(t, one, "", ""), "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(t.Context())
	ready := func() bool {
		status, _ := readyz(t, p)
		return status == 200
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("not so: " + what)
			}
		}
	}
	until("ready", ready)
	was := p.now.Load()
	if err := p.Configure(config(t, away, "heartbeat = \"3s\"", "")); err == nil || !strings.Contains(err.Error(), away) {
		t.Errorf("a Kafka that is away: %v", err)
	}
	if p.now.Load() != was || p.http.CheckStreams(served(was.streams)) != nil {
		t.Error("something has changed")
	}
	if err := p.Configure(config(t, other.ListenAddrs()[0], "", "group_prefix = \"other\"")); err != nil {
		t.Fatal(err)
	}
	until("the other cluster's epoch is there", func() bool {
		return strings.HasPrefix(p.now.Load().streams[0].source.Status().Topics[0].Epoch, broker.ClusterTag("other"))
	})
	if !ready() || p.now.Load().streams[0].source != was.streams[0].source {
		t.Error("not ready, or another stream")
	}
	select {
	case <-was.kafka.ended:
	default:
		t.Error("the broker of before still runs")
	}
}
