package conf

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

const exampleFile = "ringcast.example.toml"

func readExample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// commented is a key or a table that the example names without setting it.
var commented = regexp.MustCompile(`(?m)^# (\[[a-z.]+\]|[a-z_]+ = .*)$`)

// everyKey are the keys of a configuration with all tables and one stream.
func everyKey(c *Config) map[string]string {
	c.Streams = append(c.Streams, newStream("recentchange"))
	all := make(map[string]string)
	var walk func(s section, path toml.Key)
	walk = func(s section, path toml.Key) {
		for _, k := range s.keys {
			all[keyName(append(path[:len(path):len(path)], k.name))] = k.toml()
		}
		for _, t := range s.tables {
			walk(t, append(path[:len(path):len(path)], t.name))
		}
	}
	walk(c.sections(), nil)
	return all
}

func TestExampleIsGood(t *testing.T) {
	c := mustParse(t, readExample(t), testSystem())
	if len(c.Warnings) != 0 {
		t.Errorf("it warns: %q", c.Warnings)
	}
}

// TestExampleNamesEveryKey wants the example, its comments included, to name the
// keys that the parser knows, and no others.
func TestExampleNamesEveryKey(t *testing.T) {
	text := commented.ReplaceAllString(readExample(t), "$1")
	var root map[string]any
	meta, err := toml.Decode(text, &root)
	if err != nil {
		t.Fatalf("with its comments taken off: %v", err)
	}
	known := everyKey(Default())
	named := make(map[string]bool)
	for _, key := range meta.Keys() {
		if meta.Type(key...) != "Hash" {
			named[keyName(key)] = true
		}
	}
	for key := range known {
		if !named[key] {
			t.Errorf("the parser knows %s, the example does not", key)
		}
	}
	for key := range named {
		if _, ok := known[key]; !ok {
			t.Errorf("the example names %s, the parser does not know it", key)
		}
	}
}

// TestExampleShowsDefaults compares each value of the example, in comments or
// not, with the default.
func TestExampleShowsDefaults(t *testing.T) {
	// These have no default: each needs a value that somebody chose.
	free := []string{
		"streams.recentchange.topics", "streams.recentchange.schema",
		"server.tls.cert", "server.tls.key", "server.tls.client_ca",
		"auth.jwks_file", "auth.key_file", "auth.secret", "auth.secret_file",
		"kafka.tls.ca", "kafka.tls.cert", "kafka.tls.key",
		"kafka.sasl.mechanism", "kafka.sasl.username", "kafka.sasl.password", "kafka.sasl.password_file",
		"kafka.sasl.token_url", "kafka.sasl.client_id", "kafka.sasl.client_secret", "kafka.sasl.client_secret_file",
	}
	sys := testSystem()
	sys.ReadFile = func(string) ([]byte, error) { return []byte("{}"), nil }
	text := commented.ReplaceAllString(readExample(t), "$1")
	// Both sources of a secret are shown, one is allowed.
	text = regexp.MustCompile(`(?m)^(secret|password|client_secret) = .*$`).ReplaceAllString(text, "")
	c, err := parse(exampleFile, []byte(text), sys)
	if err != nil {
		t.Fatal(err)
	}
	defaults := Default()
	defaults.Streams = []Stream{newStream("recentchange")}
	// What a stream takes over from [ring].
	s, r := &defaults.Streams[0], &defaults.Ring
	s.Events, s.Bytes, s.MaxEvent, s.WarmUp = r.Events, r.Bytes, r.MaxEvent, r.WarmUp
	for key := range everyKey(Default()) {
		path := toml.Key(strings.Split(key, "."))
		got, want := tomlOf(c, path), tomlOf(defaults, path)
		if want == "" && got == `""` {
			continue
		}
		if got != want && !slices.Contains(free, key) {
			t.Errorf("the example says %s = %s, the default is %s", key, got, want)
		}
	}
}

// shown are the tables that are comments because their being there means
// something.
var shown = []string{"server.tls", "auth", "kafka.tls", "kafka.sasl"}

// TestExampleComments wants exactly those tables to be comments.
func TestExampleComments(t *testing.T) {
	table := ""
	for line := range strings.Lines(readExample(t)) {
		line = strings.TrimSpace(line)
		m := commented.FindStringSubmatch(line)
		isComment := m != nil
		if isComment {
			line = m[1]
		}
		name, _, isKey := strings.Cut(line, " = ")
		switch {
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			table = strings.Trim(line, "[]")
			name = table
		case isKey && !strings.HasPrefix(line, "#"):
			name = table + "." + name
		default:
			continue
		}
		if want := slices.Contains(shown, table); want != isComment {
			t.Errorf("%s: a comment is %v, want %v", name, isComment, want)
		}
	}
}

// tomlOf is the value of a key as a file would say it.
func tomlOf(c *Config, key toml.Key) string {
	s := c.sections()
	for _, name := range key[:len(key)-1] {
		for _, t := range s.tables {
			if t.name == name {
				s = t
				break
			}
		}
	}
	for _, k := range s.keys {
		if k.name == key[len(key)-1] {
			return k.toml()
		}
	}
	return ""
}
