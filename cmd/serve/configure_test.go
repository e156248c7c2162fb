package serve

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

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
