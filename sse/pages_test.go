package sse

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/sse/ui"
)

// open asks for a path and returns the answer, redirects included, and its body.
func open(t *testing.T, method, addr, path string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func withPage(base string, on bool) func(*Config) {
	return func(c *Config) { c.BasePath, c.UI, c.Version = base, on, "1.2.3" }
}

// TestPages: what people open is there, and where it belongs.
func TestPages(t *testing.T) {
	f := func(base string, on bool, path string, status int, want string) {
		t.Helper()
		_, addr := serve(t, tenRecords(), withPage(base, on))
		res, body := open(t, "GET", addr, path)
		got := res.Header.Get("Content-Type")
		if status == 301 || status == 303 {
			got = res.Header.Get("Location")
		}
		if res.StatusCode != status || got != want {
			t.Errorf("%s, page %v: GET %s is %d, %q, want %d, %q", base, on, path, res.StatusCode, got, status, want)
		}
		head, none := open(t, "HEAD", addr, path)
		if head.StatusCode != status || none != "" || status == 200 && head.ContentLength != int64(len(body)) || head.Header.Get("Etag") != res.Header.Get("Etag") {
			t.Errorf("%s: HEAD %s is %d with %d bytes of %d", base, path, head.StatusCode, head.ContentLength, len(body))
		}
		for _, r := range []*http.Response{res, head} {
			if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %s has the header %v", base, path, r.Header)
			}
		}
		if options, _ := open(t, "OPTIONS", addr, path); options.StatusCode != 204 {
			t.Errorf("%s: OPTIONS %s is %d", base, path, options.StatusCode)
		}
		post, _ := open(t, "POST", addr, path)
		if wrong := map[bool]int{true: 404, false: 405}[status == 404]; post.StatusCode != wrong || wrong == 405 && post.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: POST %s is %d, %v", base, path, post.StatusCode, post.Header)
		}
	}
	const html, script, sheet, data = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8", "application/json; charset=utf-8"
	f("/v2/stream", true, "/", 303, "/v2/ui/")
	f("/v2/stream", true, "/?doc", 200, html)
	f("/v2/stream", true, "/?doc=1&x", 200, html)
	f("/v2/stream", true, "/?spec", 200, data)
	f("/v2/stream", true, "/?spec&doc", 200, data)
	f("/v2/stream", true, "/v2/ui", 301, "/v2/ui/")
	f("/v2/stream", true, "/v2/ui/", 200, html)
	f("/v2/stream", true, "/v2/ui/page.js", 200, script)
	f("/v2/stream", true, "/v2/ui/page.css", 200, sheet)
	f("/v2/stream", true, "/v2/ui/page.html", 404, data)
	f("/v2/stream", true, "/v2/ui/../stream/page.js", 404, data)
	f("/v2/stream", true, "/v2", 404, data)
	f("/v2/stream", false, "/", 303, "/?doc")
	f("/v2/stream", false, "/?doc", 200, html)
	f("/v2/stream", false, "/v2/ui/", 404, data)
	f("/v2/stream", false, "/v2/ui/page.js", 404, data)
	f("/events", true, "/", 303, "/ui/")
	f("/events", true, "/ui/", 200, html)
	f("/~x/a/b", true, "/~x/a/ui", 301, "/~x/a/ui/")
	f("/~x/a/b", true, "/v2/ui/", 404, data)
}

// TestPagePolicy: pages load nothing from elsewhere and run nothing inline.
func TestPagePolicy(t *testing.T) {
	_, addr := serve(t, tenRecords(), withPage("/v2/stream", true))
	for _, path := range []string{"/v2/ui/", "/?doc"} {
		res, _ := open(t, "GET", addr, path)
		got := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(got, "default-src 'none';") || strings.Contains(got, "unsafe") || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("%s has the policy %q", path, got)
		}
	}
}

