package load

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ringcast/ringcast/bench/workload"
)

// expectation is what all clients of a run expect of their stream.
type expectation struct {
	partitions int
	size       int   // bytes of every value
	keep       bool  // clients keep the last id that they got
	plain      bool  // the server is not ringcast: any event stream will do
	since      int64 // only records produced at or after this time (µs since 1970) count for the latency
}

// stream is one client's place in its response.
type stream struct {
	phase phase
	// carry holds the bytes of a header or chunk that has not fully arrived.
	carry     []byte
	sequences []sequence // one per partition
	id        []byte     // the last one received, when ids are kept
	began     int64      // when the connection was begun, µs since 1970
	first     bool       // its first event is here
	body      body       // used when the server is not ringcast
}

type phase uint8

const (
	inHeader phase = iota
	inBody         // headers are in, the greeting is not
	greeted
	ended // terminating chunk seen
)

// maxCarry bounds a header and a chunk.
const maxCarry = 1 << 20

var errEnded = errors.New("the response was ended by the server")

// feed takes b, which begins where the last call's rest began, and returns the rest: the bytes of an
// unfinished header or chunk. now is the receive time in µs since 1970.
func (s *stream) feed(b []byte, now int64, want *expectation, t *Tally) (rest []byte, err error) {
	if s.phase == inHeader {
		if b, err = s.header(b, want.plain); err != nil || s.phase == inHeader {
			return b, err
		}
	}
	if want.plain {
		return s.plain(b, now, want, t)
	}
	for {
		size, i := 0, 0
		for i < len(b) && i < 8 {
			d := hexValue[b[i]]
			if d > 15 {
				break
			}
			size = size<<4 | int(d)
			i++
		}
		body, end := i+2, i+2+size+2
		if body > len(b) {
			return b, nil
		}
		if i == 0 || b[i] != '\r' || b[i+1] != '\n' {
			return b, fmt.Errorf("cannot read chunk header %q", b[:min(len(b), 24)])
		}
		if end > maxCarry {
			return b, fmt.Errorf("cannot read a chunk of %d bytes: the limit is %d", size, maxCarry)
		}
		if end > len(b) {
			return b, nil
		}
		if b[end-2] != '\r' || b[end-1] != '\n' {
			return b, fmt.Errorf("cannot find the end of a chunk of %d bytes: %q is there", size, b[end-2:end])
		}
		if size == 0 {
			s.phase = ended
			return nil, errEnded
		}
		if err := s.chunk(b[body:end-2], now, want, t); err != nil {
			return b, err
		}
		b = b[end:]
	}
}

// header waits for the whole response header and checks what the benchmark relies on.
func (s *stream) header(b []byte, plain bool) (rest []byte, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxCarry {
			return b, fmt.Errorf("cannot read a response header of more than %d bytes", maxCarry)
		}
		return b, nil
	}
	head := bytes.ToLower(b[:end+2])
	if plain {
		if err := s.plainHeader(head); err != nil {
			return b, err
		}
	} else if !bytes.HasPrefix(head, []byte("http/1.1 200 ")) || !bytes.Contains(head, []byte("\r\ntransfer-encoding: chunked\r\n")) {
		return b, fmt.Errorf("cannot use response %q: it must be 200 and chunked", b[:min(end, 200)])
	}
	s.phase = inBody
	return b[end+4:], nil
}

var (
	eventStart = []byte("event: message\nid: ")
	dataStart  = []byte("data: ")
	idStart    = []byte("id: ")
)

// chunk reads the blocks of a chunk. A chunk holds whole events (PROTOCOL.md section 2).
func (s *stream) chunk(b []byte, now int64, want *expectation, t *Tally) error {
	for len(b) > 0 {
		if !bytes.HasPrefix(b, eventStart) {
			var err error
			if b, err = s.line(b, now, want, t); err != nil {
				return err
			}
			continue
		}
		i := bytes.IndexByte(b[len(eventStart):], '\n')
		data := len(eventStart) + i + 1
		if i < 0 || !bytes.HasPrefix(b[data:], dataStart) {
			return fmt.Errorf("cannot find the data of event %q", b[:min(len(b), 80)])
		}
		if want.keep {
			s.id = append(s.id[:0], b[len(eventStart):data-1]...)
		}
		value := b[data+len(dataStart):]
		// Nearly always the event ends with the chunk, at the length that all have.
		n := want.size
		if len(value) < n+2 || value[n] != '\n' {
			n = bytes.IndexByte(value, '\n')
		}
		if n < 0 || n+1 >= len(value) || value[n+1] != '\n' {
			return fmt.Errorf("cannot find the end of event %q", b[:min(len(b), 80)])
		}
		s.event(value[:n], now, want, t)
		b = value[n+2:]
	}
	return nil
}

func (s *stream) event(value []byte, now int64, want *expectation, t *Tally) {
	t.Events++
	t.LastMicros = now
	if !s.first {
		s.first = true
		t.LastFirst = now
		t.first.Record(now - s.began)
	}
	stamp, ok := workload.Parse(value)
	if !ok || len(value) != want.size || stamp.Partition >= len(s.sequences) {
		t.Damaged++
		return
	}
	s.sequences[stamp.Partition].see(stamp.Counter, t)
	if stamp.Micros >= want.since {
		t.latency.Record(now - stamp.Micros)
	}
}

// line takes one line that is not the start of an event: greeting, heartbeat, notice.
func (s *stream) line(b []byte, now int64, want *expectation, t *Tally) (rest []byte, err error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, fmt.Errorf("cannot find the end of line %q", b[:min(len(b), 80)])
	}
	switch line := b[:i]; {
	case string(line) == ":ok":
		if s.phase != greeted {
			s.phase = greeted
			t.LastGreeting = now
			t.greet.Record(now - s.began)
		}
	case bytes.HasPrefix(line, []byte(": gap ")):
		t.Gaps++
	case len(line) > 0 && line[0] == ':':
		t.Heartbeats++
	case bytes.HasPrefix(line, idStart):
		if want.keep {
			s.id = append(s.id[:0], line[len(idStart):]...)
		}
	case len(line) == 0, bytes.HasPrefix(line, []byte("retry: ")):
	default:
		return b, fmt.Errorf("cannot understand line %q", line[:min(len(line), 80)])
	}
	return b[i+1:], nil
}

// missing returns how many of the records below expect have not come and are not counted as lost yet.
func (s *stream) missing(expect []uint64) (n uint64) {
	for p, e := range expect {
		if next := s.sequences[p].next; next < e {
			n += e - next
		}
	}
	return n
}

var hexValue = func() (t [256]uint8) {
	for i := range t {
		t[i] = 255
	}
	for i := range uint8(10) {
		t['0'+i] = i
	}
	for i := range uint8(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()
