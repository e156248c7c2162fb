package tail

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// parser takes an event stream apart (WHATWG HTML, section 9.2.6). Comments and
// ids without an event are told too: ringcast's notices are the one, its
// greeting the other.
type parser struct {
	// Set at construction.
	limit     int                                 // bytes of an event or a line
	onEvent   func(kind string, data []byte) bool // false: take no more
	onID      func(id string)                     // of a block that is whole, before its event
	onRetry   func(time.Duration)
	onComment func(text []byte)

	line    []byte // the part of a line that is here
	afterCR bool   // a line feed that comes next belongs to the line before
	begun   bool   // the first line has been taken
	kind    string
	data    []byte // each line with a line feed
	id      string
	hasID   bool
	stopped bool
}

// feed takes the next bytes of the stream. The error says that an event is
// larger than the limit.
func (p *parser) feed(b []byte) error {
	for len(b) > 0 && !p.stopped {
		if p.afterCR {
			p.afterCR = false
			if b[0] == '\n' {
				b = b[1:]
				continue
			}
		}
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			if len(p.line)+len(b) > p.limit {
				return fmt.Errorf("a line is larger than %d bytes", p.limit)
			}
			p.line = append(p.line, b...)
			return nil
		}
		line := b[:i]
		if len(p.line) > 0 {
			p.line = append(p.line, line...)
			line = p.line
		}
		p.afterCR = b[i] == '\r'
		b = b[i+1:]
		if err := p.take(line); err != nil {
			return err
		}
		p.line = p.line[:0]
	}
	return nil
}

// take takes a line without its end.
func (p *parser) take(line []byte) error {
	if !p.begun {
		p.begun = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	if len(line) == 0 {
		p.dispatch()
		return nil
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(name) {
	case "":
		p.onComment(value)
	case "event":
		p.kind = string(value)
	case "data":
		if len(p.data)+len(value) > p.limit {
			return fmt.Errorf("an event is larger than %d bytes", p.limit)
		}
		p.data = append(append(p.data, value...), '\n')
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			p.id, p.hasID = string(value), true
		}
	case "retry":
		// Digits only, as the specification says: ParseUint takes no sign.
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			p.onRetry(time.Duration(ms) * time.Millisecond)
		}
	}
	return nil
}

// dispatch ends a block.
func (p *parser) dispatch() {
	if p.hasID {
		p.onID(p.id)
		p.hasID = false
	}
	if len(p.data) > 0 {
		p.stopped = !p.onEvent(p.kind, p.data[:len(p.data)-1])
	}
	p.kind, p.data = "", p.data[:0]
}
