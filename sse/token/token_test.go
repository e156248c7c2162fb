package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// now is the time of every check here.
var now = time.Unix(1_800_000_000, 500_000_000)

// signers are private keys of every type.
var signers = sync.OnceValue(func() map[string]any {
	must := func(k any, err error) any {
		if err != nil {
			panic(err)
		}
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	return map[string]any{
		"short": []byte("short"),
		"HMAC":  []byte("a secret that is as long as it should be"),
		"RSA":   must(rsa.GenerateKey(rand.Reader, 2048)),
		"RSA2":  must(rsa.GenerateKey(rand.Reader, 2048)),
		"P-256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"P-384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"P-521": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
		"Ed":    must(ed, err),
	}
})

// public is the public half of a key; a secret is its own.
func public(key any) any {
	if s, ok := key.(crypto.Signer); ok {
		return s.Public()
	}
	return key
}

// publicPEM is a public key as a file.
func publicPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public(key))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// sign makes a token of claims, with a key id if there is one.
func sign(t testing.TB, key any, alg jose.SignatureAlgorithm, id, claims string) string {
	t.Helper()
	if secret, ok := key.([]byte); ok {
		return by(fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, id), claims, mac(alg, secret))
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := token.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// by makes a token by hand: header and signature are whatever they are.
func by(header, claims string, signature func(input []byte) []byte) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return input + "." + base64.RawURLEncoding.EncodeToString(signature([]byte(input)))
}

func hs256(secret []byte) func([]byte) []byte { return mac(jose.HS256, secret) }

// mac signs with a secret of any length.
func mac(alg jose.SignatureAlgorithm, secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		m := hmac.New(map[jose.SignatureAlgorithm]func() hash.Hash{jose.HS256: sha256.New, jose.HS384: sha512.New384, jose.HS512: sha512.New}[alg], secret)
		m.Write(input)
		return m.Sum(nil)
	}
}

func checker(keys *Keys, err error) *Checker {
	if err != nil {
		panic(err)
	}
	c := NewChecker(Config{Claim: "streams"})
	c.SetKeys(keys)
	return c
}

const good = `{"exp":1800000060,"streams":["a"]}`

// Every type of key checks its own algorithms, and no others, whichever way it
// is configured.
func TestAlgorithms(t *testing.T) {
	all := map[jose.SignatureAlgorithm]string{jose.HS256: "HMAC", jose.HS384: "HMAC", jose.HS512: "HMAC",
		jose.RS256: "RSA", jose.RS384: "RSA", jose.RS512: "RSA", jose.PS256: "RSA", jose.PS384: "RSA", jose.PS512: "RSA",
		jose.ES256: "P-256", jose.ES384: "P-384", jose.ES512: "P-521", jose.EdDSA: "Ed"}
	for name, key := range signers() {
		if name == "RSA2" || name == "short" {
			continue
		}
		var checkers []*Checker
		if secret, ok := key.([]byte); ok {
			checkers = append(checkers, checker(Secret(secret)))
		} else {
			checkers = append(checkers, checker(PEM(publicPEM(t, key))))
		}
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public(key), KeyID: "k", Use: "sig"}}})
		if err != nil {
			t.Fatal(err)
		}
		checkers = append(checkers, checker(JWKS(set)))
		for alg, signer := range all {
			for i, c := range checkers {
				for _, id := range []string{"", "k"} {
					g, err := c.Check(sign(t, signers()[signer], alg, id, good), now)
					if (err == nil) != (signer == name) {
						t.Errorf("%s, way %d: %s: %v", name, i, alg, err)
					}
					if err == nil && (g.Expires != 1800000060 || !g.Covers("a") || g.Covers("b")) {
						t.Errorf("%s: %+v", name, g)
					}
				}
			}
		}
	}
}

// A short secret is one too: conf warns.
func TestShortSecret(t *testing.T) {
	c := checker(Secret(signers()["short"].([]byte)))
	for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
		if _, err := c.Check(sign(t, signers()["short"], alg, "", good), now); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if _, err := c.Check(sign(t, []byte("shorT"), alg, "", good), now); err != BadSigned {
			t.Errorf("%s with another secret: %v", alg, err)
		}
	}
}

