package ledger

import (
	"bytes"
	"fmt"
	"strconv"
)

// chunks decodes chunked transfer coding (RFC 9112 section 7.1) as strictly as our server writes it: a hexadecimal size,
// CRLF, the bytes, CRLF; no extensions, no trailers, nothing behind the last chunk.
type chunks struct {
	// Set at construction.
	payload  func([]byte)
	chunkEnd func()

	state chunkState
	size  []byte // digits that have come
	left  int64  // bytes of the chunk to come
	done  bool   // the terminating chunk has come whole
}

type chunkState int

const (
	inSize   chunkState = iota
	inSizeLF            // CR has come, LF has not
	inData
	inDataCR // the CRLF behind the data
	inDataLF
	inLastCR // the CRLF behind the terminating chunk's size
	inLastLF
	atEnd
)

// maxSizeDigits bounds a chunk's size line: 2^40 is larger than any event.
const maxSizeDigits = 10

// feed takes raw bytes; an error says that the rest of the connection cannot be understood.
func (c *chunks) feed(b []byte) error {
	for len(b) > 0 {
		if c.state == inData {
			n := int(min(int64(len(b)), c.left))
			c.payload(b[:n])
			b = b[n:]
			if c.left -= int64(n); c.left == 0 {
				c.state = inDataCR
			}
			continue
		}
		if err := c.step(b[0]); err != nil {
			return fmt.Errorf("%w: %s", err, shorten(b))
		}
		b = b[1:]
	}
	return nil
}

// step takes one byte of the framing.
func (c *chunks) step(b byte) error {
	want := func(w byte, next chunkState) error {
		if b != w {
			return fmt.Errorf("byte %q where %q belongs", b, w)
		}
		c.state = next
		return nil
	}
	switch c.state {
	case inSize:
		if b == '\r' && len(c.size) > 0 {
			c.state = inSizeLF
			return nil
		}
		if bytes.IndexByte([]byte("0123456789abcdefABCDEF"), b) < 0 || len(c.size) == maxSizeDigits {
			return fmt.Errorf("byte %q in a chunk size", b)
		}
		c.size = append(c.size, b)
		return nil
	case inSizeLF:
		c.left, _ = strconv.ParseInt(string(c.size), 16, 64) // cannot fail: digits only, bounded
		c.size = c.size[:0]
		if c.left == 0 {
			return want('\n', inLastCR)
		}
		return want('\n', inData)
	case inDataCR:
		return want('\r', inDataLF)
	case inDataLF:
		if err := want('\n', inSize); err != nil {
			return err
		}
		c.chunkEnd()
		return nil
	case inLastCR:
		return want('\r', inLastLF)
	case inLastLF:
		c.done = b == '\n'
		return want('\n', atEnd)
	default:
		return fmt.Errorf("byte %q behind the terminating chunk", b)
	}
}
