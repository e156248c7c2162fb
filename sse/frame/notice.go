package frame

import (
	"strconv"

	"github.com/ringcast/ringcast/ringbuf"
)

// Notices returns an entry that tells of gaps: as comments, which stand before
// the next event, and in Alternate as events without an id. Without notices it
// is empty.
func Notices(n ...ringbuf.Notice) ringbuf.Wire {
	if len(n) == 0 {
		return ringbuf.Wire{}
	}
	var comments, events []byte
	for i := range n {
		comments = appendGapComment(comments, &n[i])
		events = appendGapEvent(events, &n[i])
	}
	w, alternate := chunkOf(comments), chunkOf(events)
	w.Alternate = &alternate
	return w
}

// chunkOf returns an entry whose frame is body. It has no id and no line.
func chunkOf(body []byte) ringbuf.Wire {
	b := Chunk(make([]byte, 0, chunkSize(len(body))), body)
	end := uint32(len(b) - len(crlf))
	at := end - uint32(len(body))
	return ringbuf.Wire{Bytes: b, FrameAt: at, DataAt: at, FrameEnd: end}
}

func appendGapComment(dst []byte, n *ringbuf.Notice) []byte {
	dst = append(dst, ": gap topic="...)
	dst = appendWord(dst, n.Topic)
	dst = append(dst, " partition="...)
	dst = strconv.AppendInt(dst, int64(n.Partition), 10)
	dst = append(dst, " asked="...)
	dst = strconv.AppendInt(dst, n.Asked, 10)
	dst = append(dst, " given="...)
	dst = strconv.AppendInt(dst, n.Given, 10)
	dst = append(dst, " reason="...)
	dst = appendWord(dst, n.Reason)
	return append(dst, '\n')
}

func appendGapEvent(dst []byte, n *ringbuf.Notice) []byte {
	dst = append(dst, "event: gap\ndata: {\"topic\":"...)
	dst = appendQuoted(dst, valid([]byte(n.Topic)))
	dst = append(dst, `,"partition":`...)
	dst = strconv.AppendInt(dst, int64(n.Partition), 10)
	dst = append(dst, `,"asked":`...)
	dst = strconv.AppendInt(dst, n.Asked, 10)
	dst = append(dst, `,"given":`...)
	dst = strconv.AppendInt(dst, n.Given, 10)
	dst = append(dst, `,"reason":`...)
	dst = appendQuoted(dst, valid([]byte(n.Reason)))
	return append(dst, "}\n\n"...)
}

// appendWord appends s as one word of a comment. All that cannot be part of one
// becomes a question mark; neither Kafka nor the configuration lets it be there.
func appendWord(dst []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			c = '?'
		}
		dst = append(dst, c)
	}
	return dst
}