// TestPagesAreCached: who has a page is told so, until it changes.
func TestPagesAreCached(t *testing.T) {
	_, addr := serve(t, tenRecords(), withPage("/v2/stream", true))
	_, other := serve(t, tenRecords(), withPage("/v3/stream", true))
	for _, path := range []string{"/?spec", "/?doc", "/v2/ui/", "/v2/ui/page.js"} {
		res, _ := open(t, "GET", addr, path)
		tag := res.Header.Get("Etag")
		f := func(list string, status int) {
			t.Helper()
			again, body := open(t, "GET", addr, path, "If-None-Match", list)
			if again.StatusCode != status || again.Header.Get("Etag") != tag || (body == "") != (status == 304) {
				t.Errorf("%s with %s is %d, %d bytes", path, list, again.StatusCode, len(body))
			}
		}
		f(tag, 304)
		f(`"x", W/`+tag, 304)
		f("*", 304)
		f(`"x"`, 200)
		if !strings.HasSuffix(path, ".js") {
			if changed, _ := open(t, "GET", other, strings.Replace(path, "v2", "v3", 1)); changed.Header.Get("Etag") == tag {
				t.Errorf("%s of another configuration has the same tag", path)
			}
		}
	}
}

// TestSpec: clients of EventStreams find the streams of this server.
func TestSpec(t *testing.T) {
	f := func(base string) {
		t.Helper()
		_, addr := serve(t, tenRecords(), withPage(base, true))
		_, body := open(t, "GET", addr, "/?spec")
		var doc struct {
			Paths map[string]struct {
				Get struct {
					Parameters []struct {
						Schema struct{ Items struct{ Enum []string } }
					}
				}
			}
			Info struct{ Version string }
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(doc.Paths[base+"/{streams}"].Get.Parameters[0].Schema.Items.Enum); got != "[s alias]" || doc.Info.Version != "1.2.3" {
			t.Errorf("streams %s, version %s", got, doc.Info.Version)
		}
		for name := range doc.Paths {
			res, _ := open(t, "HEAD", addr, strings.Replace(name, "{streams}", "s,alias", 1))
			if res.StatusCode != 200 {
				t.Errorf("%s is %d", name, res.StatusCode)
			}
		}
	}
	f("/v2/stream")
	f("/events")
}

// TestUnlisted: a stream that is not for everybody is in none of the pages.
func TestUnlisted(t *testing.T) {
	p := tenRecords()
	_, addr := serve(t, p, guarded(t, func(c *Config) {
		c.UI = true
		c.Streams = append(c.Streams, Stream{Name: "hidden-one", Aliases: []string{"hidden-two"}, Topics: []string{"hidden-topic"}, Description: "hidden-three", Ring: p.ring, Source: p, Token: true})
	}))
	for _, path := range []string{"/?spec", "/?doc", "/v2/ui/"} {
		if res, body := open(t, "GET", addr, path); res.StatusCode != 200 || strings.Contains(body, "hidden-") {
			t.Errorf("%s is %d and tells of it", path, res.StatusCode)
		}
	}
}

// TestPageSetsAreBounded: however many sets of streams callers may read, only
// so many are kept.
func TestPageSetsAreBounded(t *testing.T) {
	s, _ := serve(t, tenRecords(), withPage("/v2/stream", true))
	for n := range 3 * maxPageSets {
		c, streams := s.catalog.Load(), []*Stream{{Name: fmt.Sprint(n)}}
		if set := s.pagesOf(c, streams); !strings.Contains(string(set.page.Body), fmt.Sprintf("value=\"%d\"", n)) || set != s.pagesOf(c, streams) {
			t.Fatalf("set %d", n)
		}
		if len(c.pages.made) > maxPageSets {
			t.Fatalf("%d sets are kept", len(c.pages.made))
		}
	}
}

// TestEveryAssetIsServed: nothing that the page loads is missing.
func TestEveryAssetIsServed(t *testing.T) {
	_, addr := serve(t, tenRecords(), withPage("/v2/stream", true))
	for name, f := range ui.Assets {
		if res, body := open(t, "GET", addr, "/v2/ui/"+name); res.StatusCode != 200 || body != string(f.Body) {
			t.Errorf("%s is %d", name, res.StatusCode)
		}
	}
}
