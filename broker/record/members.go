package record

// member is one name and value of a JSON object.
type member struct {
	name       []byte // between its quotes, escapes as they are
	start, end int    // where the value is
}

// members walks the members of an object in valid JSON.
type members struct {
	b []byte
	i int // behind the opening bracket or the last value
}

// membersOf returns a walk of the object whose opening bracket is at i.
func membersOf(b []byte, i int) members { return members{b: b, i: i + 1} }

// next returns the next member, or false when the walk is over and m.i is at the closing bracket.
func (m *members) next() (member, bool) {
	m.i = skipSpace(m.b, m.i)
	if m.b[m.i] == ',' {
		m.i = skipSpace(m.b, m.i+1)
	}
	if m.b[m.i] == '}' {
		return member{}, false
	}
	nameStart := m.i
	nameAfter := stringEnd(m.b, nameStart, false)
	colon := skipSpace(m.b, nameAfter)
	start := skipSpace(m.b, colon+1)
	m.i = valueEnd(m.b, start)
	return member{name: m.b[nameStart+1 : nameAfter-1], start: start, end: m.i}, true
}

// valueEnd returns the index behind the value at i in valid JSON.
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		return stringEnd(b, i, false)
	case 't', 'n':
		return i + len("true")
	case 'f':
		return i + len("false")
	case '{', '[':
		return containerEnd(b, i)
	default:
		return numberEnd(b, i)
	}
}

// containerEnd returns the index behind the object or array at i in valid JSON.
func containerEnd(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = stringEnd(b, i, false)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
}

// nameIs reports whether a member name says want, which must be ASCII letters: so a name may spell it only with
// letters and \u escapes.
func nameIs(name []byte, want string) bool {
	if string(name) == want {
		return true
	}
	if len(name) <= len(want) {
		return false // an escape is longer than its letter
	}
	i := 0
	for _, letter := range []byte(want) {
		switch {
		case i < len(name) && name[i] == letter:
			i++
		case i+6 <= len(name) && name[i] == '\\' && name[i+1] == 'u':
			if n, _ := hex4(name, i+2); n != uint16(letter) {
				return false
			}
			i += 6
		default:
			return false
		}
	}
	return i == len(name)
}
