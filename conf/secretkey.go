package conf

import "strings"

// secretNames are the keys whose values no message may quote.
var secretNames = map[string]bool{"password": true, "client_secret": true, "secret": true}

// file is the path of a file that must be readable; "" is none.
func file(p *string) value {
	return value{
		set: func(at place, in any) {
			s, ok := at.text(in, "the path of a file")
			if !ok {
				return
			}
			if s != "" {
				if _, ok = at.file(s); !ok {
					return
				}
			}
			*p = s
		},
		toml: func() string { return unlessEmpty(*p) },
	}
}

// secretKeys are the two keys of a secret: NAME = "${VARIABLE}" and
// NAME_file = "PATH". The file is written with where the secret comes from.
func secretKeys(name string, p *Secret) []key {
	return []key{
		{name, value{
			set:  func(at place, in any) { setFromEnvironment(at, in, p) },
			toml: func() string { return secretSource(p, false) },
		}},
		{name + "_file", value{
			set:  func(at place, in any) { setFromFile(at, in, p) },
			toml: func() string { return secretSource(p, true) },
		}},
	}
}

func setFromEnvironment(at place, in any, p *Secret) {
	const allowed = `"${NAME}": every secret comes from a file or the environment`
	ref, ok := in.(string)
	if !ok || !goodReference.MatchString(ref) {
		at.wrong("***", "is an inline secret", allowed)
		return
	}
	v, ok := at.variable(ref[2 : len(ref)-1])
	if !ok {
		return
	}
	if v == "" {
		at.wrong(ref, "is empty", "a variable that holds the secret")
		return
	}
	at.setSecret(p, Secret{value: v, from: ref})
}

func setFromFile(at place, in any, p *Secret) {
	path, ok := at.text(in, "the path of a file")
	if !ok {
		return
	}
	data, ok := at.file(path)
	if !ok {
		return
	}
	v := SecretText(data)
	if v == "" {
		at.wrong(path, "is empty", "a file that holds the secret")
		return
	}
	at.setSecret(p, Secret{value: v, from: path, file: true})
}

// setSecret refuses a second source: of NAME and NAME_file only one may be
// there.
func (at place) setSecret(p *Secret, s Secret) {
	name := strings.TrimSuffix(at.key[len(at.key)-1], "_file")
	if !p.IsZero() {
		at.wrong(s.from, "is a second source of the secret", name+" or "+name+"_file")
		return
	}
	*p = s
}

func secretSource(p *Secret, file bool) string {
	if p.IsZero() || p.file != file {
		return ""
	}
	return quoteTOML(p.from)
}

// mayBeSecret reports whether a dotted key, as the decoder names it, holds a
// secret.
func mayBeSecret(dotted string) bool {
	last := dotted[strings.LastIndexByte(dotted, '.')+1:]
	return secretNames[strings.Trim(last, `"`)]
}
