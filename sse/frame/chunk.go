package frame

import (
	"math/bits"
	"strconv"

	"github.com/ringcast/ringcast/ringbuf"
)

// Terminator is the end of a chunked body (RFC 9112 section 7.1).
const Terminator = "0\r\n\r\n"

// Chunk appends body as one chunk. An empty body appends nothing: its chunk
// would end the response.
func Chunk(dst, body []byte) []byte {
	if len(body) == 0 {
		return dst
	}
	dst = appendChunkHead(dst, len(body))
	dst = append(dst, body...)
	return append(dst, crlf...)
}

// Private appends the event w under another id, as one chunk if chunked is set.
func Private[ID []byte | string](dst []byte, id ID, w *ringbuf.Wire, chunked bool) []byte {
	rest := w.Data()
	if chunked {
		dst = appendChunkHead(dst, len(eventID)+len(id)+len("\n")+len(rest))
	}
	dst = append(dst, eventID...)
	dst = append(dst, id...)
	dst = append(dst, '\n')
	dst = append(dst, rest...)
	if chunked {
		dst = append(dst, crlf...)
	}
	return dst
}

// appendChunkHead appends what goes before a chunk of n bytes.
func appendChunkHead(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, crlf...)
}

// chunkSize is the size of a chunk of n bytes, with its framing.
func chunkSize(n int) int {
	digits := (bits.Len(uint(n)) + 3) / 4
	return digits + len(crlf) + n + len(crlf)
}
