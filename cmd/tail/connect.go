package tail

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	// headerTime bounds the wait for a response: one that needs Kafka may take seconds.
	headerTime = time.Minute
	dialTime   = 10 * time.Second
	// errorBody is how much is read of the body of an error.
	errorBody = 64 << 10
)

// keepAlive finds a peer that is gone without a word within 35 s; a heartbeat
// could not, for how often a server sends one is not known here.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 4}

// newClient makes a client without a time limit for bodies, and without
// compression, which would hold events back.
func newClient(config *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTime, KeepAliveConfig: keepAlive}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   dialTime,
		ResponseHeaderTimeout: headerTime,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}}
}

// refusal is an answer that is no stream.
type refusal struct {
	status int
	text   string
	after  time.Duration // Retry-After
}

func (r *refusal) Error() string { return r.text }

// final reports whether asking again would be answered in the same way.
func (r *refusal) final() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return r.status < 500
}

// fatal is an error that connecting again cannot mend.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// connect asks for the stream.
func (f *follower) connect(ctx context.Context, target string) (*http.Response, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fatal{fmt.Errorf("cannot use the URL: %w", err)}
	}
	if f.config.Since != "" && !f.placed {
		q := u.Query()
		q.Set("since", f.config.Since)
		u.RawQuery = q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fatal{fmt.Errorf("cannot use the URL: %w", err)}
	}
	req.Header.Set("User-Agent", f.config.UserAgent)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-store")
	for name, values := range f.config.Header {
		req.Header[name] = values
	}
	if f.config.TokenFile != "" {
		token, err := os.ReadFile(f.config.TokenFile)
		if err != nil {
			return nil, fatal{fmt.Errorf("cannot read the token: %w", err)}
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	if f.id != "" {
		req.Header.Set("Last-Event-ID", f.id)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, reason(err)
	}
	if err := check(res); err != nil {
		res.Body.Close()
		return nil, err
	}
	return res, nil
}

// reason is the error of a request without what the reader knows: method and URL.
func reason(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return fatal{err}
	}
	return err
}

// check reports an answer that is no stream.
func check(res *http.Response) error {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case res.StatusCode == http.StatusOK && kind == "text/event-stream":
		return nil
	case res.StatusCode == http.StatusOK:
		return fatal{fmt.Errorf("this is no event stream: its content type is %q", res.Header.Get("Content-Type"))}
	}
	r := &refusal{status: res.StatusCode, text: "the server says " + res.Status, after: retryAfter(res.Header, time.Now())}
	body, _ := io.ReadAll(io.LimitReader(res.Body, errorBody)) // what there is of it will do
	var problem struct{ Title, Detail string }
	if json.Unmarshal(body, &problem) == nil {
		for _, words := range []string{problem.Title, problem.Detail} {
			if words != "" && !strings.HasSuffix(r.text, words) {
				r.text += ": " + printable(words)
			}
		}
	}
	return r
}
