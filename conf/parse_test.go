package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// mustParse reads a text that this version supports.
func mustParse(t *testing.T, text string, sys System) *Config {
	t.Helper()
	c, err := Parse("test.toml", []byte(text), sys)
	if err != nil {
		t.Fatalf("cannot parse:\n%s\n%v", text, err)
	}
	return c
}

const oneStream = "\n[streams.rc]\ntopics = [\"t\"]\n"

func TestDefaults(t *testing.T) {
	c := mustParse(t, oneStream, testSystem())
	want := Default()
	want.Memory = 8 * gib
	want.Ring.TotalBytes = 3276 * mib // 40 % of 8 GiB in whole MiB
	want.Streams = []Stream{{
		Name:   "rc",
		Topics: []string{"t"}, TopicNames: []string{"t"}, TopicPrefixes: []string{""},
		Events: 65536, Bytes: 3276 * mib, MaxEvent: 4 * mib, WarmUp: 15 * time.Minute,
	}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

func TestStreamsKeepTheirOrder(t *testing.T) {
	c := mustParse(t, `
[streams.z]
topics = ["a", "b"]
topic_prefixes = ["eqiad.", "codfw."]
aliases = ["y"]
[server]
heartbeat = "20s"
[streams."a.b"]
topics = ["c"]
annotate = "_kafka"
format = "text"
id = "timestamp"
[streams]
m.topics = ["d"]
m.optional = true
`, testSystem())
	var names []string
	for _, s := range c.Streams {
		names = append(names, s.Name)
	}
	if want := []string{"z", "a.b", "m"}; !slices.Equal(names, want) {
		t.Errorf("streams are %q, want %q", names, want)
	}
	if want := []string{"eqiad.a", "eqiad.b", "codfw.a", "codfw.b"}; !slices.Equal(c.Streams[0].Topics, want) {
		t.Errorf("topics are %q, want %q", c.Streams[0].Topics, want)
	}
	s := c.Streams[1]
	if s.Annotate != AnnotateKafka || s.Format != FormatText || s.ID != IDTimestamp || !c.Streams[2].Optional {
		t.Errorf("enums are %v %v %v, optional %v", s.Annotate, s.Format, s.ID, c.Streams[2].Optional)
	}
}

func TestEveryKeyOfOneStreamAndServer(t *testing.T) {
	c := mustParse(t, `
[server]
listen = "[::1]:0"
max_connection_age = "1d12h"
retry = 0
min_rate = 5000
connect_rate_per_ip = 2
trusted_proxies = ["10.1.2.3/8", "2001:db8::/32"]
cors_origin = ["https://a.example", "http://localhost:3000"]
send_buffer = "${SIZE}"
base_path = "/~x/v2"
[server.tls]
cert = "good.pem"
key = "good.pem"
[kafka]
brokers = ["${HOST}:9092", "[::1]:9092"]
isolation = "read_uncommitted"
[kafka.tls]
[replay]
rate = "0"
[streams.rc]
topics = ["t"]
example = '{"a": 1}'
schema = "good.json"
`, testSystem())
	s := c.Server
	if s.Listen != "[::1]:0" || s.MaxConnectionAge != 36*time.Hour || s.Retry != 0 || s.MinRate != 5000 || s.ConnectRatePerIP != 2 || s.SendBuffer != mib {
		t.Errorf("server is %+v", s)
	}
	if fmt.Sprint(s.TrustedProxies) != "[10.0.0.0/8 2001:db8::/32]" || len(s.CORSOrigins) != 2 || s.TLS == nil || s.TLS.Cert != "good.pem" {
		t.Errorf("server is %+v", s)
	}
	if k := c.Kafka; k.Brokers[0] != "kafka:9092" || k.Isolation != ReadUncommitted || k.TLS == nil || k.SASL != nil {
		t.Errorf("kafka is %+v", k)
	}
}

func TestDefaultsOfOtherMachines(t *testing.T) {
	small := testSystem()
	small.Memory = 600 * mib // where the defaults are lower, those of the example are still good
	mustParse(t, "[replay]\ncache = '128MiB'\n"+oneStream, small)
	mustParse(t, `
[server]
max_connections_per_ip = 0
trusted_proxies = []
client_ip_header = "X-Forwarded-For"
[kafka]
rack = ""
[replay]
cache = 134217728
max_age = 0
[streams.rc]
topics = ["t"]
id = "offset"
access = "public"
`, testSystem())
}

func TestNothingTellsASecret(t *testing.T) {
	c := mustParse(t, `
[auth]
secret_file = "crlf"
[kafka.sasl]
mechanism = "SCRAM-SHA-512"
username = "u"
password = "${SECRET}"
`+oneStream, testSystem())
	if got := c.Kafka.SASL.Password.Reveal(); got != "s3cret" {
		t.Errorf("password is %q", got)
	}
	if got := c.Auth.Secret.Reveal(); got != "two\nlines" {
		t.Errorf("secret is %q: exactly one newline goes", got)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v %v", c.Kafka.SASL, c.Auth), "%+v": fmt.Sprintf("%+v %+v", c.Kafka.SASL, c.Auth),
		"%#v": fmt.Sprintf("%#v %#v", c.Kafka.SASL, c.Auth), "%s": fmt.Sprintf("%s", c.Kafka.SASL.Password),
		"%q": fmt.Sprintf("%q", c.Kafka.SASL.Password), "%x": fmt.Sprintf("%x %d", c.Kafka.SASL.Password, c.Kafka.SASL.Password),
		"JSON": string(encoded), "TOML": c.TOML(),
	} {
		if strings.Contains(text, "s3cret") || strings.Contains(text, "733363726574") || strings.Contains(text, "lines") || !strings.Contains(text, "***") {
			t.Errorf("%s gives %s", name, text)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ringcast.toml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there gives %v", err)
	}
	t.Setenv("RINGCAST_TEST_GROUP", "from-environment")
	text := "[server]\nheartbeat = \"0s\"\n[kafka]\ngroup_prefix = \"${RINGCAST_TEST_GROUP}\"\n" + oneStream
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	var all Errors
	if !errors.As(err, &all) || len(all) != 1 || all[0].File != path || all[0].Line != 2 || all[0].Key != "server.heartbeat" {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, "0s", "1s", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil || c.Kafka.GroupPrefix != "from-environment" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestFileTooLarge(t *testing.T) {
	_, err := Parse("big.toml", []byte(strings.Repeat("#", maxFile+1)), System{})
	if want := "big.toml:1: file: 1048577 bytes are too many, allowed: at most 1048576"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"listen", "linger", "ui", "topics", "max_connections"}
	f := func(in, want string) {
		t.Helper()
		if got := suggest(in, names); got != want {
			t.Errorf("suggest(%q) = %q, want %q", in, got, want)
		}
	}
	f("lisen", "listen")
	f("listens", "listen")
	f("ligner", "linger")
	f("topcis", "topics")
	f("maxconnections", "max_connections")
	f("max-connections", "max_connections")
	f("i", "ui")
	f("xy", "")
	f("lstnr", "")
	f("", "")
}
