package frame

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// valid returns s, with U+FFFD in place of what is no UTF-8.
func valid(s []byte) []byte {
	if utf8.Valid(s) {
		return s
	}
	return bytes.ToValidUTF8(s, []byte("\ufffd"))
}

// appendQuoted appends s, which must be UTF-8, as a JSON string on one line.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		at, escape, width := nextEscape(s)
		dst = append(dst, s[:at]...)
		dst = append(dst, escape...)
		s = s[at+width:]
	}
	return append(dst, '"')
}

// quotedSize is how many bytes appendQuoted appends.
func quotedSize(s []byte) int {
	n := len(`""`)
	for len(s) > 0 {
		at, escape, width := nextEscape(s)
		n += at + len(escape)
		s = s[at+width:]
	}
	return n
}

// nextEscape returns where in s the first character is that must be escaped,
// its escape and its width in bytes; the end of s where there is none. Beside
// what RFC 8259 section 7 asks for, these are the line breaks of Unicode, at
// which Python's splitlines would cut.
func nextEscape(s []byte) (at int, escape string, width int) {
	for at, c := range s {
		if !special[c] {
			continue
		}
		switch {
		case c < utf8.RuneSelf:
			return at, asciiEscapes[c], 1
		case bytes.HasPrefix(s[at:], []byte("\u0085")):
			return at, `\u0085`, 2
		case bytes.HasPrefix(s[at:], []byte("\u2028")):
			return at, `\u2028`, 3
		case bytes.HasPrefix(s[at:], []byte("\u2029")):
			return at, `\u2029`, 3
		}
	}
	return len(s), "", 0
}

// asciiEscapes has the escape of every ASCII character that needs one.
var asciiEscapes = func() (t [utf8.RuneSelf]string) {
	for c := range ' ' {
		t[c] = fmt.Sprintf(`\u%04x`, c)
	}
	t['\t'], t['\n'], t['\r'], t['"'], t['\\'] = `\t`, `\n`, `\r`, `\"`, `\\`
	return t
}()

// special has the bytes with which characters begin that may need an escape.
var special = func() (t [256]bool) {
	for c, escape := range asciiEscapes {
		t[c] = escape != ""
	}
	t["\u0085"[0]], t["\u2028"[0]] = true, true
	return t
}()
