package conf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Error is one mistake of the operator.
type Error struct {
	File    string // "" for flags
	Line    int    // from 1; 0 for flags
	Key     string // full dotted key such as server.heartbeat, or a flag such as -stream
	Message string // what is wrong, what is allowed
}

// Error returns `FILE:LINE: key: what is wrong, what is allowed`, for flags
// without file and line. It holds no control characters.
func (e *Error) Error() string {
	at := ""
	if e.Line > 0 {
		at = printable(e.File) + ":" + strconv.Itoa(e.Line) + ": "
	}
	return at + e.Key + ": " + printable(e.Message)
}

// Errors are all mistakes that were found in one run, sorted by line.
type Errors []*Error

// Error returns one mistake per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

func (e Errors) sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
}

// printable escapes what would damage a terminal or a log line, as %q does.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteString(s[:n])
		} else {
			quoted := strconv.Quote(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// keyName is a key as a file writes it, with quotes only where they are needed.
func keyName(k toml.Key) string {
	parts := make([]string, len(k))
	for i, part := range k {
		parts[i] = part
		if !isBare(part) {
			parts[i] = strconv.Quote(part)
		}
	}
	return strings.Join(parts, ".")
}

func isBare(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) < 0
}
