package conf

import (
	"slices"
	"testing"
)

func TestChanges(t *testing.T) {
	f := func(old, new string, want ...string) {
		t.Helper()
		var c [2]*Config
		for i, text := range []string{old, new} {
			var err error
			if c[i], err = parse("ringcast.toml", []byte(text+"\n[streams.s]\ntopics = [\"t\"]\n"), System{ReadFile: func(string) ([]byte, error) { return nil, nil }}, (*loader).check); err != nil {
				t.Fatal(err)
			}
		}
		if got := Changes(c[0], c[1]); !slices.Equal(got, want) {
			t.Errorf("%q to %q: %q, want %q", old, new, got, want)
		}
	}
	f("", "")
	f("", "[server]\nheartbeat = \"15000ms\"") // the default
	f("", "[log]\nlevel = \"debug\"\n[server]\nretry = \"5s\"\nlisten = \":9\"", "server.listen", "server.retry", "log.level")
	f("[kafka.tls]\nca = \"a\"", "[kafka.tls]\nca = \"b\"", "kafka.tls.ca")
	f("[kafka.tls]", "", "kafka.tls")
	f("", "[server]\ncors_origin = [\"https://a.example\"]", "server.cors_origin")
}
