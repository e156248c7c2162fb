package yardstick

import (
	"fmt"
	"strconv"

	"github.com/IBM/sarama"
)

// epoch stands for the tags of PROTOCOL.md section 3; only its length matters.
const epoch = "yardst.ickick"

// header and greeting are what every client gets first (PROTOCOL.md section 2).
const header = "HTTP/1.1 200 OK\r\n" +
	"Content-Type: text/event-stream; charset=utf-8\r\n" +
	"Cache-Control: no-cache, no-transform\r\n" +
	"X-Accel-Buffering: no\r\n" +
	"Connection: close\r\n" +
	"Access-Control-Allow-Origin: *\r\n" +
	"Transfer-Encoding: chunked\r\n\r\n"

// framer makes frames with the bytes that ringcast sends: the same fields, and an id in the form `both`
// that names every partition.
type framer struct {
	topic    string
	position []place // per partition
	scratch  []byte
}

type place struct {
	next int64 // offset
	time int64 // ms since 1970 of the last record plus 1; 0 before the first
}

func newFramer(topic string, partitions int) *framer {
	return &framer{topic: topic, position: make([]place, partitions)}
}

// greeting returns the first chunk of a connection.
func (f *framer) greeting() []byte {
	b := append([]byte("retry: 3000\nid: "), f.id(nil)...)
	b = append(b, "\n:ok\n\n"...)
	return fmt.Appendf(nil, "%x\r\n%s\r\n", len(b), b)
}

// frame returns the chunk for a record, in one allocation of its own.
func (f *framer) frame(m *sarama.ConsumerMessage) []byte {
	p := &f.position[m.Partition]
	p.next, p.time = m.Offset+1, max(p.time, m.Timestamp.UnixMilli()+1)
	b := append(f.scratch[:0], "event: message\nid: "...)
	b = f.id(b)
	b = append(b, "\ndata: "...)
	b = append(b, m.Value...)
	b = append(b, "\n\n"...)
	f.scratch = b

	var digits [16]byte
	size := strconv.AppendUint(digits[:0], uint64(len(b)), 16)
	chunk := make([]byte, 0, len(size)+2+len(b)+2)
	chunk = append(chunk, size...)
	chunk = append(chunk, "\r\n"...)
	chunk = append(chunk, b...)
	return append(chunk, "\r\n"...)
}

func (f *framer) id(b []byte) []byte {
	b = append(b, '[')
	for p, at := range f.position {
		if p > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"topic":"`...)
		b = append(b, f.topic...)
		b = append(b, `","partition":`...)
		b = strconv.AppendInt(b, int64(p), 10)
		b = append(b, `,"offset":`...)
		b = strconv.AppendInt(b, at.next, 10)
		if at.time > 0 {
			b = append(b, `,"timestamp":`...)
			b = strconv.AppendInt(b, at.time, 10)
		}
		b = append(b, `,"epoch":"`+epoch+`"}`...)
	}
	return append(b, ']')
}

// FrameOverhead returns an upper bound of the bytes that a frame has besides the value.
func FrameOverhead(topic string, partitions int) int {
	return 64 + partitions*(110+len(topic))
}
