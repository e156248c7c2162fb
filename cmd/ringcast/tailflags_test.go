package main

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/ringcast/ringcast/cmd/tail"
)

// TestTailFlags: what is typed is what is asked for, and what goes on.
func TestTailFlags(t *testing.T) {
	f := func(urls []string, goOn string, args ...string) {
		t.Helper()
		c, err := parseTail(args, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.config.URLs, urls) {
			t.Errorf("%q: URLs %q, want %q", args, c.config.URLs, urls)
		}
		if got := c.from(tail.Result{Events: 3, LastEventID: `[{"topic":"t"}]`}); got != goOn {
			t.Errorf("%q goes on with\n%s, want\n%s", args, got, goOn)
		}
	}
	const one, two = "http://a:1/v2/stream/x,y", "https://b/v2/stream/x,y"
	const id = ` -id '[{"topic":"t"}]' `
	f([]string{one}, "ringcast tail"+id+one, one)
	f([]string{one, two}, "ringcast tail -n 7 -raw=true"+id+one+","+two, "-since", "1h", one+","+two, "-n", "10", "-raw")
	f([]string{one}, "ringcast tail -token-file '/a b' -H 'X: y'"+id+one, "-id", "5", "-H", "X: y", "-token-file", "/a b", one)
}

// TestTailSince: a duration is that long ago, everything else is for the server.
func TestTailSince(t *testing.T) {
	f := func(in string, want time.Duration) {
		t.Helper()
		if got := parseAgo(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	f("90m", 90*time.Minute)
	f("-90m", 90*time.Minute)
	f("2d", 48*time.Hour)
	f("0", 0)
	f("", 0)
	f("1700000000000", 0)
	f("2026-01-01", 0)
	f("99999999d", 0)
	f("d", 0)
}
