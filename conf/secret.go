package conf

import (
	"fmt"
	"io"
)

// Secret is a value that is never printed: every way to print, log or encode it
// gives "***". Only Reveal gives the value.
type Secret struct {
	value string
	from  string // where it came from: "${NAME}", or the path of a file
	file  bool   // from is a path
}

// Reveal returns the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return s.value }

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
