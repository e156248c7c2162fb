// Package frame makes the finished bytes that clients receive: events and
// notices as shared entries of a ring, and what a connection says for itself.
package frame

import (
	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// Format says what the values of a stream are, as far as framing has to know.
type Format uint8

// The formats, in the order of those of records.
const (
	JSON   Format = iota // JSON on one line; a line of newline-delimited JSON as it is
	Text                 // UTF-8 with any line breaks; a JSON string in newline-delimited JSON
	Base64               // base64; a JSON string too
)

// The parts of a frame. WHATWG HTML, section 9.2.5, makes the space after a
// colon optional; clients that do not parse by the standard expect it.
const (
	eventID = "event: message\nid: "
	data    = "data: "
	crlf    = "\r\n"
)

// Encoder makes the entries of one stream. It is for one goroutine at a time.
type Encoder struct {
	format Format
	ids    *position.Encoder
	id     []byte // scratch
}

// NewEncoder returns an encoder for values of a format, with ids of a form.
func NewEncoder(form position.Form, format Format) *Encoder {
	return &Encoder{format: format, ids: position.NewEncoder(form)}
}

// Event returns the event of a record: its data is value, and its id is v with
// part at after. All bytes are one allocation of exactly their size: the chunk
// and, where it is not in the chunk, the line of newline-delimited JSON.
func (e *Encoder) Event(v ringbuf.Vector, part int, after ringbuf.Pos, value []byte) ringbuf.Wire {
	e.id = e.ids.Append(e.id[:0], v, part, after)
	frame := len(eventID) + len(e.id) + len("\n") + len("\n")
	var text []byte // what the line behind the chunk quotes
	line := 0
	if e.format == JSON {
		frame += len(data) + len(value) + len("\n")
	} else {
		frame += dataSize(value)
		text = valid(value)
		line = quotedSize(text) + len("\n")
	}

	b := make([]byte, 0, chunkSize(frame)+line)
	b = appendChunkHead(b, frame)
	w := ringbuf.Wire{FrameAt: uint32(len(b))}
	b = append(b, eventID...)
	b = append(b, e.id...)
	b = append(b, '\n')
	w.DataAt = uint32(len(b))
	if e.format == JSON {
		b = append(b, data...)
		w.LineAt = uint32(len(b))
		b = append(b, value...)
		oneLine(b[w.LineAt:])
		b = append(b, '\n')
		w.LineEnd = uint32(len(b))
	} else {
		b = appendData(b, value)
	}
	b = append(b, '\n')
	w.FrameEnd = uint32(len(b))
	b = append(b, crlf...)
	if e.format != JSON {
		w.LineAt = uint32(len(b))
		b = appendQuoted(b, text)
		b = append(b, '\n')
		w.LineEnd = uint32(len(b))
	}
	w.Bytes = b
	return w
}

// Gap returns an entry that tells of gaps, as Notices does.
func (e *Encoder) Gap(n ...ringbuf.Notice) ringbuf.Wire { return Notices(n...) }
