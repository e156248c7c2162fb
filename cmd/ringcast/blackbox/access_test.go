package blackbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestAddresses: behind a proxy that the file trusts, limits and the access log
// go by the client's address, in the header that the file names.
func TestAddresses(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config(`max_connections_per_ip = 2
trusted_proxies = ["127.0.0.0/8"]
client_ip_header = "X-Real-IP"
access_log = true`, ""))
	in.waitReady()
	open := func(client string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.url("s"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Real-IP", client)
		req.Header.Set("X-Forwarded-For", "198.51.100.77")
		req.Header.Set("User-Agent", "agent of "+client)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	f := func(client string, want int) *http.Response {
		t.Helper()
		res := open(client)
		if res.StatusCode != want {
			t.Errorf("%s: %d", client, res.StatusCode)
		}
		return res
	}
	first := f("203.0.113.1", 200)
	f("203.0.113.1", 200)
	res := f("203.0.113.1", 429)
	if body, _ := io.ReadAll(res.Body); !strings.Contains(string(body), `"type":"too_many_requests"`) || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v", body, res.Header)
	}
	f("2001:db8::1", 200)
	f("2001:db8::2", 200)
	f("2001:db8::3", 429)
	first.Body.Close()
	line := func() (found map[string]any) {
		for l := range strings.Lines(in.text()) {
			var x map[string]any
			if json.Unmarshal([]byte(l), &x) == nil && x["message"] == "access" {
				found = x
			}
		}
		return found
	}
	eventually(t, patience, func() bool { return line() != nil }, func() string { return "there is no line of the access log" })
	x := line()
	for key, want := range map[string]string{"address": "203.0.113.1", "user_agent": "agent of 203.0.113.1", "referer": "", "streams": "s", "events": "0", "resumed": "live", "reason": "client"} {
		if fmt.Sprint(x[key]) != want {
			t.Errorf("%s: %v, want %s", key, x[key], want)
		}
	}
	f("203.0.113.1", 200)
	if n := in.metric(`ringcast_connections_refused_total{reason="per_ip"}`); n != 2 {
		t.Errorf("%v refused", n)
	}
}

// TestConnectRate: connections that come faster than configured are refused,
// also when those before them have gone.
func TestConnectRate(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("connect_rate_per_ip = 0.0001", "")) // one, and no other today
	in.waitReady()
	for _, want := range []int{200, 429, 429} {
		res, err := http.Head(in.url("s"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%d, want %d", res.StatusCode, want)
		}
	}
	if n := in.metric(`ringcast_connections_refused_total{reason="rate"}`); n != 2 {
		t.Errorf("%v refused", n)
	}
}
