package ringbuf

import "unsafe"

// Kind says what an entry does to the position.
type Kind uint8

// The four kinds of entries.
const (
	Event   Kind = iota + 1 // one record, with bytes
	Gap                     // records were jumped; the bytes are the notice
	Epoch                   // offsets of a topic start anew; the only entry after which a position is lower
	Advance                 // positions moved without a record; no bytes
)

// Wire is the finished form of an entry in one allocation. Its views share the
// bytes: the whole HTTP chunk, the frame inside it, the data lines at the end
// of the frame, and the line of newline-delimited JSON. Nothing in it changes
// after publication.
//
// Another ring may carry the same event under an id of its own: it shares
// Bytes and has ID. Chunk and Frame are then those of the first ring; Data and
// Line are right in both.
type Wire struct {
	Bytes     []byte
	FrameAt   uint32 // Bytes[FrameAt:FrameEnd] is the frame, two bytes of CRLF follow
	DataAt    uint32 // Bytes[DataAt:FrameEnd] is what follows the id line
	FrameEnd  uint32
	LineAt    uint32 // Bytes[LineAt:LineEnd] is the value and its \n; empty for notices
	LineEnd   uint32
	Alternate *Wire  // a notice in its form as an event; nil where there is only one form
	ID        string // of an event that shares its Bytes; "" where the id is in them
}

// Chunk is the entry as one chunk of an HTTP/1.1 body.
func (w *Wire) Chunk() []byte {
	if len(w.Bytes) == 0 {
		return nil
	}
	return w.Bytes[:w.FrameEnd+2]
}

// Frame is the entry without chunk framing.
func (w *Wire) Frame() []byte { return w.Bytes[w.FrameAt:w.FrameEnd] }

// Data is the end of the frame from behind its id line.
func (w *Wire) Data() []byte { return w.Bytes[w.DataAt:w.FrameEnd] }

// Line is the value with a line feed behind it; empty for notices.
func (w *Wire) Line() []byte { return w.Bytes[w.LineAt:w.LineEnd] }

// Len is the most that a form of the entry takes, bytes.
func (w *Wire) Len() int { return len(w.Bytes) + len(w.ID) }

// size is the memory that the finished form holds, by capacity, shared or not.
func (w *Wire) size() int64 {
	n := int64(cap(w.Bytes) + len(w.ID))
	if w.Alternate != nil {
		n += int64(unsafe.Sizeof(Wire{})) + w.Alternate.size()
	}
	return n
}

// Entry is one immutable element of a ring.
type Entry struct {
	Seq    uint64
	Kind   Kind
	index  uint8 // in block
	Part   int32 // index of the partition; -1 for Epoch and Advance
	Offset int64 // of the record; for a Gap the last offset jumped; -1 otherwise
	Time   int64 // of the record, Unix milliseconds, or NoTime
	Wire   Wire

	block *block
}

// entryOverhead is what an entry costs beside its bytes: itself and its share
// of the block.
const entryOverhead = int64(unsafe.Sizeof(Entry{}) + unsafe.Sizeof(block{})/blockLen)

// Size is the memory in bytes that the entry is charged for.
func (e *Entry) Size() int64 { return entryOverhead + e.Wire.size() }

// Vector is the position of a reader that has taken the entry. It stays
// available after the entry was evicted.
func (e *Entry) Vector() Vector { return e.block.vector(int(e.index) + 1) }

// Before is the position of a reader that has taken everything before the entry.
func (e *Entry) Before() Vector { return e.block.vector(int(e.index)) }

// At is one partition of Vector.
func (e *Entry) At(part int) Pos { return e.block.at(int(e.index)+1, part) }

// Alone reports whether the entry moved no partition but Part.
func (e *Entry) Alone() bool { return e.block.delta[e.index].full == nil }

// Apply moves v, the position before the entry, to the one after it, in place
// where it can. The result shares nothing with the ring.
func (e *Entry) Apply(v Vector) Vector {
	d := &e.block.delta[e.index]
	if d.full != nil {
		return Vector{Keys: d.full.Keys, Pos: append(v.Pos[:0], d.full.Pos...)}
	}
	v.Pos[d.part] = d.pos
	return v
}

// Keys are the partitions known after the entry, with their epochs. As long as
// nothing was added or changed it is the same slice.
func (e *Entry) Keys() []Key {
	for i := int(e.index); i >= 0; i-- {
		if f := e.block.delta[i].full; f != nil {
			return f.Keys
		}
	}
	return e.block.before.Keys
}