// A public key is never a secret, whatever the token says, and unsigned tokens
// are none.
func TestConfusion(t *testing.T) {
	rsaKey := signers()["RSA"]
	der, err := x509.MarshalPKIXPublicKey(public(rsaKey))
	if err != nil {
		t.Fatal(err)
	}
	text := publicPEM(t, rsaKey)
	for _, c := range []*Checker{checker(PEM(text)), checker(Secret(signers()["HMAC"].([]byte))), checker(PEM(publicPEM(t, signers()["P-256"])))} {
		for _, secret := range [][]byte{text, []byte(strings.TrimSpace(string(text))), der, nil} {
			for _, alg := range []string{"HS256", "RS256", "ES256", "none", "None", "nOnE", "", "hs256"} {
				for name, signature := range map[string]func([]byte) []byte{"none": func([]byte) []byte { return nil }, "HMAC": hs256(secret)} {
					if _, err := c.Check(by(`{"alg":"`+alg+`"}`, good, signature), now); err == nil {
						t.Errorf("alg %q with a signature of %s is accepted", alg, name)
					}
				}
			}
		}
		// A key that the token brings along.
		own := jose.JSONWebKey{Key: public(signers()["Ed"])}
		j, err := own.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		header := `{"alg":"EdDSA","jwk":` + string(j) + `}`
		if _, err := c.Check(by(header, good, func(in []byte) []byte { return ed25519.Sign(signers()["Ed"].(ed25519.PrivateKey), in) }), now); err == nil {
			t.Error("a key in the token is believed")
		}
	}
	secret := signers()["HMAC"].([]byte)
	c := checker(Secret(secret))
	for _, header := range []string{`{"alg":"HS256","crit":["b64"],"b64":false}`, `{"alg":"HS256","crit":["x"],"x":1}`, `{"alg":"HS256","alg":"none"}`, `[]`, `"HS256"`, `{}`} {
		if _, err := c.Check(by(header, good, hs256(secret)), now); err == nil {
			t.Errorf("header %s is accepted", header)
		}
	}
}

func TestClaims(t *testing.T) {
	secret := signers()["HMAC"].([]byte)
	keys, err := Secret(secret)
	if err != nil {
		t.Fatal(err)
	}
	f := func(claims string, cfg Config, want error) {
		t.Helper()
		cfg.Claim = "streams"
		c := NewChecker(cfg)
		c.SetKeys(keys)
		if _, err := c.Check(by(`{"alg":"HS256"}`, claims, hs256(secret)), now); err != want {
			t.Errorf("%s: %v, want %v", claims, err, want)
		}
	}
	any := Config{}
	f(good, any, nil)
	f(`{"exp":1800000000.9,"streams":[]}`, any, Expired) // not a moment longer
	f(`{"exp":1800000001}`, any, nil)
	f(`{"exp":1800000000}`, any, Expired)
	f(`{"exp":0}`, any, Expired)
	f(`{"exp":-1e300}`, any, Expired)
	f(`{"exp":1e300}`, any, nil)
	f(`{"exp":1e999}`, any, BadPayload)
	f(`{"exp":"1800000060"}`, any, BadTime)
	f(`{}`, any, NoExpiry)
	f(`{"exp":null}`, any, NoExpiry)
	f(`{}`, Config{AllowNoExpiry: true}, nil)
	f(`{"exp":1}`, Config{AllowNoExpiry: true}, Expired)
	f(`{"exp":1800000060,"nbf":1800000000.4}`, any, nil)
	f(`{"exp":1800000060,"nbf":1800000001}`, any, NotYet)
	f(`{"exp":1800000060,"nbf":"x"}`, any, BadTime)
	f(`{"exp":1,"exp":1800000060}`, any, BadPayload) // which one did who signed mean
	f(`{"EXP":1800000060}`, any, NoExpiry)
	f(`[]`, any, BadPayload)
	f(`null`, any, BadPayload)
	f(`x`, any, BadPayload)
	f(`{"exp":1800000060,"streams":"a"}`, any, BadClaim)
	f(`{"exp":1800000060,"streams":["a",1]}`, any, BadClaim)
	issued := Config{Issuer: "me"}
	f(`{"exp":1800000060,"iss":"me"}`, issued, nil)
	f(`{"exp":1800000060,"iss":"you"}`, issued, OtherIssuer)
	f(`{"exp":1800000060,"iss":["me"]}`, issued, OtherIssuer)
	f(`{"exp":1800000060}`, issued, OtherIssuer)
	read := Config{Audience: "us"}
	f(`{"exp":1800000060,"aud":"us"}`, read, nil)
	f(`{"exp":1800000060,"aud":["them","us"]}`, read, nil)
	f(`{"exp":1800000060,"aud":["them"]}`, read, OtherReader)
	f(`{"exp":1800000060,"aud":"them"}`, read, OtherReader)
	f(`{"exp":1800000060}`, read, OtherReader)
}

