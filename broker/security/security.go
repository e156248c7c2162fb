// Package security makes a connection to a broker what its cluster demands: TLS, and who we are (SASL).
//
// Certificates, passwords and tokens are read for every connection that is made, so that files may change at any time.
// No error holds a secret.
package security

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

var (
	// ErrTLS says that no TLS connection came about: a certificate was not believed, by us or by the broker, or one of
	// our files cannot be used.
	ErrTLS = errors.New("TLS failed")

	// ErrAuthentication says that a broker did not take us for who we say we are, or that we cannot say it: no password,
	// no token.
	ErrAuthentication = errors.New("authentication failed")
)

// Error is what went wrong with one connection. errors.Is finds ErrTLS or ErrAuthentication, and Err, in it.
type Error struct {
	Kind   error  // ErrTLS or ErrAuthentication
	Broker string // host:port; "": no broker was asked
	Err    error
}

func (e *Error) Error() string {
	if e.Broker == "" {
		return fmt.Sprintf("%v: %v", e.Kind, e.Err)
	}
	return fmt.Sprintf("%v on broker %s: %v", e.Kind, e.Broker, e.Err)
}

// Unwrap returns Kind and Err.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// SASL mechanisms.
const (
	Plain       = sarama.SASLTypePlaintext
	ScramSHA256 = sarama.SASLTypeSCRAMSHA256
	ScramSHA512 = sarama.SASLTypeSCRAMSHA512
	OAuthBearer = sarama.SASLTypeOAuth
)

// Config is what a cluster demands. The zero value is a connection in the clear.
type Config struct {
	TLS  *TLS  // nil: none
	SASL *SASL // nil: none
}

// TLS names PEM files, which are read for every connection.
type TLS struct {
	CA         string // authorities of the brokers' certificates; "": the system's
	Cert, Key  string // of the client; "": none
	ServerName string // name in the brokers' certificates; "": the host of the broker
}

// SASL says who we are.
type SASL struct {
	Mechanism sarama.SASLMechanism
	User      string                 // of PLAIN and SCRAM; for OAUTHBEARER the client id
	Secret    func() (string, error) // the password, or the client's secret, as it is now
	TokenURL  string                 // OAUTHBEARER: where tokens come from (RFC 6749 section 4.4)
	Scope     string                 // OAUTHBEARER: "" asks for none
}

// Security secures connections. Its methods may be called from any goroutine.
type Security struct {
	cfg    Config
	tokens *tokens // nil: not OAUTHBEARER
}

// New returns what secures connections as cfg says.
func New(cfg Config) (*Security, error) {
	s := &Security{cfg: cfg}
	if a := cfg.SASL; a != nil {
		switch a.Mechanism {
		case Plain, ScramSHA256, ScramSHA512:
		case OAuthBearer:
			s.tokens = newTokens(*a)
		default:
			return nil, fmt.Errorf("cannot use SASL mechanism %q: allowed are %s, %s, %s and %s",
				a.Mechanism, Plain, ScramSHA256, ScramSHA512, OAuthBearer)
		}
	}
	return s, nil
}

// Apply secures all connections that are made with c. They are dialled by the dialer in c, if there is one.
func (s *Security) Apply(c *sarama.Config) {
	d := dialer{tls: s.cfg.TLS, sasl: s.cfg.SASL != nil, timeout: c.Net.DialTimeout}
	if c.Net.Proxy.Enable {
		d.through = c.Net.Proxy.Dialer
	}
	if a := s.cfg.SASL; a != nil {
		c.Net.SASL.Enable = true
		c.Net.SASL.Mechanism = a.Mechanism
		c.Net.SASL.User = a.User
		c.Net.SASL.Password = "-" // sarama wants one; SCRAM reads its own
		switch a.Mechanism {
		case Plain:
			// sarama has no hook: a connection made with c has the password of this moment.
			if c.Net.SASL.Password, d.refused = a.password(); d.refused != nil {
				c.Net.SASL.Password = "-"
			}
		case OAuthBearer:
			c.Net.SASL.TokenProvider = s.tokens
		default:
			c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{sasl: a} }
		}
	}
	// TLS is our dialer's: sarama's would keep the authorities of the day it was configured.
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, d
}

// Refused is told when a broker has refused who we are: another token is asked for, where there are tokens.
func (s *Security) Refused() {
	if s.tokens != nil {
		s.tokens.refused()
	}
}

// password reads the secret. The error is an *Error.
func (a *SASL) password() (string, error) {
	p, err := a.Secret()
	if err == nil && p == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", &Error{Kind: ErrAuthentication, Err: fmt.Errorf("cannot read the password: %w", err)}
	}
	return p, nil
}
