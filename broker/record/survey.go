package record

import "encoding/binary"

// survey is what one look at all bytes of a text tells: most need no second one.
type survey struct {
	ascii    bool // no byte is above 0x7f, so the text is UTF-8
	controls bool // there are bytes below 0x20: line breaks, or what no JSON may have
}

func surveyOf(b []byte) survey {
	// x - 0x20*ones borrows into the high bit of each byte of x that is below 0x20; if its high bit was clear before,
	// one of them is (see plainEnd). all has the high bits of bytes above 0x7f.
	var all, low uint64
	for ; len(b) >= 32; b = b[32:] {
		w, x, y, z := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		all |= w | x | y | z
		low |= (w-' '*ones)&^w | (x-' '*ones)&^x | (y-' '*ones)&^y | (z-' '*ones)&^z
	}
	s := survey{ascii: all&highs == 0, controls: low&highs != 0}
	for _, c := range b {
		s.ascii = s.ascii && c < 0x80
		s.controls = s.controls || c < ' '
	}
	return s
}
