package security

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	// tokenWait is how long a connection waits for a token: sarama holds the lock of the broker meanwhile.
	tokenWait = 2 * time.Second

	// tokenTimeout is how long the endpoint may take; who waits no longer gets the token of the next attempt.
	tokenTimeout = 10 * time.Second

	// tokenPause is how long an answer stands that was of no use.
	tokenPause = time.Second

	// tokenLife is taken for the lifetime of a token whose endpoint tells none.
	tokenLife = time.Minute
)

// tokens gets tokens by client credentials and keeps the newest one. It implements sarama.AccessTokenProvider, which is
// asked for every connection and for every re-authentication (KIP-368).
type tokens struct {
	// Set at construction.
	sasl   SASL
	client *http.Client
	now    func() time.Time

	// Owned by the attempt under way. It remembers how the endpoint wants the secret: as a header, or in the form.
	cfg clientcredentials.Config

	// Guarded by mu.
	mu      sync.Mutex
	token   string
	asked   time.Time
	refresh time.Time // from then on a new one is asked for
	expires time.Time
	failed  error // of the last attempt, nil: it went well
	again   time.Time
	flight  chan struct{} // closed when the attempt under way ends; nil: none
}

func newTokens(a SASL) *tokens {
	return &tokens{
		sasl: a,
		now:  time.Now,
		cfg:  clientcredentials.Config{ClientID: a.User, TokenURL: a.TokenURL, Scopes: strings.Fields(a.Scope)},
		client: &http.Client{
			Timeout: tokenTimeout,
			// The secret is for the configured endpoint only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects, which is not followed") },
		},
	}
}

// Token implements sarama.AccessTokenProvider. A token that is old but good is given when no new one comes in time.
func (t *tokens) Token() (*sarama.AccessToken, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.now().Before(t.refresh) {
		t.awaitLocked()
	}
	if t.now().Before(t.expires) {
		return &sarama.AccessToken{Token: t.token}, nil
	}
	err := t.failed
	if err == nil {
		err = fmt.Errorf("no answer within %v", tokenWait)
	}
	return nil, &Error{Kind: ErrAuthentication, Err: fmt.Errorf("no token from %s: %w", t.sasl.TokenURL, err)}
}

// awaitLocked waits for the attempt under way, or a new one where it is time for that.
func (t *tokens) awaitLocked() {
	if t.flight == nil {
		if t.failed != nil && t.now().Before(t.again) {
			return
		}
		t.flight = make(chan struct{})
		go t.fetch(t.flight)
	}
	flight := t.flight
	t.mu.Unlock()
	defer t.mu.Lock()
	timer := time.NewTimer(tokenWait)
	defer timer.Stop()
	select {
	case <-flight:
	case <-timer.C:
	}
}

// refused has a token that is not quite new replaced.
func (t *tokens) refused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.asked) >= tokenPause && now.Before(t.refresh) {
		t.refresh = now
	}
}

// fetch asks the endpoint once.
func (t *tokens) fetch(flight chan struct{}) {
	asked := t.now()
	token, life, err := t.ask()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed = err; err == nil {
		t.token, t.asked = token, asked
		// A quarter of the life is left for an endpoint that is away. Brokers are told the new token at 85 % of a
		// session's life at the earliest (sarama).
		t.refresh, t.expires = asked.Add(life/4*3), asked.Add(life)
	} else {
		t.again = t.now().Add(tokenPause)
	}
	t.flight = nil
	close(flight)
}

func (t *tokens) ask() (token string, life time.Duration, err error) {
	secret, err := t.sasl.Secret()
	if err != nil {
		return "", 0, fmt.Errorf("cannot read the client's secret: %w", err)
	}
	t.cfg.ClientSecret = secret
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	got, err := t.cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client))
	if err != nil {
		return "", 0, told(err)
	}
	life = tokenLife
	if !got.Expiry.IsZero() {
		life = time.Until(got.Expiry)
	}
	return got.AccessToken, life, nil
}

// told is what may be said of an answer of the endpoint: what it sends may hold what we sent.
func told(err error) error {
	var refused *oauth2.RetrieveError
	var transport *url.Error
	switch {
	case errors.As(err, &refused) && known[refused.ErrorCode]:
		return fmt.Errorf("it answers %s (%s)", refused.Response.Status, refused.ErrorCode)
	case errors.As(err, &refused) && refused.Response != nil:
		return fmt.Errorf("it answers %s", refused.Response.Status)
	case errors.As(err, &transport):
		return transport.Err // without the URL, which the caller names
	}
	return errors.New("its answer holds no token")
}

// known are the error codes of RFC 6749 section 5.2.
var known = map[string]bool{
	"invalid_request": true, "invalid_client": true, "invalid_grant": true,
	"unauthorized_client": true, "unsupported_grant_type": true, "invalid_scope": true,
}
