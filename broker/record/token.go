package record

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// skipSpace returns the index of the first byte at or after i that is not white space, or len(b).
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool {
	return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t')
}

// nameEnd returns the index behind the member name at i and its colon, or -1 when they are not there.
func nameEnd(b []byte, i int, controls bool) int {
	if i == len(b) || b[i] != '"' {
		return -1
	}
	if i = stringEnd(b, i, controls); i < 0 {
		return -1
	}
	i = skipSpace(b, i)
	if i == len(b) || b[i] != ':' {
		return -1
	}
	return i + 1
}

// stringEnd returns the index behind the string whose opening quote is at i, or -1. Without controls b has no control
// characters, which no string may have.
func stringEnd(b []byte, i int, controls bool) int {
	i++
	for {
		i = plainEnd(b, i, controls)
		if i == len(b) {
			return -1
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			if i = escapeEnd(b, i); i < 0 {
				return -1
			}
		default:
			return -1 // a control character
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// plainEnd returns the index of the first quote, backslash or, with controls, control character at or after i, or
// len(b).
func plainEnd(b []byte, i int, controls bool) int {
	// Eight bytes at a time: x - n*ones borrows into the high bit of each byte of x that is below n and, if its high
	// bit was clear before, that is the proof. Only bytes above a true hit can be false ones, so the lowest is right.
	long := i + minLong
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		quote := x ^ '"'*ones
		backslash := x ^ '\\'*ones
		hits := (x - ' '*ones) &^ x
		hits |= (quote - ones) &^ quote
		hits |= (backslash - ones) &^ backslash
		if hits &= highs; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
		if i += 8; i == long {
			return longEnd(b, i, controls)
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

const (
	// minLong is the length in bytes from which on bytes.IndexByte, called twice, is a gain (measured). Eight are a step.
	minLong = 64

	// maxPart bounds how far a quote is looked for, in bytes: it may be the same one after each of many escapes.
	maxPart = 512
)

// longEnd is plainEnd for long texts.
func longEnd(b []byte, i int, controls bool) int {
	for i < len(b) {
		part := b[i:min(i+maxPart, len(b))]
		end := bytes.IndexByte(part, '"')
		if end >= 0 {
			part = part[:end]
		}
		if n := bytes.IndexByte(part, '\\'); n >= 0 {
			part, end = part[:n], n
		}
		if controls {
			if n := slices.IndexFunc(part, func(c byte) bool { return c < ' ' }); n >= 0 {
				return i + n
			}
		}
		i += len(part)
		if end >= 0 {
			break
		}
	}
	return i
}

// escapeEnd returns the index behind the escape sequence whose backslash is at i, or -1.
func escapeEnd(b []byte, i int) int {
	if i+1 == len(b) {
		return -1
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if _, ok := hex4(b, i+2); ok {
			return i + 6
		}
	}
	return -1
}

// hex4 returns the number that the four hexadecimal digits at i say.
func hex4(b []byte, i int) (n uint16, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint16(c)
	}
	return n, true
}

// literalEnd returns the index behind want, which must be at i, or -1.
func literalEnd(b []byte, i int, want string) int {
	if len(b)-i < len(want) || string(b[i:i+len(want)]) != want {
		return -1
	}
	return i + len(want)
}

// numberEnd returns the index behind the number at i, or -1.
func numberEnd(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	start := i
	i = digitsEnd(b, i)
	if i == start || (b[start] == '0' && i > start+1) {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digitsEnd(b, start); i == start {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = digitsEnd(b, start); i == start {
			return -1
		}
	}
	return i
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
