package ui

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/sse/openapi"
)

// budget is what the live page may weigh, in bytes, with everything that it loads.
const budget = 60_000

// TestWeight: the live page stays light.
func TestWeight(t *testing.T) {
	page := Page("/v2/stream", []Stream{{"recentchange", "Changes to all wikis, as they happen."}})
	total := len(page.Body)
	for _, f := range Assets {
		total += len(f.Body)
	}
	if total > budget {
		t.Errorf("the page weighs %d bytes, allowed are %d", total, budget)
	}
}

// TestSelfContained: pages need nothing from elsewhere, and what they load is there.
func TestSelfContained(t *testing.T) {
	page := string(Page("/v2/stream", nil).Body)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		switch url := m[1]; {
		case strings.HasPrefix(url, "data:"), strings.HasPrefix(url, "/?"), strings.HasPrefix(url, "#"):
		case Assets[url] == nil:
			t.Errorf("the page wants %s, which is not there", url)
		}
	}
	for name, f := range Assets {
		for _, m := range regexp.MustCompile(`from "\./([^"]*)"`).FindAllStringSubmatch(string(f.Body), -1) {
			if Assets[m[1]] == nil {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
		}
		if strings.Contains(string(f.Body), "://") || strings.Contains(string(f.Body), "@import") {
			t.Errorf("%s names another place", name)
		}
	}
}

// TestHostileNames: what the configuration says is text on the pages, whatever it is.
func TestHostileNames(t *testing.T) {
	const evil = `"><script>alert(1)</script>'`
	doc := openapi.Describe(openapi.API{Version: evil, BasePath: "/s", Streams: []openapi.Stream{{Name: evil, Description: evil, Format: openapi.Text, Example: evil}}})
	for name, f := range map[string]*File{"page": Page("/s", []Stream{{evil, evil}}), "documentation": Documentation(doc, "/ui/")} {
		if strings.Contains(string(f.Body), "<script>") || strings.Contains(string(f.Body), evil) {
			t.Errorf("%s:\n%s", name, f.Body)
		}
	}
}

// TestDocumentation: people find every stream, parameter and error.
func TestDocumentation(t *testing.T) {
	f := func(a openapi.API, page string, want ...string) {
		t.Helper()
		text := string(Documentation(openapi.Describe(a), page).Body)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("no %s in\n%s", w, text)
			}
		}
		if strings.Contains(text, "<script") || strings.Contains(text, "style=") || strings.Contains(text, "Live page") != (page != "") {
			t.Errorf("the page:\n%s", text)
		}
	}
	f(openapi.API{BasePath: "/v2/stream", Streams: []openapi.Stream{
		{Name: "edits", Aliases: []string{"e"}, Topics: []string{"t"}, Description: "Edits.", Example: `{"n":25.00}`, Schema: []byte(`{"title":"An edit"}`)},
	}}, "/v2/ui/", "/v2/stream/edits", "The same as edits. Edits.", "since", "Last-Event-ID", "invalid_timestamp", "upstream_unavailable", "25.00", "An edit", `href="/v2/ui/"`)
	f(openapi.API{BasePath: "/v2/stream", Streams: []openapi.Stream{{Name: "secret", Topics: []string{"t"}, Token: true}}}, "",
		"Needs a token:", "Needs a token where one of the streams does:", "unauthorized", "forbidden")
	f(openapi.API{BasePath: "/v2/stream"}, "", "/v2/stream/{streams}")
}
