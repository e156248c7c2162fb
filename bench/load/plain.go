package load

import (
	"bytes"
	"fmt"
	"math"
)

// body follows the response of a server that frames events as the WHATWG section on event streams lets it: cut into
// chunks anywhere or not into chunks at all, with any fields. Each record is one data line all the same.
type body struct {
	left   int    // bytes of the current chunk that have not arrived
	inside bool   // in a chunk, or behind its bytes and before its line end
	line   []byte // the begin of a line whose end has not arrived
	data   []byte // of the event that has not ended
	lines  int    // data lines of that event
	ping   bool   // that event is a heartbeat
}

// endless is the length of a body that only the end of its connection ends.
const endless = math.MaxInt

// plainHeader decides how the body is framed.
func (s *stream) plainHeader(head []byte) error {
	if !bytes.HasPrefix(head, []byte("http/1.1 200 ")) || !bytes.Contains(head, []byte("\r\ncontent-type: text/event-stream")) ||
		bytes.Contains(head, []byte("\r\ncontent-length:")) {
		return fmt.Errorf("cannot use response %q: it must be 200, an event stream, and without a length", head[:min(len(head), 200)])
	}
	if !bytes.Contains(head, []byte("\r\ntransfer-encoding: chunked\r\n")) {
		s.body.left, s.body.inside = endless, true
	}
	return nil
}

// plain is feed behind the header.
func (s *stream) plain(b []byte, now int64, want *expectation, t *Tally) (rest []byte, err error) {
	for len(b) > 0 {
		if s.body.left > 0 {
			n := min(s.body.left, len(b))
			if err := s.lines(b[:n], now, want, t); err != nil {
				return b, err
			}
			if s.body.left != endless {
				s.body.left -= n
			}
			b = b[n:]
			continue
		}
		if s.body.inside {
			if len(b) < 2 {
				return b, nil
			}
			if b[0] != '\r' || b[1] != '\n' {
				return b, fmt.Errorf("cannot find the end of a chunk: %q is there", b[:2])
			}
			b, s.body.inside = b[2:], false
			continue
		}
		end := bytes.Index(b[:min(len(b), 10)], []byte("\r\n"))
		if end < 0 && len(b) < 10 {
			return b, nil
		}
		size := 0
		for i := range max(end, 0) {
			d := hexValue[b[i]]
			if d > 15 {
				end = -1
				break
			}
			size = size<<4 | int(d)
		}
		if end <= 0 {
			return b, fmt.Errorf("cannot read chunk header %q", b[:min(len(b), 24)])
		}
		if size == 0 {
			s.phase = ended
			return nil, errEnded
		}
		b, s.body.left, s.body.inside = b[end+2:], size, true
	}
	return nil, nil
}

// lines takes bytes of the body, which may begin and end inside a line.
func (s *stream) lines(b []byte, now int64, want *expectation, t *Tally) error {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		line := b[:i]
		if len(s.body.line) > 0 {
			s.body.line = append(s.body.line, line...)
			line = s.body.line
		}
		if err := s.field(line, now, want, t); err != nil {
			return err
		}
		s.body.line = s.body.line[:0]
		b = b[i+1:]
	}
	if len(s.body.line)+len(b) > maxCarry {
		return fmt.Errorf("cannot read a line: the limit is %d bytes", maxCarry)
	}
	s.body.line = append(s.body.line, b...)
	return nil
}

// field takes one whole line. A comment greets.
func (s *stream) field(line []byte, now int64, want *expectation, t *Tally) error {
	switch {
	case len(line) == 0:
		switch {
		case s.body.ping:
			t.Heartbeats++
		case s.body.lines > 1:
			t.Events++
			t.Damaged++
		case s.body.lines == 1:
			s.event(s.body.data, now, want, t)
		}
		s.body.lines, s.body.ping = 0, false
	case bytes.HasPrefix(line, dataStart):
		s.body.data = append(s.body.data[:0], line[len(dataStart):]...)
		s.body.lines++
	case line[0] == ':' && s.phase == inBody:
		s.phase = greeted
	case line[0] == ':':
		t.Heartbeats++
	case string(line) == "event: ping": // Nchan's heartbeat
		s.body.ping = true
	case bytes.HasPrefix(line, idStart):
		if want.keep {
			s.id = append(s.id[:0], line[len(idStart):]...)
		}
	case string(line) == "event: message", bytes.HasPrefix(line, []byte("retry: ")):
	default:
		return fmt.Errorf("cannot understand line %q", line[:min(len(line), 80)])
	}
	return nil
}
