package record

import "bytes"

// Besides CR and LF, which are only white space in JSON, these can stand in its strings: NEXT LINE, LINE SEPARATOR and
// PARAGRAPH SEPARATOR. For an SSE parser they end no line, but for Python's str.splitlines, which clients use.
var (
	nextLine  = []byte("\u0085")
	separator = []byte("\u2028")[:2] // and of U+2029; the third byte tells
)

// hasBreaks reports whether appendOneLine would change the JSON text b, of which s is the survey.
func hasBreaks(b []byte, s survey) bool {
	if s.controls && (bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0) {
		return true
	}
	if s.ascii {
		return false
	}
	for rest := b; ; {
		i := bytes.Index(rest, separator)
		if i < 0 {
			return bytes.Contains(b, nextLine)
		}
		if _, size := breakEscape(rest[i:]); size > 0 {
			return true
		}
		rest = rest[i+len(separator):]
	}
}

// appendOneLine appends the JSON text b with each run of CR and LF as one space and the other breaks as escapes.
func appendOneLine(dst, b []byte) []byte {
	start := 0 // b is appended up to here
	for i := 0; i < len(b); {
		switch b[i] {
		case '\n', '\r':
			dst = append(dst, b[start:i]...)
			dst = append(dst, ' ')
			for i < len(b) && (b[i] == '\n' || b[i] == '\r') {
				i++
			}
			start = i
		case 0xC2, 0xE2: // U+0080 to U+00BF, U+2000 to U+2FFF
			escape, size := breakEscape(b[i:])
			if size == 0 {
				i++
				continue
			}
			dst = append(dst, b[start:i]...)
			dst = append(dst, escape...)
			i += size
			start = i
		default:
			i++
		}
	}
	return append(dst, b[start:]...)
}

// breakEscape returns the escape sequence for the non-ASCII line break that s begins with, and how many bytes of s it
// stands for, or 0.
func breakEscape[S []byte | string](s S) (escape string, size int) {
	switch {
	case len(s) >= 2 && string(s[:2]) == "\u0085":
		return `\u0085`, 2
	case len(s) >= 3 && string(s[:3]) == "\u2028":
		return `\u2028`, 3
	case len(s) >= 3 && string(s[:3]) == "\u2029":
		return `\u2029`, 3
	}
	return "", 0
}
