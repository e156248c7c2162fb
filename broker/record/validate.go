package record

// maxDepth is how deep arrays and objects may be nested. RFC 8259 section 9 allows a limit; this one is encoding/json's.
const maxDepth = 10_000

// validator tells JSON from everything else, in one pass and without recursion.
type validator struct {
	closers [maxDepth]byte // the bracket that closes each open array or object, outermost first
}

// valid reports whether b, of which s is the survey, is one JSON value with nothing but white space around it
// (RFC 8259). b must be UTF-8.
func (v *validator) valid(b []byte, s survey) bool {
	depth := 0
	i := 0
	for {
		// A value begins at i, after white space.
		i = skipSpace(b, i)
		if i == len(b) {
			return false
		}
		switch c := b[i]; c {
		case '{', '[':
			if depth == maxDepth {
				return false
			}
			closer := c + 2 // in ASCII
			v.closers[depth] = closer
			depth++
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == closer {
				break // empty: it is closed below
			}
			if c == '{' {
				if i = nameEnd(b, i, s.controls); i < 0 {
					return false
				}
			}
			continue
		case '"':
			i = stringEnd(b, i, s.controls)
		case 't':
			i = literalEnd(b, i, "true")
		case 'f':
			i = literalEnd(b, i, "false")
		case 'n':
			i = literalEnd(b, i, "null")
		default:
			i = numberEnd(b, i)
		}
		if i < 0 {
			return false
		}

		// A value has ended before i. Close what ends with it, up to the comma before the next value.
		for {
			i = skipSpace(b, i)
			if depth == 0 {
				return i == len(b)
			}
			if i == len(b) {
				return false
			}
			if b[i] != v.closers[depth-1] {
				break
			}
			depth--
			i++
		}
		if b[i] != ',' {
			return false
		}
		i++
		if v.closers[depth-1] == '}' {
			if i = nameEnd(b, skipSpace(b, i), s.controls); i < 0 {
				return false
			}
		}
	}
}
