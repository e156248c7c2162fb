package broker

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/security"
)

// TestTroubleText: the broker, the topic or the group that it is about is named,
// whatever else has failed besides.
func TestTroubleText(t *testing.T) {
	b := &Broker{cfg: Config{GroupPrefix: "ringcast", Security: security.Config{SASL: &security.SASL{User: "edge"}}}}
	refused := sarama.Wrap(sarama.ErrSASLAuthenticationFailed, errors.New("invalid credentials"))
	f := func(err error, key, want string) {
		t.Helper()
		got := b.trouble(fmt.Errorf("cannot do something: %w", err))
		if got == nil || got.Key != key || got.Text != want {
			t.Errorf("%v is %+v, want %s: %s", err, got, key, want)
		}
	}
	f(errors.Join(&raw.BrokerError{Addr: "away:1", Err: io.EOF}, &raw.BrokerError{Addr: "k:2", Err: refused}),
		"kafka.sasl", `authentication failed for user "edge" on broker k:2: invalid credentials`)
	f(&raw.BrokerError{Addr: "k:2", Err: &security.Error{Kind: security.ErrAuthentication, Broker: "k:2", Err: io.EOF}},
		"kafka.sasl", `authentication failed for user "edge" on broker k:2: EOF`)
	f(sarama.Wrap(sarama.ErrOutOfBrokers, refused), "kafka.sasl", `authentication failed for user "edge"`)
	f(&security.Error{Kind: security.ErrAuthentication, Err: errors.New("no token")}, "kafka.sasl", `authentication failed for user "edge": no token`)
	f(&security.Error{Kind: security.ErrTLS, Broker: "k:2", Err: errors.New("unknown authority")}, "kafka.tls", "TLS failed on broker k:2: unknown authority")
	f(&raw.DeniedError{Right: raw.Describe, Topic: "t"}, "streams", `not allowed to describe topic "t"`)
	f(&sarama.ConsumerError{Topic: "t", Err: sarama.ErrTopicAuthorizationFailed}, "streams", `not allowed to read topic "t"`)
	f(sarama.ErrGroupAuthorizationFailed, "kafka.group_prefix",
		`group prefix "ringcast" is not allowed: READ is needed on groups that begin with "ringcast."`)
	for _, err := range []error{io.EOF, sarama.ErrOutOfBrokers, sarama.ErrLeaderNotAvailable, raw.ErrUnknownTopic} {
		if got := b.trouble(err); got != nil {
			t.Errorf("%v is the trouble %q", err, got)
		}
	}
}

// TestTroublesAreBounded: they are forgotten with time, and never many.
func TestTroublesAreBounded(t *testing.T) {
	var list troubles
	now := time.Now()
	for i := range 10 * maxTroubles {
		list.note(fmt.Sprint(i), now, 0)
	}
	if n := len(list.list(now)); n == 0 || n > maxTroubles {
		t.Errorf("%d are kept, want at most %d", n, maxTroubles)
	}
	if got := list.list(now.Add(troubleLife + 1)); len(got) != 0 {
		t.Errorf("after their time there are %q", got)
	}
	f := func(after time.Duration, want bool) {
		t.Helper()
		if got := list.note("again", now.Add(after), repeatTrouble); got != want {
			t.Errorf("due after %v is %v, want %v", after, got, want)
		}
	}
	f(0, true)
	f(repeatTrouble-1, false)
	f(repeatTrouble, true)
}
