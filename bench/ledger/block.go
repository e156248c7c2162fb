package ledger

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

// block is what the lines up to a blank line held. The slices are valid during the call that hands it over.
type block struct {
	name    []byte
	id      []byte
	data    []byte
	hasID   bool
	hasData bool
}

// blocks is the event stream parser of WHATWG HTML section 9.2.6. It reads as leniently as that says and complains of
// whatever the server's protocol promises not to send.
type blocks struct {
	// Set at construction.
	onGreeting func(b block)         // the block of `:ok`
	onEvent    func(b block)         // a complete event, or a block that only sets the id
	onComment  func(text []byte)     // without the colon; not `:ok`
	onRetry    func(d time.Duration) // as soon as the line is read
	complain   func(string, []byte)  // what, and the bytes

	line    []byte // the part of a line that has come
	skipLF  bool   // the last byte was CR
	current block
	last    field // the last field of the block

	greeting    bool // the greeting is over
	ok          bool // `:ok` has come
	mayEnd      bool // a blank line has something to end: greeting, event, retry or a notice
	firstRetry  bool
	firstNotice bool
}

// field is the place of a field in an event, in the order of the protocol.
type field int

const (
	noField field = iota
	eventField
	idField
	dataField
)

// feed takes the next bytes of the body.
func (p *blocks) feed(b []byte) {
	for len(b) > 0 {
		if p.skipLF {
			p.skipLF = false
			if b[0] == '\n' {
				b = b[1:]
				continue
			}
		}
		end := bytes.IndexByte(b, '\n')
		piece := b
		if end >= 0 {
			piece = b[:end]
		}
		if cr := bytes.IndexByte(piece, '\r'); cr >= 0 {
			p.complain("CR in the stream", piece[max(0, cr-40):min(len(piece), cr+40)])
			end, p.skipLF = cr, true
		}
		if end < 0 {
			p.line = append(p.line, b...)
			return
		}
		line := b[:end]
		if len(p.line) > 0 {
			p.line = append(p.line, line...)
			line = p.line
		}
		p.take(line)
		p.line = p.line[:0]
		b = b[end+1:]
	}
}

// inside says whether the bytes so far end within a line, an event or the greeting.
func (p *blocks) inside() bool {
	return len(p.line) > 0 || p.last != noField || p.current.hasID || !p.greeting
}

// rest shows what an unfinished block holds, for complaints.
func (p *blocks) rest() []byte {
	return bytes.Join([][]byte{p.current.name, p.current.id, p.current.data, p.line}, []byte(" | "))
}

// take handles one line without its end.
func (p *blocks) take(line []byte) {
	if len(line) == 0 {
		p.dispatch()
		return
	}
	if !utf8.Valid(line) {
		p.complain("line is not UTF-8", line)
	}
	if line[0] == ':' {
		p.comment(line[1:])
		return
	}
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found || len(value) == 0 || value[0] != ' ' {
		p.complain("no `: ` behind the field name", line)
	}
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "event":
		p.order(eventField, line)
		p.current.name = append(p.current.name[:0], value...)
	case "id":
		p.order(idField, line)
		if bytes.IndexByte(value, 0) >= 0 {
			p.complain("NUL in an id", line)
			return
		}
		p.current.id, p.current.hasID = append(p.current.id[:0], value...), true
	case "data":
		p.order(dataField, line)
		if p.current.hasData {
			p.current.data = append(p.current.data, '\n')
		}
		p.current.data, p.current.hasData = append(p.current.data, value...), true
	case "retry":
		p.retry(value, line)
	default:
		p.complain("unknown field", line)
	}
}

// order demands `event`, `id`, `data`, each once but data.
func (p *blocks) order(f field, line []byte) {
	switch {
	case !p.greeting && (f != idField || p.ok || p.current.hasID):
		p.complain("field in the greeting", line)
	case p.greeting && (f < p.last || f == p.last && f != dataField):
		p.complain("field out of order", line)
	}
	if p.greeting || f != idField {
		p.last = f
	}
	p.mayEnd = true
}

func (p *blocks) retry(value, line []byte) {
	ms, err := strconv.ParseUint(string(value), 10, 31)
	if err != nil {
		p.complain("bad retry", line)
		return
	}
	if p.last != noField || p.current.hasID || !p.greeting && (p.ok || p.firstRetry) {
		p.complain("retry inside a block", line)
	}
	p.firstRetry = true
	p.mayEnd = true
	p.onRetry(time.Duration(ms) * time.Millisecond)
}

func (p *blocks) comment(text []byte) {
	if !p.greeting && !p.ok {
		switch {
		case string(text) == "ok":
			p.ok, p.mayEnd = true, true
			return
		case bytes.HasPrefix(text, []byte(" limit ")) && !p.current.hasID:
			p.firstNotice, p.mayEnd = true, true
		default:
			p.complain("comment before the greeting", text)
		}
	} else if !p.greeting || p.last != noField {
		p.complain("comment inside a block", text)
	}
	if len(text) > 0 {
		p.mayEnd = true
	}
	p.onComment(text)
}

// dispatch handles a blank line.
func (p *blocks) dispatch() {
	if !p.mayEnd {
		p.complain("blank line that ends nothing", nil)
	}
	b, f := p.current, p.last
	switch {
	case !p.greeting:
		if !p.ok && !p.firstNotice {
			p.complain("no :ok in the first block", p.rest())
		}
		p.greeting = true
		if b.hasData {
			p.onEvent(b)
		} else {
			p.onGreeting(b)
		}
	case f != noField:
		p.onEvent(b)
	}
	p.current = block{name: b.name[:0], id: b.id[:0], data: b.data[:0]}
	p.last, p.mayEnd = noField, false
}
