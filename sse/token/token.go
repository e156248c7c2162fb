// Package token checks JSON Web Tokens (RFC 7519) and says which streams they
// grant. Tokens are signed (RFC 7515, compact form) with an algorithm that the
// type of the key leads to; what the token says of it can only exclude keys.
package token

import (
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Config says what a token must hold besides a good signature.
type Config struct {
	Issuer        string // "": any
	Audience      string // one of the token's; "": any
	Claim         string // that lists streams
	AllowNoExpiry bool
}

// Checker checks tokens. Its keys may be replaced at any time.
type Checker struct {
	cfg  Config
	keys atomic.Pointer[Keys]
}

// NewChecker returns a checker that knows no key.
func NewChecker(cfg Config) *Checker {
	c := &Checker{cfg: cfg}
	c.keys.Store(&Keys{})
	return c
}

// SetKeys has tokens that come from now on checked with other keys.
func (c *Checker) SetKeys(k *Keys) { c.keys.Store(k) }

// Problem is why a token is refused. It says nothing of what is in the token.
type Problem string

// Error is the problem as a sentence.
func (p Problem) Error() string { return "The token " + string(p) + "." }

// The closed set of problems.
const (
	Malformed   Problem = "is no JSON Web Token in compact form, signed with an algorithm of this server's keys"
	UnknownKey  Problem = "names a key that this server does not have"
	BadSigned   Problem = "has a signature that does not fit"
	BadPayload  Problem = "holds no JSON object"
	BadTime     Problem = "has an exp or nbf that is no number"
	NoExpiry    Problem = "does not expire"
	Expired     Problem = "has expired"
	NotYet      Problem = "is not valid yet"
	OtherIssuer Problem = "is from another issuer"
	OtherReader Problem = "is for another audience"
	BadClaim    Problem = "has a list of streams that is no array of strings"
)

// Grant is what a token allows.
type Grant struct {
	// Expires is the end of the grant, Unix seconds; 0: none. A fraction in the
	// token is cut off, and what is later than 32 bits can say is earlier.
	Expires  uint32
	patterns []string
}

// Covers reports whether the token grants a stream.
func (g *Grant) Covers(stream string) bool {
	for _, p := range g.patterns {
		if matches(p, stream) {
			return true
		}
	}
	return false
}

// Check returns what a token grants at a time. The error is a Problem.
func (c *Checker) Check(text string, now time.Time) (*Grant, error) {
	payload, err := c.keys.Load().verify(text)
	if err != nil {
		return nil, err
	}
	// This decoder takes names as they are written, and refuses one that is
	// there twice: the reader that signed and this one see the same.
	var claims map[string]any
	if json.Unmarshal(payload, &claims) != nil || claims == nil {
		return nil, BadPayload
	}
	g := &Grant{}
	if g.Expires, err = c.valid(claims, now); err != nil {
		return nil, err
	}
	if c.cfg.Issuer != "" && claims["iss"] != c.cfg.Issuer {
		return nil, OtherIssuer
	}
	if c.cfg.Audience != "" && !holds(claims["aud"], c.cfg.Audience) {
		return nil, OtherReader
	}
	if g.patterns, err = patterns(claims[c.cfg.Claim]); err != nil {
		return nil, err
	}
	return g, nil
}

// valid holds a token's times (RFC 7519, sections 4.1.4 and 4.1.5) against the
// clock, without leeway, and returns when it expires.
func (c *Checker) valid(claims map[string]any, now time.Time) (expires uint32, _ error) {
	exp, nbf := claims["exp"], claims["nbf"]
	if nbf != nil {
		switch from, ok := nbf.(float64); {
		case !ok:
			return 0, BadTime
		case from > float64(now.UnixNano())/1e9:
			return 0, NotYet
		}
	}
	if exp == nil {
		if !c.cfg.AllowNoExpiry {
			return 0, NoExpiry
		}
		return 0, nil
	}
	until, ok := exp.(float64)
	switch {
	case !ok:
		return 0, BadTime
	case math.Floor(until) <= float64(now.Unix()):
		return 0, Expired
	}
	return uint32(min(until, math.MaxUint32)), nil
}

// holds reports whether an audience, a string or an array, has the one wanted.
func holds(aud any, want string) bool {
	list, ok := aud.([]any)
	if !ok {
		return aud == want
	}
	for _, a := range list {
		if a == want {
			return true
		}
	}
	return false
}

// patterns reads the claim that lists streams. A token without it grants none.
func patterns(claim any) (list []string, _ error) {
	if claim == nil {
		return nil, nil
	}
	in, ok := claim.([]any)
	if !ok {
		return nil, BadClaim
	}
	for _, p := range in {
		s, ok := p.(string)
		if !ok {
			return nil, BadClaim
		}
		list = append(list, s)
	}
	return list, nil
}

// matches reports whether a name is one of a pattern, in which "*" stands for
// any characters, also for none.
func matches(pattern, name string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, first)
	if !wild {
		return ok && name == ""
	}
	for ok {
		var part string
		if part, rest, wild = strings.Cut(rest, "*"); !wild {
			return strings.HasSuffix(name, part)
		}
		// The first place leaves the most for what follows.
		_, name, ok = strings.Cut(name, part)
	}
	return false
}

// verify returns the payload of a token with a good signature.
func (k *Keys) verify(text string) ([]byte, error) {
	token, err := jose.ParseSignedCompact(text, k.algorithms)
	if err != nil || len(token.Signatures) != 1 {
		return nil, Malformed
	}
	h := token.Signatures[0].Protected
	problem := UnknownKey
	for i := range k.list {
		key := &k.list[i]
		if h.KeyID != "" && key.id != "" && h.KeyID != key.id || !key.signs(jose.SignatureAlgorithm(h.Algorithm)) {
			continue
		}
		problem = BadSigned
		if payload, err := token.Verify(key.value); err == nil {
			return payload, nil
		}
	}
	return nil, problem
}
