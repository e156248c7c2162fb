package position

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxDepth is how deep the value of an unknown key may be nested.
const maxDepth = 32

// checkJSON returns an error when text is not one JSON document in UTF-8.
func checkJSON(text []byte) error {
	if len(text) == 0 {
		return refuse("cannot read position: it is empty")
	}
	if !utf8.Valid(text) {
		return refuse("cannot read position %s: it is not UTF-8", show(text))
	}
	if json.Valid(text) {
		return nil
	}
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(text, &whole), &syntax) {
		return refuse("cannot read position %s: it is not JSON at byte %d", show(text), syntax.Offset)
	}
	return refuse("cannot read position %s: it is not JSON", show(text))
}

// cursor walks over a JSON document that was checked, so that it need not look
// at more than where values begin and end.
type cursor struct {
	text []byte
	at   int
}

// peek skips white space and returns what comes next.
func (c *cursor) peek() byte {
	for c.at < len(c.text) {
		switch b := c.text[c.at]; b {
		case ' ', '\t', '\r', '\n':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// take skips b if it comes next, and reports whether it did.
func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

// value skips the value that comes next and returns its text.
func (c *cursor) value() ([]byte, error) {
	c.peek()
	start := c.at
	for depth := 0; ; {
		switch b := c.text[c.at]; b {
		case '"':
			c.skipString()
		case '{', '[':
			c.at++
			if depth++; depth > maxDepth {
				return nil, refuse("%s is nested deeper than %d levels", show(c.text[start:]), maxDepth)
			}
		case '}', ']':
			c.at++
			depth--
		case ' ', '\t', '\r', '\n', ',', ':':
			c.at++
			continue // of a container; scalars end before them
		default:
			c.skipScalar()
		}
		if depth == 0 {
			return c.text[start:c.at], nil
		}
	}
}

func (c *cursor) skipString() {
	for c.at++; c.text[c.at] != '"'; c.at++ {
		if c.text[c.at] == '\\' {
			c.at++
		}
	}
	c.at++
}

// skipScalar skips a number, true, false or null.
func (c *cursor) skipScalar() {
	for ; c.at < len(c.text); c.at++ {
		switch c.text[c.at] {
		case ' ', '\t', '\r', '\n', ',', ':', '}', ']':
			return
		}
	}
}
