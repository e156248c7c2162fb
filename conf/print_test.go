package conf

import (
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// reparsed wants the printed form of c to parse to c again.
func reparsed(t *testing.T, c *Config, sys System, steps ...func(*loader)) {
	t.Helper()
	text := c.TOML()
	again, err := parse("again.toml", []byte(text), sys, steps...)
	if err != nil {
		t.Fatalf("the effective configuration does not parse:\n%s\n%v", text, err)
	}
	before, after := *c, *again
	before.Warnings, after.Warnings = nil, nil
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before\n%+v\nafter\n%+v\n%s\n%s", before, after, text, after.TOML())
	}
	if again.TOML() != text {
		t.Errorf("printed twice:\n%s\n%s", text, again.TOML())
	}
}

func TestPrintedParsesAgain(t *testing.T) {
	machines := []System{testSystem(), testSystem(), testSystem(), testSystem(), testSystem()}
	machines[1].Memory, machines[1].FileLimit = 0, 0
	machines[2].Memory, machines[2].FileLimit = 512*mib, 1024
	machines[3].Memory, machines[3].FileLimit = 256*mib+12345, 500
	machines[4].Memory, machines[4].FileLimit = 300*mib, 100
	f := func(text string) {
		t.Helper()
		for _, sys := range machines {
			reparsed(t, mustParse(t, text, sys), sys, (*loader).check)
		}
	}
	f(oneStream)
	f("[server]\nmax_connections = 0\npending_bytes = 0\ncors_origin = \"\"\n[ring]\nmax_event = 0\n" + oneStream)
	f("[server]\ncors_origin = [\"https://a.example\"]\n[ring]\nevents = 1000\nbytes = \"5MB\"\nwarm_up = 0\n" + oneStream)
	f(`[streams.a]
topics = ["t", "u"]
topic_prefixes = ["", "x."]
description = "quotes \" and \\ and\nlines\t\u0000\u007f\u0085\u2028 é 🙂"
aliases = ["rc", "a.a"]
bytes = "8000KB"
[streams."b.c"]
topics = ["v"]
[streams."-_"]
topics = ["w"]
optional = true
events = 5
`)
}

func TestPrintedParsesAgainWithTables(t *testing.T) {
	sys := testSystem()
	c := mustParse(t, `
[server]
max_connections_per_ip = 3
connect_rate_per_ip = 0.25
trusted_proxies = ["10.0.0.0/8"]
cors_origin = ["https://a.example", "https://b.example"]
limit_response = "stream"
ui = false
[server.tls]
cert = "good.pem"
key = "good.pem"
[auth]
secret = "${SECRET}"
cookie = "token"
[kafka.tls]
[kafka.sasl]
mechanism = "OAUTHBEARER"
token_url = "https://login.example.org/token"
client_id = "me"
client_secret_file = "secret"
[replay]
max_age = "30d"
[streams.a]
topics = ["t"]
id = "compact"
access = "token"
example = "{}"
schema = "good.json"
`, sys)
	reparsed(t, c, sys, (*loader).check)
	text := c.TOML()
	for _, want := range []string{
		"[kafka.tls]\n", `secret = "${SECRET}"  # ***`, `client_secret_file = "secret"  # ***`, `max_age = "720h"`, `id = "compact"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestQuoteTOML(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\\b\f\r\n\t\x00\x1f\x7f", "\u0080\u009f\u00a0\u2028\u2029", "é🙂\U0010ffff"} {
		var got struct{ V string }
		if _, err := toml.Decode("V = "+quoteTOML(s), &got); err != nil || got.V != s {
			t.Errorf("%q is read as %q, %v", s, got.V, err)
		}
	}
}
