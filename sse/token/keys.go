package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// maxKeys bounds a key set, and with it what a token without a key id costs.
	maxKeys = 32
	// leastSecret is the size of SHA-512, bytes, and the block size of SHA-256.
	leastSecret = 64
	// leastRSA is the smallest RSA key, bits (RFC 7518, section 3.3).
	leastRSA = 2048
)

// Keys are what signatures are checked with.
type Keys struct {
	list       []key
	algorithms []jose.SignatureAlgorithm // of all of them
}

// key is one of them.
type key struct {
	id         string // "": fits any
	value      any
	algorithms []jose.SignatureAlgorithm // that its type allows
}

func (k *key) signs(a jose.SignatureAlgorithm) bool { return slices.Contains(k.algorithms, a) }

// add adds a key. algorithm, where it is set, is the only one it may be used
// with; one that is not for signatures leaves it out.
func (k *Keys) add(id string, value any, algorithm string) error {
	list, err := algorithmsOf(value)
	if err != nil {
		return err
	}
	if only := jose.SignatureAlgorithm(algorithm); only != "" {
		if !slices.Contains(list, only) {
			return nil
		}
		list = []jose.SignatureAlgorithm{only}
	}
	if secret, ok := value.([]byte); ok && len(secret) < leastSecret {
		// The library has no HMAC with fewer bytes than the hash; HMAC itself
		// fills them up with zeros (RFC 2104, section 2).
		value = append(secret[:len(secret):len(secret)], make([]byte, leastSecret-len(secret))...)
	}
	k.list = append(k.list, key{id, value, list})
	for _, a := range list {
		if !slices.Contains(k.algorithms, a) {
			k.algorithms = append(k.algorithms, a)
		}
	}
	return nil
}

// algorithmsOf are the signature algorithms that a key may be used with (RFC
// 7518, section 3.1; RFC 8037).
func algorithmsOf(value any) ([]jose.SignatureAlgorithm, error) {
	switch v := value.(type) {
	case []byte:
		return []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}, nil
	case *rsa.PublicKey:
		if v.N.BitLen() < leastRSA {
			return nil, fmt.Errorf("holds an RSA key of %d bits, fewer than %d", v.N.BitLen(), leastRSA)
		}
		return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}, nil
	case *ecdsa.PublicKey:
		switch v.Curve.Params().Name {
		case "P-256":
			return []jose.SignatureAlgorithm{jose.ES256}, nil
		case "P-384":
			return []jose.SignatureAlgorithm{jose.ES384}, nil
		case "P-521":
			return []jose.SignatureAlgorithm{jose.ES512}, nil
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}, nil
	}
	return nil, errors.New("holds a key of a type that signs no tokens (RSA, ECDSA with P-256, P-384 or P-521, or Ed25519 do)")
}

// Secret is the key of HMAC.
func Secret(secret []byte) (*Keys, error) {
	if len(secret) == 0 {
		return nil, errors.New("is empty")
	}
	k := new(Keys)
	return k, k.add("", secret, "")
}

// PEM reads a public key, or the one of a certificate.
func PEM(data []byte) (*Keys, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("holds no PEM")
	}
	if more, _ := pem.Decode(rest); more != nil || bytes.Contains(rest, []byte("-----BEGIN ")) {
		return nil, errors.New("holds more than one key")
	}
	var value any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		value, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		value, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			value = c.PublicKey
		}
	default:
		return nil, fmt.Errorf("holds a PEM block %.40q, no public key", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("holds a bad public key (%w)", err)
	}
	k := new(Keys)
	return k, k.add("", value, "")
}

// JWKS reads a JSON Web Key Set (RFC 7517). Keys for encryption, and of types
// that are not known, are passed over.
func JWKS(data []byte) (*Keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("is no JSON Web Key Set (%w)", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("holds %d keys, more than %d", len(set.Keys), maxKeys)
	}
	k := new(Keys)
	for i, raw := range set.Keys {
		var j jose.JSONWebKey
		switch err := j.UnmarshalJSON(raw); {
		case errors.Is(err, jose.ErrUnsupportedKeyType):
			continue
		case err != nil:
			return nil, fmt.Errorf("holds a bad key, number %d", i+1) // what is bad may be secret
		case j.Use != "" && j.Use != "sig":
			continue
		}
		value := j.Key
		if _, symmetric := value.([]byte); !symmetric {
			value = j.Public().Key
		}
		if err := k.add(j.KeyID, value, j.Algorithm); err != nil {
			return nil, err
		}
	}
	if len(k.list) == 0 {
		return nil, errors.New("holds no key for signatures")
	}
	return k, nil
}