// A token that names a key is checked with that key only; one that names none
// with all that can be meant.
func TestKeyIDs(t *testing.T) {
	one, two, ec := signers()["RSA"], signers()["RSA2"], signers()["P-256"]
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: public(one), KeyID: "one", Algorithm: "RS256"}, {Key: public(two), KeyID: "two"}, {Key: public(ec), KeyID: "ec", Use: "enc"},
		{Key: two, KeyID: "private"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	// Types that are not known are passed over.
	set = []byte(strings.Replace(string(set), `{"keys":[`, `{"keys":[{"kty":"new","kid":"n"},{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"},{"kty":"RSA","alg":"RSA-OAEP","n":"`+
		base64.RawURLEncoding.EncodeToString(public(one).(*rsa.PublicKey).N.Bytes())+`","e":"AQAB"},`, 1))
	c := checker(JWKS(set))
	f := func(key any, alg jose.SignatureAlgorithm, id string, want error) {
		t.Helper()
		if _, err := c.Check(sign(t, key, alg, id, good), now); err != want {
			t.Errorf("%s of %q: %v, want %v", alg, id, err, want)
		}
	}
	f(one, jose.RS256, "one", nil)
	f(one, jose.RS256, "", nil)
	f(two, jose.RS256, "", nil)
	f(two, jose.PS512, "two", nil)
	f(two, jose.RS256, "private", nil) // its public half
	f(two, jose.RS256, "one", BadSigned)
	f(one, jose.RS256, "two", BadSigned)
	f(one, jose.RS256, "three", UnknownKey)
	f(one, jose.PS256, "one", UnknownKey) // its algorithm is pinned
	f(ec, jose.ES256, "ec", Malformed)    // it is for encryption
}

func TestBadKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(signers()["P-256"])
	if err != nil {
		t.Fatal(err)
	}
	text := publicPEM(t, signers()["RSA"])
	for i, data := range [][]byte{nil, []byte("x"), text[:len(text)/2], slices.Concat(text, text), publicPEM(t, small), publicPEM(t, p224),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})} {
		if _, err := PEM(data); err == nil {
			t.Errorf("PEM %d is accepted", i)
		}
	}
	many := `{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"oct","k":"AAAA"},`, maxKeys+1), ",") + `]}`
	for _, set := range []string{"", "x", "[]", "{}", `{"keys":[]}`, `{"keys":[{"kty":"new"}]}`, `{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[{}]}`, many} {
		if _, err := JWKS([]byte(set)); err == nil {
			t.Errorf("the set %.60s is accepted", set)
		}
	}
	if _, err := Secret(nil); err == nil {
		t.Error("no secret is accepted")
	}
}

func TestCovers(t *testing.T) {
	f := func(pattern, name string, want bool) {
		t.Helper()
		g := Grant{patterns: []string{"other", pattern}}
		if g.Covers(name) != want {
			t.Errorf("%q, %q: %v", pattern, name, !want)
		}
	}
	f("a", "a", true)
	f("a", "ab", false)
	f("a", "", false)
	f("", "a", false)
	f("*", "a", true)
	f("a*", "a", true)
	f("a*", "abc", true)
	f("a*", "ba", false)
	f("*a", "ba", true)
	f("*a", "ab", false)
	f("a*c", "abbc", true)
	f("a*c", "ac", true)
	f("a*c", "acb", false)
	f("ab*ba", "aba", false)
	f("*a*b*", "xaxbx", true)
	f("*a*b*", "xbxax", false)
	f("a**b", "ab", true)
	f("*ab", "aab", true)
	f("a.b", "axb", false)
	f("[a]", "a", false)
	f("A", "a", false)
}

// FuzzToken: nothing panics, and nothing is accepted whose claims were not signed.
func FuzzToken(f *testing.F) {
	signed := map[string]bool{}
	claims := []string{good, `{"exp":1800000060,"streams":["*"]}`}
	secret := signers()["HMAC"].([]byte)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: secret, KeyID: "h"}, {Key: public(signers()["RSA"]), KeyID: "r"}, {Key: public(signers()["P-256"]), KeyID: "e"}, {Key: public(signers()["Ed"]), KeyID: "d"}}})
	if err != nil {
		f.Fatal(err)
	}
	c := checker(JWKS(set))
	for _, text := range claims {
		signed[text] = true
		for alg, name := range map[jose.SignatureAlgorithm]string{jose.HS256: "HMAC", jose.RS256: "RSA", jose.PS256: "RSA", jose.ES256: "P-256", jose.EdDSA: "Ed"} {
			f.Add(sign(f, signers()[name], alg, "", text))
		}
	}
	f.Add(by(`{"alg":"none"}`, good, func([]byte) []byte { return nil }))
	f.Add(by(`{"alg":"HS256"}`, `{"exp":1800000060,"streams":["x"]}`, hs256(publicPEM(f, signers()["RSA"]))))
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := c.Check(text, now); err != nil {
			if _, ok := err.(Problem); !ok {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		parts := strings.Split(text, ".")
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || !signed[string(payload)] {
			t.Errorf("%s is accepted: %v", fmt.Sprintf("%q", payload), err)
		}
	})
}
