package record

// splice copies src to dst with changes.
type splice struct {
	dst, src []byte
	pos      int  // src is copied or replaced up to here
	breaks   bool // src hasBreaks
}

// keepTo copies src up to end, on one line. end must be where a token of the JSON begins or ends, so that a run of line
// breaks is copied as one.
func (s *splice) keepTo(end int) {
	part := s.src[s.pos:end]
	if s.breaks {
		s.dst = appendOneLine(s.dst, part)
	} else {
		s.dst = append(s.dst, part...)
	}
	s.pos = end
}

// beginMember copies src up to the closing bracket of an object and writes what must stand before another member.
func (s *splice) beginMember(closing int) {
	s.keepTo(closing)
	last := closing - 1
	for isSpace(s.src[last]) {
		last--
	}
	if s.src[last] != '{' { // no value ends with it: the object has no members
		s.dst = append(s.dst, ',')
	}
}

// lastBracket returns the index of the bracket that closes src.
func (s *splice) lastBracket() int {
	last := len(s.src) - 1
	for isSpace(s.src[last]) {
		last--
	}
	return last
}
