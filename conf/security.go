package conf

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/BurntSushi/toml"
)

// tokenURL is the address of an OAuth token endpoint. One with a password in it
// is refused without being quoted.
func tokenURL(p *string) value {
	const allowed = `a URL such as "https://login.example.org/token"`
	return value{
		set: func(at place, in any) {
			s, ok := at.text(in, allowed)
			if !ok {
				return
			}
			u, err := url.Parse(s)
			switch {
			case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
				at.wrong("***", "is no URL", allowed)
			case u.User != nil:
				at.wrong("***", "holds a user name or a password", allowed)
			default:
				*p = s
			}
		},
		toml: func() string { return unlessEmpty(*p) },
	}
}

// checkSecurity holds the keys of TLS, [auth] and SASL against each other.
func (l *loader) checkSecurity() {
	if t := l.cfg.Server.TLS; t != nil {
		l.required(t.Cert, "server", "tls", "cert")
		l.required(t.Key, "server", "tls", "key")
	}
	if t := l.cfg.Kafka.TLS; t != nil {
		if t.Cert != "" {
			l.required(t.Key, "kafka", "tls", "key")
		}
		if t.Key != "" {
			l.required(t.Cert, "kafka", "tls", "cert")
		}
	}
	l.checkAuth()
	l.checkSASL()
	if s := l.cfg.Kafka.SASL; s != nil && l.cfg.Kafka.TLS == nil && (s.Mechanism == Plain || s.Mechanism == OAuthBearer) {
		l.warn("kafka.sasl: %s without [kafka.tls] lets everybody on the way read the secret", s.Mechanism)
	}
}

// required reports a key that its table cannot do without.
func (l *loader) required(value string, key ...string) {
	if value == "" && l.good(key) {
		l.at(key...).fail("is missing or empty, allowed: a value, as [" +
			keyName(key[:len(key)-1]) + "] needs it")
	}
}

// leastSecret is what the key of HS256 should have, bytes (RFC 7518, section 3.2).
const leastSecret = 32

func (l *loader) checkAuth() {
	a := l.cfg.Auth
	for i := range l.cfg.Streams {
		s := &l.cfg.Streams[i]
		if s.Access == AccessToken && a == nil && !l.bad["auth"] {
			l.at("streams", s.Name, "access").wrong(s.Access, "needs a table [auth]", `"public"`)
		}
	}
	if a == nil {
		return
	}
	sources := []toml.Key{{"auth", "jwks_file"}, {"auth", "key_file"}, {"auth", "secret_file"}, {"auth", "secret"}}
	var set []toml.Key
	for _, key := range sources {
		if l.has(key...) {
			set = append(set, key)
		}
	}
	const allowed = "allowed: exactly one of jwks_file, key_file and secret_file"
	switch {
	case len(set) == 0:
		l.at("auth").fail("has no key to check tokens with, " + allowed)
	case len(set) > 1 && l.good(sources...):
		l.at(set[1]...).fail(fmt.Sprintf("is set besides %s, %s", keyName(set[0]), allowed))
	case len(set) == 1 && l.good(sources...) && a.JWKSFile == "" && a.KeyFile == "" && a.Secret.IsZero():
		l.at(set[0]...).fail("is empty, " + allowed)
	}
	if s := a.Secret.Reveal(); s != "" && len(s) < leastSecret {
		l.warn("the secret of [auth] has %d bytes, an HMAC key should have at least %d: shorter ones can be guessed", len(s), leastSecret)
	}
	if a.Cookie != "" && slices.Contains(l.cfg.Server.CORSOrigins, "*") {
		at := l.at("server", "cors_origin")
		if !l.has("server", "cors_origin") {
			at = l.at("auth", "cookie")
			at.key = toml.Key{"server", "cors_origin"}
		}
		at.wrong("*", "does not go with auth.cookie (browsers refuse it with credentials)", "origins by name")
	}
}

// checkSASL wants what the mechanism needs and refuses what another would.
func (l *loader) checkSASL() {
	s := l.cfg.Kafka.SASL
	if s == nil {
		return
	}
	if s.Mechanism == MechanismNone {
		l.required("", "kafka", "sasl", "mechanism")
		return
	}
	user := []string{"username", "password", "password_file"}
	client := []string{"token_url", "client_id", "client_secret", "client_secret_file", "scope"}
	unused := client
	if s.Mechanism == OAuthBearer {
		unused = user
		l.required(s.TokenURL, "kafka", "sasl", "token_url")
		l.required(s.ClientID, "kafka", "sasl", "client_id")
		l.requiredSecret(s.ClientSecret, "client_secret")
	} else {
		l.required(s.Username, "kafka", "sasl", "username")
		l.requiredSecret(s.Password, "password")
	}
	for _, name := range unused {
		if l.has("kafka", "sasl", name) {
			l.at("kafka", "sasl", name).fail(fmt.Sprintf("does not go with mechanism %q, allowed: leave it out", s.Mechanism))
		}
	}
}

func (l *loader) requiredSecret(s Secret, name string) {
	inline, file := toml.Key{"kafka", "sasl", name}, toml.Key{"kafka", "sasl", name + "_file"}
	if s.IsZero() && l.good(inline, file) {
		l.at(file...).fail(fmt.Sprintf(`is missing, allowed: a path, or %s = "${NAME}"`, name))
	}
}
