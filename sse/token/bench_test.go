package token

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// BenchmarkCheck: what a reconnect costs before anything else.
func BenchmarkCheck(b *testing.B) {
	for alg, name := range map[jose.SignatureAlgorithm]string{jose.HS256: "HMAC", jose.RS256: "RSA", jose.ES256: "P-256", jose.EdDSA: "Ed"} {
		b.Run(string(alg), func(b *testing.B) {
			key := signers()[name]
			c := NewChecker(Config{Claim: "streams"})
			var keys Keys
			if err := keys.add("", public(key), ""); err != nil {
				b.Fatal(err)
			}
			c.SetKeys(&keys)
			text := sign(b, key, alg, "", good)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(text, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
