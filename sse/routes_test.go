package sse

import (
	"bufio"
	"regexp"
	"strings"
	"testing"
)

// one sends a request and returns the head and body of the answer. The server
// has to close.
func one(t testing.TB, addr, request string) (head, body string) {
	t.Helper()
	head, body, _ = strings.Cut(answer(t, addr, request), "\r\n\r\n")
	return strings.ToLower(head) + "\r\n", body
}

// header is the value of a header in a lower-case head.
func header(head, name string) (value string, there bool) {
	_, rest, there := strings.Cut(head, "\r\n"+name+": ")
	value, _, _ = strings.Cut(rest, "\r\n")
	return value, there
}

// everywhere are the headers of every public answer.
var everywhere = []string{
	"x-content-type-options: nosniff\r\n", "access-control-allow-origin: *\r\n",
	"access-control-allow-headers: accept, cache-control, last-event-id, x-requested-with, content-type\r\n", "access-control-expose-headers: retry-after\r\n",
}

// Every route beside the streams, and every method on it.
func TestRoutes(t *testing.T) {
	_, addr := serve(t, tenRecords(), func(c *Config) { c.Version = `1.2"3` })
	const rest = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	f := func(path string, status string, body string, headers ...string) {
		t.Helper()
		head, got := one(t, addr, "GET "+path+rest)
		for _, want := range append(append([]string{"http/1.1 " + status + " "}, headers...), everywhere...) {
			if !strings.Contains(head, want) {
				t.Errorf("%s: no %q in %q", path, want, head)
			}
		}
		if got != body {
			t.Errorf("%s: %q", path, got)
		}
		if h, b := one(t, addr, "HEAD "+path+rest); h != strings.Replace(head, "content-length: 0\r\n", "", 1) || b != "" {
			t.Errorf("HEAD %s: %q %q, GET has %q", path, h, b, head)
		}
		h, b := one(t, addr, "OPTIONS "+path+rest)
		for _, want := range append([]string{"http/1.1 204 ", "access-control-allow-methods: get, head, options\r\n", "access-control-max-age: "}, everywhere...) {
			if !strings.Contains(h, want) || b != "" {
				t.Errorf("OPTIONS %s: %q %q", path, h, b)
			}
		}
		for _, method := range []string{"POST", "DELETE", "PUT", "PATCH", "TRACE", "BREW"} {
			if h, b := one(t, addr, method+" "+path+rest); !strings.Contains(h, "http/1.1 405 ") || !strings.Contains(h, "allow: get, head, options\r\n") ||
				!strings.Contains(b, `{"status":405,"type":"method_not_allowed","title":"Method Not Allowed","detail":"`) || !strings.Contains(b, `","method":"`+method+`","uri":"`+path+`"}`) {
				t.Errorf("%s %s: %q %q", method, path, h, b)
			}
		}
	}
	const isJSON = "content-type: application/json; charset=utf-8\r\n"
	f("/", "303", "", "location: /?doc\r\n")
	f("/?x", "303", "", "location: /?doc\r\n")
	f("/_info", "200", `{"name":"ringcast","version":"1.2\"3","description":"Kafka topics as Server-Sent Events","home":"https://github.com/ringcast/ringcast"}`, isJSON)
	f("/_info/name", "200", `{"name":"ringcast"}`, isJSON)
	f("/_info/version", "200", `{"version":"1.2\"3"}`, isJSON)
	f("/robots.txt", "200", "User-agent: *\nDisallow: /\n", "content-type: text/plain; charset=utf-8\r\n")

	_, addr = serve(t, tenRecords(), func(c *Config) { c.UI = true })
	f("/", "303", "", "location: /v2/ui/\r\n")
	_, addr = serve(t, tenRecords(), func(c *Config) { c.UI, c.BasePath = true, "/events" })
	f("/", "303", "", "location: /ui/\r\n")
	begins(t, dial(t, addr, "GET /events/s HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK\r\n")
	if h, _ := one(t, addr, "GET /v2/stream/s"+rest); !strings.Contains(h, "http/1.1 404 ") {
		t.Errorf("%q", h)
	}
}

// What is nearly a route is none, whatever the method, and OPTIONS is answered
// all the same.
func TestNoSuchRoute(t *testing.T) {
	_, addr := serve(t, tenRecords(), nil)
	for _, path := range []string{
		"/x", "//", "//v2/stream/s", "/v2//stream/s", "/v2/stream//s", "/v2/stream/s//", "/v2/stream", "/v2/stream/", "/v2/stream/../stream/s", "/v2/stream/./s",
		"/v2/stream/%2e%2e/_info", "/v2/stream/s/..", "/v2/stream/s%2F..%2Fs", "/v2/stream/%2F", "/_info/", "/_info/home", "/_INFO", "/%5finfo", "/robots.txt/",
		"/metrics", "/healthz", "/readyz", "/streams", "/debug/pprof/", "/V2/stream/s", "/v2/stream;x/s", "/favicon.ico",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			head, body := one(t, addr, method+" "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			status, want := "404", `{"status":404,"type":"not_found","title":"Not Found","detail":"There is nothing at this path.","method":"`+method+`","uri":"`+path+`"}`
			if method == "HEAD" {
				want = ""
			}
			if method == "OPTIONS" {
				status, want = "204", ""
			}
			if !strings.Contains(head, "http/1.1 "+status+" ") || body != want {
				t.Errorf("%s %s: %q %q", method, path, head, body)
			}
			for _, h := range everywhere {
				if !strings.Contains(head, h) {
					t.Errorf("%s %s: no %q in %q", method, path, h, head)
				}
			}
		}
	}
}

var bodyLength = regexp.MustCompile(`Content-Length: [1-9]\d*\r\n`)

// A HEAD has the status and the headers of the GET, and the connection ends.
func TestHeadIsGetWithoutBody(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		_, addr := serve(t, tenRecords(), change)
		f := func(path, headers string) {
			t.Helper()
			got := answer(t, addr, "HEAD "+path+" HTTP/1.1\r\nHost: x\r\n"+headers+"\r\n")
			if !strings.HasSuffix(got, "\r\n\r\n") || strings.Count(got, "\r\n\r\n") != 1 {
				t.Fatalf("HEAD %s: %q", path, got)
			}
			c := dial(t, addr, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+headers+"\r\n")
			var want strings.Builder
			for r := bufio.NewReader(c); !strings.HasSuffix(want.String(), "\r\n\r\n"); {
				line, err := r.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				want.WriteString(line)
			}
			// The body of a refusal says the method.
			if bodyLength.ReplaceAllString(got, "") != bodyLength.ReplaceAllString(want.String(), "") {
				t.Errorf("HEAD %s: %q\nGET %q", path, got, want.String())
			}
		}
		f("/v2/stream/s", "")
		f("/v2/stream/s/", "Accept: application/x-ndjson\r\n")
		f("/v2/stream/none", "")
		f("/v2/stream/s?since=yesterday", "")
		f("/v2/stream/s", "Last-Event-ID: x\r\n")
		f("/v2/stream/s", "Last-Event-ID: [{\"topic\":\"u\",\"partition\":0,\"offset\":1}]\r\n")
		f("/v2/stream/s", "Last-Event-ID: [{\"topic\":\"t\",\"partition\":0,\"offset\":3}]\r\n")
	})
}
