package serve

import (
	"github.com/ringcast/ringcast/conf"
	"github.com/ringcast/ringcast/sse"
	"github.com/ringcast/ringcast/sse/token"
)

// tokenCheck returns what checks tokens, and the file of its keys. A secret from
// the environment has none, and does not change.
func tokenCheck(a *conf.Auth) (*token.Checker, *watched, error) {
	c := token.NewChecker(token.Config{Issuer: a.Issuer, Audience: a.Audience, Claim: a.Claim, AllowNoExpiry: a.AllowNoExpiry})
	file, parse, allowed := keyFile{"auth.jwks_file", a.JWKSFile}, token.JWKS, "a JSON Web Key Set"
	switch {
	case a.KeyFile != "":
		file, parse, allowed = keyFile{"auth.key_file", a.KeyFile}, token.PEM, "a PEM public key"
	case a.Secret.File() != "":
		file, allowed = keyFile{"auth.secret_file", a.Secret.File()}, "a file that holds the secret"
		parse = func(data []byte) (*token.Keys, error) { return token.Secret([]byte(conf.SecretText(data))) }
	case !a.Secret.IsZero():
		keys, err := token.Secret([]byte(a.Secret.Reveal()))
		c.SetKeys(keys)
		return c, nil, err
	}
	return c, &watched{name: "keys of tokens", files: []keyFile{file}, use: func(contents [][]byte) error {
		keys, err := parse(contents[0])
		if err != nil {
			return file.wrong(err, allowed)
		}
		c.SetKeys(keys)
		return nil
	}}, nil
}

// loadKeys uses the keys of [auth].
func (p *Process) loadKeys(a *conf.Auth) error {
	tokens, files, err := tokenCheck(a)
	if err == nil && files != nil {
		err = p.files.add(files)
	}
	p.auth = &sse.Auth{Tokens: tokens, Cookie: a.Cookie, Parameter: a.QueryParameter}
	return err
}
