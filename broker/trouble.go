package broker

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/security"
)

// Trouble is something that only the operator or the owner of the cluster can
// mend: who we are, or what we may do. It holds no secret.
type Trouble struct {
	Key  string // of the configuration, where to look first
	Text string

	kind  errorKind
	err   error
	vague bool // does not say which broker or topic
}

func (t *Trouble) Error() string { return t.Text }

// Unwrap returns what Kafka said.
func (t *Trouble) Unwrap() error { return t.err }

// trouble says what is wrong with our identity or our rights, nil where err is
// about something else.
func (b *Broker) trouble(err error) *Trouble {
	t := &Trouble{kind: kindOf(err), err: err}
	switch t.kind {
	case kindTLS:
		t.Key, t.Text = "kafka.tls", err.Error()
		var ours *security.Error
		if errors.As(err, &ours) {
			t.Text = ours.Error()
		}
	case kindAuthentication:
		t.Key = "kafka.sasl"
		t.authentication(b.user(), err)
	case kindAuthorization:
		t.authorization(b.cfg.GroupPrefix, err)
	default:
		return nil
	}
	return t
}

// orTrouble is err as a trouble, where it is one.
func (b *Broker) orTrouble(err error) error {
	if t := b.trouble(err); t != nil {
		return t
	}
	return err
}

// user is who we say we are.
func (b *Broker) user() string {
	if b.cfg.Security.SASL == nil {
		return ""
	}
	return b.cfg.Security.SASL.User
}

func (t *Trouble) authentication(user string, err error) {
	t.Text = fmt.Sprintf("authentication failed for user %q", user)
	var ours *security.Error
	switch refused := errors.As(err, &ours); {
	case refused && ours.Broker == "": // not even asked: no password, no token
		t.Text += ": " + ours.Err.Error()
	case refused:
		t.Text += fmt.Sprintf(" on broker %s: %v", ours.Broker, ours.Err)
	default:
		by := refusedBy(err)
		if t.vague = by == nil; !t.vague {
			t.Text += fmt.Sprintf(" on broker %s: %s", by.Addr, innermost(by.Err))
		}
	}
}

// refusedBy finds the broker that did not believe us, among others that may be
// away.
func refusedBy(err error) *raw.BrokerError {
	if by, ok := err.(*raw.BrokerError); ok && kindOf(by.Err) == kindAuthentication {
		return by
	}
	if one := errors.Unwrap(err); one != nil {
		return refusedBy(one)
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			if by := refusedBy(e); by != nil {
				return by
			}
		}
	}
	return nil
}

// innermost is what a broker said, without what sarama says about it.
func innermost(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

func (t *Trouble) authorization(groupPrefix string, err error) {
	var topic *raw.DeniedError
	var claim *sarama.ConsumerError
	switch {
	case errors.Is(err, sarama.ErrGroupAuthorizationFailed):
		t.Key = "kafka.group_prefix"
		t.Text = fmt.Sprintf("group prefix %q is not allowed: READ is needed on groups that begin with %q", groupPrefix, groupPrefix+".")
	case errors.As(err, &topic):
		t.Key, t.Text = "streams", topic.Error()
	case errors.As(err, &claim):
		t.Key, t.Text = "streams", (&raw.DeniedError{Right: raw.Read, Topic: claim.Topic}).Error()
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed):
		t.Key, t.Text, t.vague = "streams", "not allowed to describe a topic", true
	default:
		t.Key, t.Text = "kafka.brokers", err.Error()
	}
}
