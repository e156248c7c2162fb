package security

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// endpoint is a token endpoint and a clock.
type endpoint struct {
	*httptest.Server
	*tokens
	secret  atomic.Value // string: what the client sends
	asked   atomic.Int32
	status  atomic.Int32 // 0: a token
	clock   atomic.Int64 // seconds that have gone by
	started chan struct{}
	hold    chan struct{} // nil: answers at once; otherwise one receive an answer
}

const life = 1000 // seconds

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{started: make(chan struct{}, 100)}
	e.secret.Store("s3cret")
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := e.asked.Add(1)
		e.started <- struct{}{}
		if e.hold != nil {
			<-e.hold
		}
		w.Header().Set("Content-Type", "application/json")
		id, secret, _ := r.BasicAuth()
		switch status := int(e.status.Load()); {
		case status != 0:
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"not with %s"}`, secret)
		case id != "edge" || secret != "s3cret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "a b":
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": "not with " + secret})
		default:
			fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, n, life)
		}
	}))
	t.Cleanup(e.Close)
	e.tokens = newTokens(SASL{Mechanism: OAuthBearer, User: "edge", TokenURL: e.URL, Scope: "a b",
		Secret: func() (string, error) { return e.secret.Load().(string), nil }})
	e.client.Transport = &http.Transport{DisableKeepAlives: true}
	begun := time.Now()
	e.now = func() time.Time { return begun.Add(time.Duration(e.clock.Load()) * time.Second) }
	return e
}

// want asks for a token.
func (e *endpoint) want(t *testing.T, token string, asked int32) {
	t.Helper()
	got, err := e.Token()
	if err != nil || got.Token != token || e.asked.Load() != asked {
		t.Fatalf("got %v, %v after %d questions, want %s after %d", got, err, e.asked.Load(), token, asked)
	}
}

// TestTokenIsKept: one token serves until three quarters of its life are over,
// and is replaced before it ends.
func TestTokenIsKept(t *testing.T) {
	e := newEndpoint(t)
	e.want(t, "token-1", 1)
	e.clock.Store(life*3/4 - 2)
	e.want(t, "token-1", 1)
	e.clock.Store(life*3/4 + 1)
	e.want(t, "token-2", 2)
	e.clock.Add(life * 2)
	e.want(t, "token-3", 3)
}

// TestTokenEndpointAway: a token that is still good is used while there is no
// new one, and the endpoint is not asked for every connection.
func TestTokenEndpointAway(t *testing.T) {
	e := newEndpoint(t)
	e.want(t, "token-1", 1)
	e.status.Store(http.StatusServiceUnavailable)
	e.clock.Store(life * 4 / 5)
	e.want(t, "token-1", 2)
	e.want(t, "token-1", 2)
	e.clock.Store(life + 1)
	for range 5 {
		_, err := e.Token()
		if !errors.Is(err, ErrAuthentication) || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), e.URL) {
			t.Fatalf("got %v", err)
		}
	}
	if n := e.asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	e.status.Store(0)
	e.clock.Add(2)
	e.want(t, "token-4", 4)
}

// TestTokenSecretChanges: a client that is refused says so, without its secret,
// and asks again with the secret of that moment.
func TestTokenSecretChanges(t *testing.T) {
	e := newEndpoint(t)
	e.secret.Store("wr0ng")
	_, err := e.Token()
	if !errors.Is(err, ErrAuthentication) || !strings.Contains(err.Error(), "401") || !strings.Contains(err.Error(), "invalid_client") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("the secret is in %q", err)
	}
	e.secret.Store("s3cret")
	e.clock.Add(2)
	if got, err := e.Token(); err != nil || got.Token == "" {
		t.Errorf("got %v", err)
	}
}

// TestTokenRefused: a token that a broker refuses is replaced, at most once a
// second.
func TestTokenRefused(t *testing.T) {
	e := newEndpoint(t)
	e.want(t, "token-1", 1)
	e.refused()
	e.want(t, "token-1", 1)
	e.clock.Add(2)
	e.refused()
	e.want(t, "token-2", 2)
	e.refused()
	e.want(t, "token-2", 2)
}

// TestTokenSingleFlight: many connections at once cost one question.
func TestTokenSingleFlight(t *testing.T) {
	e := newEndpoint(t)
	e.hold = make(chan struct{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got, err := e.Token(); err != nil || got.Token != "token-1" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	<-e.started
	e.hold <- struct{}{}
	wg.Wait()
	if n := e.asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

// TestTokenEndpointHangs: nobody waits for long, and the answer that comes at
// last is used.
func TestTokenEndpointHangs(t *testing.T) {
	e := newEndpoint(t)
	e.hold = make(chan struct{})
	_, err := e.Token() // two seconds
	if !errors.Is(err, ErrAuthentication) || !strings.Contains(err.Error(), "no answer") {
		t.Fatalf("got %v", err)
	}
	e.hold <- struct{}{}
	e.want(t, "token-1", 1)
}

// TestTokenRedirect: the secret goes nowhere else.
func TestTokenRedirect(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	e := newEndpoint(t)
	redirect := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer redirect.Close()
	e.cfg.TokenURL = redirect.URL
	if _, err := e.Token(); err == nil || !strings.Contains(err.Error(), "redirects") || elsewhere.Load() != 0 {
		t.Errorf("got %v, asked the other %d times", err, elsewhere.Load())
	}
}
