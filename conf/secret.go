package conf

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Secret is a value that is never printed: every way to print, log or encode it
// gives "***". Only Reveal and Read give the value.
type Secret struct {
	value string
	from  string // where it came from: "${NAME}", or the path of a file
	file  bool   // from is a path
}

// Reveal returns the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return s.value }

// File returns the path of the file that holds the secret, "" where it is from
// the environment.
func (s Secret) File() string {
	if !s.file {
		return ""
	}
	return s.from
}

// Read returns the secret as it is now: a file is read again. The error is that
// of reading the file, and names it.
func (s Secret) Read() (string, error) {
	if !s.file {
		return s.value, nil
	}
	data, err := os.ReadFile(s.from)
	if err != nil {
		return "", err
	}
	return SecretText(data), nil
}

// SecretText is what a file says of a secret: all of it, without one line break
// at its end.
func SecretText(data []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
}

// IsZero reports whether no secret is configured.
func (s Secret) IsZero() bool { return s.from == "" }

// String returns "***", or "" where no secret is configured.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return "***"
}

// Format keeps the secret out of every verb of fmt, %d and %#v too.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText keeps the secret out of JSON, TOML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
