package conf

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// lineIndex says on which line each key of a TOML text stands, which the
// decoder does not tell. Keys are indexed by joinKey.
type lineIndex struct {
	at    map[string]keyLines
	order []toml.Key // every key and table once, in the order of the file
}

// keyLines is where one key stands; lines count from 1.
type keyLines struct {
	line  int
	elems []int // of each element, where the value is an array
}

func joinKey(k toml.Key) string { return strings.Join(k, "\x00") }

// indexLines walks a text that the decoder has accepted. It only has to find
// where keys and values begin and end, so it checks nothing; it stops quietly
// where the text makes no sense to it.
func indexLines(text string) lineIndex {
	s := &lineScanner{text: trimBOM(text), line: 1}
	s.index.at = make(map[string]keyLines)
	s.document()
	return s.index
}

// trimBOM takes off what the decoder takes off before it looks at the text.
func trimBOM(text string) string {
	for _, bom := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} {
		if rest, ok := strings.CutPrefix(text, bom); ok {
			return rest
		}
	}
	return text
}

type lineScanner struct {
	text  string
	pos   int
	line  int
	index lineIndex
}

// document reads tables and pairs until the end.
func (s *lineScanner) document() {
	var table toml.Key
	for {
		s.blank(true)
		if s.pos >= len(s.text) {
			return
		}
		before := s.pos
		if s.text[s.pos] == '[' {
			for s.peek("[") {
				s.advance(1)
			}
			line := s.line
			table = s.key(']')
			for s.peek("]") {
				s.advance(1)
			}
			s.record(table, line)
		} else {
			s.pair(table)
		}
		if s.pos == before {
			return
		}
	}
}

// pair reads `key = value`, of a table or of an inline table.
func (s *lineScanner) pair(table toml.Key) {
	line := s.line
	key := append(table[:len(table):len(table)], s.key('=')...)
	s.advance(1)
	s.record(key, line)
	elems := s.value(key)
	if elems != nil {
		name := joinKey(key)
		s.index.at[name] = keyLines{s.index.at[name].line, elems}
	}
}

// record notes a key and, where they are not known yet, the tables above it. A
// table that is opened twice ([[x]], or a header after a dotted key) keeps its
// first line.
func (s *lineScanner) record(key toml.Key, line int) {
	for n := 1; n <= len(key); n++ {
		name := joinKey(key[:n])
		if _, ok := s.index.at[name]; !ok {
			s.index.at[name] = keyLines{line: line}
			s.index.order = append(s.index.order, key[:n:n])
		}
	}
}

// key reads a possibly dotted and quoted key up to end. Quotes and escapes are
// the decoder's work: it is given the key alone.
func (s *lineScanner) key(end byte) toml.Key {
	s.blank(false)
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos] != end {
		switch s.text[s.pos] {
		case '"', '\'':
			s.quoted()
		case '\n':
			return nil
		default:
			s.advance(1)
		}
	}
	var one map[string]any
	meta, err := toml.Decode(s.text[start:s.pos]+"=0", &one)
	if err != nil || len(meta.Keys()) == 0 {
		return nil
	}
	return meta.Keys()[len(meta.Keys())-1]
}

// value reads one value and returns the lines of its elements if it is an
// array. Keys of inline tables are recorded below key.
func (s *lineScanner) value(key toml.Key) (elems []int) {
	s.blank(false)
	switch {
	case s.peek(`"`), s.peek(`'`):
		s.quoted()
	case s.peek("["):
		return s.array(key)
	case s.peek("{"):
		s.inlineTable(key)
	default:
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\n", rune(s.text[s.pos])) {
			s.advance(1)
		}
	}
	return nil
}

func (s *lineScanner) array(key toml.Key) []int {
	elems := []int{}
	s.advance(1)
	for {
		s.blank(true)
		switch {
		case s.pos >= len(s.text):
			return elems
		case s.peek("]"):
			s.advance(1)
			return elems
		case s.peek(","):
			s.advance(1)
		default:
			elems = append(elems, s.line)
			before := s.pos
			s.value(key)
			if s.pos == before {
				return elems
			}
		}
	}
}

func (s *lineScanner) inlineTable(key toml.Key) {
	s.advance(1)
	for {
		s.blank(true)
		before := s.pos
		switch {
		case s.pos >= len(s.text):
			return
		case s.peek("}"):
			s.advance(1)
			return
		case s.peek(","):
			s.advance(1)
		default:
			s.pair(key)
		}
		if s.pos == before {
			return
		}
	}
}

// quoted skips a string of any of the four kinds. A multi-line string may end
// in up to two more quotes that belong to it.
func (s *lineScanner) quoted() {
	quote := s.text[s.pos : s.pos+1]
	escapes := quote == `"`
	end := quote
	if s.peek(strings.Repeat(quote, 3)) {
		end = strings.Repeat(quote, 3)
	}
	s.advance(len(end))
	for s.pos < len(s.text) && !s.peek(end) {
		if escapes && s.text[s.pos] == '\\' {
			s.advance(1)
		}
		s.advance(1)
	}
	s.advance(len(end))
	for extra := 0; len(end) == 3 && extra < 2 && s.peek(quote); extra++ {
		s.advance(1)
	}
}

// blank skips white space and, across lines, comments.
func (s *lineScanner) blank(lines bool) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == ' ', c == '\t', c == '\r', c == '\n' && lines:
			s.advance(1)
		case c == '#' && lines:
			for s.pos < len(s.text) && s.text[s.pos] != '\n' {
				s.advance(1)
			}
		default:
			return
		}
	}
}

func (s *lineScanner) peek(prefix string) bool {
	return strings.HasPrefix(s.text[s.pos:], prefix)
}

// advance moves by n bytes and counts the lines among them.
func (s *lineScanner) advance(n int) {
	for ; n > 0 && s.pos < len(s.text); n-- {
		if s.text[s.pos] == '\n' {
			s.line++
		}
		s.pos++
	}
}
