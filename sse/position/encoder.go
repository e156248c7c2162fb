package position

import (
	"slices"

	"github.com/ringcast/ringcast/ringbuf"
)

// Encoder writes the ids of successive positions of one stream. It remembers
// how every entry reads and writes only those anew that have moved since. It is
// for one goroutine at a time.
type Encoder struct {
	form    Form
	keys    []ringbuf.Key // that entries are for
	order   []int
	entries []encoded // by index of the partition
}

// encoded is an entry of an id as it was written last.
type encoded struct {
	text []byte
	head int // text[:head] is topic and partition, which stay
	pos  ringbuf.Pos
}

// NewEncoder returns an encoder of ids in the given form.
func NewEncoder(form Form) *Encoder { return &Encoder{form: form} }

// Append appends the id of v with part at after; part is -1 where v is the
// position already. v.Keys must not be modified once it was seen here. Nothing
// is allocated but room in dst, unless there are other keys than last time.
func (e *Encoder) Append(dst []byte, v ringbuf.Vector, part int, after ringbuf.Pos) []byte {
	if !sameKeys(e.keys, v.Keys) {
		e.reset(v)
	}
	dst = append(dst, '[')
	for i, p := range e.order {
		pos := v.Pos[p]
		if p == part {
			pos = after
		}
		entry := &e.entries[p]
		if entry.pos != pos {
			e.move(p, pos)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, entry.text...)
	}
	return append(dst, ']')
}

// sameKeys reports whether a and b are one slice. Keys are replaced and never
// modified, and a is held, so its memory cannot be that of other keys.
func sameKeys(a, b []ringbuf.Key) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// reset writes all entries for the keys of v.
func (e *Encoder) reset(v ringbuf.Vector) {
	e.keys, e.order = v.Keys, Order(v.Keys)
	e.entries = make([]encoded, len(v.Keys))
	for p := range e.entries {
		entry := &e.entries[p]
		entry.text = appendKey(nil, &v.Keys[p])
		entry.head = len(entry.text)
		const longest = len(`"offset":,"timestamp":,"epoch":""}`) + 2*len("9223372036854775807")
		entry.text = slices.Grow(entry.text, longest+len(v.Keys[p].Epoch))
		e.move(p, v.Pos[p])
	}
}

// move writes the entry of partition p anew.
func (e *Encoder) move(p int, pos ringbuf.Pos) {
	entry := &e.entries[p]
	entry.pos = pos
	entry.text = appendPos(entry.text[:entry.head], pos, e.form)
	entry.text = appendEpoch(entry.text, e.keys[p].Epoch)
}
