package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// script is a server that answers one request after the other with what it was
// given, the last one again and again, and writes the requests down.
type script struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request // guarded by mu
}

// play starts one. An answer is a status, header lines and a body.
func play(t *testing.T, answers ...string) *script {
	t.Helper()
	s := &script{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		answer := answers[min(len(s.requests), len(answers)-1)]
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		head, body, _ := strings.Cut(answer, "\n\n")
		status := 0
		for i, line := range strings.Split(head, "\n") {
			if i == 0 {
				fmt.Sscan(line, &status)
				continue
			}
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// header is what the requests carried in one field.
func (s *script) header(name string) (values []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		values = append(values, r.Header.Get(name))
	}
	return values
}

func (s *script) queries() (values []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		values = append(values, r.URL.RawQuery)
	}
	return values
}

const stream = "200\nContent-Type: text/event-stream; charset=utf-8\n\nretry: 1\n"

// screen is a Stdout that does something with every write.
type screen struct {
	bytes.Buffer
	on func() error
}

func (s *screen) Write(b []byte) (int, error) {
	s.Buffer.Write(b)
	return len(b), s.on()
}

// follow runs against servers to the end. on is called with every write.
func follow(t *testing.T, c Config, on ...func() error) (r Result, stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var words bytes.Buffer
	out := screen{on: func() error { return nil }}
	if len(on) > 0 {
		out.on = on[0]
	}
	c.Stdout, c.Stderr, c.UserAgent = &out, &words, "test"
	r, err = Run(ctx, c)
	if ctx.Err() != nil {
		t.Fatalf("it does not end:\n%s%s", out.String(), words.String())
	}
	return r, out.String(), words.String(), err
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestResume: the next connection begins behind the last block that came whole,
// a greeting too, and since is only for one that has no id yet.
func TestResume(t *testing.T) {
	s := play(t,
		stream,
		"503\nRetry-After: 0\n\n{\"title\":\"Overloaded\",\"detail\":\"no room\"}",
		stream+"id: zero\n:ok\n\nid: half\ndata: lost\n",
		stream+"data: one\nid: 1\n\n",
		stream+": gap topic=t partition=0 asked=1 given=5 reason=expired\nid: 5\ndata: two\n\nid: 6\nevent: gap\ndata: {}\n\nid: 7\ndata: three\n\nid: 8\ndata: four\n\n")
	r, stdout, stderr, err := follow(t, Config{URLs: []string{s.URL + "/x?a=b"}, Since: "2026-01-01T00:00:00+01:00", Events: 3})
	if err != nil || stdout != "one\ntwo\nthree\n" || r.Events != 3 || r.LastEventID != "7" || r.Connections != 4 {
		t.Errorf("%+v, %v:\n%s%s", r, err, stdout, stderr)
	}
	equal(t, "ids", s.header("Last-Event-ID"), []string{"", "", "", "zero", "1"})
	first := "a=b&since=2026-01-01T00%3A00%3A00%2B01%3A00"
	equal(t, "queries", s.queries(), []string{first, first, first, "a=b", "a=b"})
	for _, words := range []string{"503 Service Unavailable: Overloaded: no room; again in", "gap topic=t partition=0 asked=1 given=5 reason=expired\n", "gap {}\n"} {
		if !strings.Contains(stderr, words) {
			t.Errorf("it does not say %q:\n%s", words, stderr)
		}
	}
}

// TestTurns: the URLs are taken in turn.
func TestTurns(t *testing.T) {
	one := play(t, stream+"id: 1\ndata: a\n\n")
	two := play(t, stream+"id: 2\ndata: b\n\n")
	gone := httptest.NewServer(nil)
	gone.Close()
	_, stdout, stderr, err := follow(t, Config{URLs: []string{one.URL, gone.URL, two.URL}, Events: 3, LastEventID: "0"})
	if err != nil || stdout != "a\nb\na\n" || !strings.Contains(stderr, "refused") {
		t.Errorf("%v:\n%s%s", err, stdout, stderr)
	}
	equal(t, "ids of the first", one.header("Last-Event-ID"), []string{"0", "2"})
	equal(t, "ids of the second", two.header("Last-Event-ID"), []string{"1"})
}

// TestFinal: what connecting again cannot mend ends the run, with the reason.
func TestFinal(t *testing.T) {
	f := func(answer, want string, change func(*Config)) {
		t.Helper()
		s := play(t, answer)
		c := Config{URLs: []string{s.URL}}
		if change != nil {
			change(&c)
		}
		_, _, _, err := follow(t, c, func() error { return errors.New("disk full") })
		if err == nil || !strings.Contains(err.Error(), want) || len(s.queries()) > 1 {
			t.Errorf("%.40q: %v after %d requests, want %q", answer, err, len(s.queries()), want)
		}
	}
	for _, status := range []int{204, 304, 400, 401, 403, 404, 410} {
		f(fmt.Sprintf("%d\n\n", status), fmt.Sprint(status), nil)
	}
	f(`400`+"\n\n"+`{"title":"Stream Not Found","detail":"Invalid streams: \u001bx"}`, `400 Bad Request: Stream Not Found: Invalid streams: \x1bx`, nil)
	f("200\nContent-Type: text/html\n\n", `"text/html"`, nil)
	f(stream+"id: \x01\n\n", `"\x01"`, nil)
	f(stream+strings.Repeat("data: 12345678\n", 20), "an event is larger than 100 bytes", func(c *Config) { c.MaxEvent = 100 })
	f(stream, "cannot read the token", func(c *Config) { c.TokenFile = filepath.Join(t.TempDir(), "none") })
	f(stream+"data: x\n\n", "cannot write events: disk full", nil)
}

// TestAgain: what passes is asked for again.
func TestAgain(t *testing.T) {
	for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
		s := play(t, stream, fmt.Sprintf("%d\n\n", status), stream+"data: x\n\n")
		if _, stdout, stderr, err := follow(t, Config{URLs: []string{s.URL}, Events: 1}); err != nil || stdout != "x\n" {
			t.Errorf("%d: %v, %s%s", status, err, stdout, stderr)
		}
	}
}

// TestRequestHeader: every connection carries what was given, and the token that
// is in the file then.
func TestRequestHeader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	s := play(t, stream+"data: x\n\n")
	n := 0
	_, _, _, err := follow(t, Config{URLs: []string{s.URL}, Events: 2, TokenFile: file, Header: http.Header{"X-A": {"b"}}}, func() error {
		if n++; n == 1 {
			write("second")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "tokens", s.header("Authorization"), []string{"Bearer first", "Bearer second"})
	equal(t, "X-A", s.header("X-A"), []string{"b", "b"})
	equal(t, "Accept", s.header("Accept"), []string{"text/event-stream", "text/event-stream"})
}
