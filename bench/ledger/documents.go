package ledger

import "bytes"

// documents is the parser of newline-delimited JSON: first byte LF, then one document a line; an empty line is a heartbeat.
type documents struct {
	// Set at construction.
	onDocument  func([]byte)
	onHeartbeat func()
	complain    func(string, []byte)

	begun bool
	line  []byte
}

func (p *documents) feed(b []byte) {
	if !p.begun && len(b) > 0 {
		p.begun = true
		if b[0] != '\n' {
			p.complain("first byte is no LF", b)
		} else {
			b = b[1:]
		}
	}
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			p.line = append(p.line, b...)
			return
		}
		line := b[:end]
		if len(p.line) > 0 {
			p.line = append(p.line, line...)
			line = p.line
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			p.complain("CR in the stream", line)
		}
		if len(line) == 0 {
			p.onHeartbeat()
		} else {
			p.onDocument(line)
		}
		p.line = p.line[:0]
		b = b[end+1:]
	}
}

func (p *documents) inside() bool { return !p.begun || len(p.line) > 0 }

func (p *documents) rest() []byte { return p.line }
