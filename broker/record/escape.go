package record

import (
	"encoding/base64"
	"unicode/utf8"
)

// appendKey appends the key as a JSON value: a string, base64 when the key is not UTF-8, or null.
func appendKey(dst, key []byte) []byte {
	if key == nil {
		return append(dst, "null"...)
	}
	if utf8.Valid(key) {
		return appendString(dst, key)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, key)
	return append(dst, '"')
}

// appendString appends s, which must be UTF-8, as a JSON string on one line: only what must be escaped is (RFC 8259
// section 7), and what some clients take for a line break.
func appendString[S []byte | string](dst []byte, s S) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		default:
			if escape, size := breakEscape(s[i:]); size > 0 {
				dst = append(dst, escape...)
				i += size - 1
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"
