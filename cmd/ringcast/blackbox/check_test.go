package blackbox

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// TestCheck: what is printed is a configuration that means the same, with every
// default in it, and the memory it may take.
func TestCheck(t *testing.T) {
	document := "[ring]\ntotal_bytes = \"64MiB\"\n[streams.s]\ntopics = [\"a\", \"b\"]\ntopic_prefixes = [\"x.\", \"y.\"]\nevents = 1000\n"
	status, stdout, stderr := command(t, "check", "-config", file(t, document))
	if status != exitOK {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	var printed struct {
		Server struct {
			Heartbeat      string
			MaxConnections int `toml:"max_connections"`
		}
		Streams map[string]struct {
			Topics   []string
			Prefixes []string `toml:"topic_prefixes"`
			Events   int
			Format   string
		}
	}
	if _, err := toml.Decode(stdout, &printed); err != nil {
		t.Fatalf("%v in\n%s", err, stdout)
	}
	if s := printed.Streams["s"]; printed.Server.Heartbeat != "15s" || printed.Server.MaxConnections < 1 || s.Events != 1000 || s.Format != "json" ||
		len(s.Topics) != 2 || len(s.Prefixes) != 2 {
		t.Errorf("effective configuration:\n%s", stdout)
	}
	if !regexp.MustCompile(`(?m)^# memory at worst:$`).MatchString(stdout) || !regexp.MustCompile(`(?m)^# +64\.0 MiB  rings$`).MatchString(stdout) ||
		!regexp.MustCompile(`(?m)^# +[0-9.]+ MiB  in all`).MatchString(stdout) {
		t.Errorf("no memory in\n%s", stdout)
	}
	again, same, stderr := command(t, "check", "-config", file(t, stdout))
	if again != exitOK || same != stdout {
		t.Errorf("what is printed is not accepted as it is: %d %s\n%s", again, stderr, same)
	}
}

// TestCheckKafka: topics are named with their partitions, those that are missing
// are an error.
func TestCheckKafka(t *testing.T) {
	k := newFake(t, topics(3, "t"))
	status, stdout, stderr := command(t, "check", "-kafka", "-config", file(t, k.config("", "")))
	if status != exitOK || !strings.Contains(stdout, "# s: t, 3 partitions") {
		t.Errorf("exit status %d, %s\n%s", status, stderr, stdout)
	}
	status, _, stderr = command(t, "check", "-kafka", "-config", file(t, k.config("", "[streams.absent]\ntopics = [\"absent\"]")))
	if status != exitConfig || !strings.Contains(stderr, `streams.absent.topics: topic "absent"`) {
		t.Errorf("a topic is missing: exit status %d, %s", status, stderr)
	}
	away := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	status, _, stderr = command(t, "check", "-kafka", "-config", file(t, strings.ReplaceAll(k.config("", ""), k.addr, away)))
	if status != exitConfig || !strings.Contains(stderr, "kafka.brokers: ") || !strings.Contains(stderr, away) {
		t.Errorf("Kafka is away: exit status %d, %s", status, stderr)
	}
}

// TestVersion: for people and for scripts.
func TestVersion(t *testing.T) {
	status, stdout, _ := command(t, "version")
	if status != exitOK || !regexp.MustCompile(`^ringcast dev, commit [0-9a-z]+, go1\.[0-9.]+ \w+/\w+\n$`).MatchString(stdout) {
		t.Errorf("exit status %d, %q", status, stdout)
	}
	status, stdout, _ = command(t, "version", "-json")
	var v struct{ Version, Commit, Go string }
	if err := json.Unmarshal([]byte(stdout), &v); status != exitOK || err != nil || v.Version != "dev" || v.Commit == "" || v.Go != runtime.Version() {
		t.Errorf("exit status %d, %v, %q", status, err, stdout)
	}
}
