package security

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// newMock starts a broker that answers SASL as told, with sessions of so many
// milliseconds.
func newMock(t *testing.T, answer sarama.KError, session int64) *sarama.MockBroker {
	t.Helper()
	b := sarama.NewMockBroker(t, 1)
	t.Cleanup(b.Close)
	authenticate := sarama.NewMockSaslAuthenticateResponse(t).SetSessionLifetimeMs(session)
	if answer != sarama.ErrNoError {
		authenticate = authenticate.SetError(answer)
	}
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"SaslHandshakeRequest":    sarama.NewMockSaslHandshakeResponse(t).SetEnabledMechanisms([]string{sarama.SASLTypeOAuth}),
		"SaslAuthenticateRequest": authenticate,
		"MetadataRequest":         sarama.NewMockMetadataResponse(t).SetBroker(b.Addr(), 1),
	})
	return b
}

// credentials are what clients have said to the broker who they are.
func credentials(b *sarama.MockBroker) (all [][]byte) {
	for _, r := range b.History() {
		if a, ok := r.Request.(*sarama.SaslAuthenticateRequest); ok {
			all = append(all, a.SaslAuthBytes)
		}
	}
	return all
}

// connect makes a connection that cfg secures.
func connect(t *testing.T, cfg Config, addr string) *sarama.Broker {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := sarama.NewConfig()
	c.ApiVersionsRequest = false
	s.Apply(c)
	b := sarama.NewBroker(addr)
	if err := b.Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (e *endpoint) config() Config { return Config{SASL: &e.sasl} }

// TestOAuthBearer: a connection says who it is with a token, and again, with
// the token of that moment, before its session ends.
func TestOAuthBearer(t *testing.T) {
	e, mock := newEndpoint(t), newMock(t, sarama.ErrNoError, 100)
	b := connect(t, e.config(), mock.Addr())
	deadline := time.Now().Add(patience)
	for len(credentials(mock)) < 3 {
		if _, err := b.GetMetadata(&sarama.MetadataRequest{Topics: []string{"t"}}); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d authentications", len(credentials(mock)))
		}
	}
	for _, c := range credentials(mock) {
		if !bytes.Contains(c, []byte("auth=Bearer token-")) {
			t.Errorf("said %q", c)
		}
	}
}

// TestOAuthBearerRefused: what the broker says is an authentication error, and
// no token is in it.
func TestOAuthBearerRefused(t *testing.T) {
	e, mock := newEndpoint(t), newMock(t, sarama.ErrSASLAuthenticationFailed, 0)
	_, err := connect(t, e.config(), mock.Addr()).GetMetadata(&sarama.MetadataRequest{Topics: []string{"t"}})
	if !errors.Is(err, sarama.ErrSASLAuthenticationFailed) || strings.Contains(err.Error(), "token-") {
		t.Errorf("got %v", err)
	}
	e.status.Store(500)
	e.expires, e.refresh = time.Time{}, time.Time{}
	_, err = connect(t, e.config(), mock.Addr()).GetMetadata(&sarama.MetadataRequest{Topics: []string{"t"}})
	var ours *Error
	if !errors.As(err, &ours) || ours.Kind != ErrAuthentication || ours.Broker != "" || !strings.Contains(err.Error(), "500") {
		t.Errorf("got %v", err)
	}
}
