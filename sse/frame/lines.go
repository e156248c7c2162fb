package frame

import "bytes"

// appendData appends s as data lines, one for each of its lines. A line ends
// with CRLF, CR or LF; what follows the last end is a line too, also when it is
// empty, so that no line end gets lost.
func appendData(dst, s []byte) []byte {
	cut := cutLine
	if bytes.IndexByte(s, '\r') < 0 {
		cut = cutLF
	}
	for more := true; more; {
		var line []byte
		line, s, more = cut(s)
		dst = append(dst, data...)
		dst = append(dst, line...)
		dst = append(dst, '\n')
	}
	return dst
}

// dataSize is how many bytes appendData appends.
func dataSize(s []byte) int {
	text, ends := len(s), bytes.Count(s, []byte("\n"))
	if cr := bytes.Count(s, []byte("\r")); cr > 0 {
		crlfs := bytes.Count(s, []byte(crlf))
		text -= crlfs
		ends += cr - crlfs
	}
	return text - ends + (ends+1)*(len(data)+len("\n"))
}

// cutLine cuts s around its first line end. more is false where it has none.
func cutLine(s []byte) (line, rest []byte, more bool) {
	for i, c := range s {
		switch {
		case c == '\r' && i+1 < len(s) && s[i+1] == '\n':
			return s[:i], s[i+2:], true
		case c == '\r' || c == '\n':
			return s[:i], s[i+1:], true
		}
	}
	return s, nil, false
}

// cutLF is cutLine for text without CR, as most is: several times as fast.
func cutLF(s []byte) (line, rest []byte, more bool) { return bytes.Cut(s, []byte{'\n'}) }

// oneLine makes white space of the line ends in b. JSON that was checked has
// none; if it had, a record could end its event and begin one of its own.
func oneLine(b []byte) {
	for _, end := range []byte("\r\n") {
		for i := bytes.IndexByte(b, end); i >= 0; i = bytes.IndexByte(b, end) {
			b[i] = ' '
		}
	}
}
