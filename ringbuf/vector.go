package ringbuf

// Key names one partition that a ring follows, and the epoch in which its
// offsets count. Keys keep their index for the life of a ring.
type Key struct {
	Topic     string
	Partition int32
	Epoch     string // opaque: two positions are comparable only if it is equal
}

// NoTime is the time of a partition of which no record has been seen.
const NoTime int64 = -1

// Pos is how far one partition has been read.
type Pos struct {
	Next int64 // offset of the next record to read
	Time int64 // largest record time so far, Unix milliseconds, or NoTime
}

// Vector is a position in all partitions of a ring: Pos[i] belongs to Keys[i].
// A vector handed out by this package is immutable, and Keys is shared.
type Vector struct {
	Keys []Key
	Pos  []Pos
}

// Covers reports whether w stands nowhere below v: every record below v is
// below w too. v may be shorter than w; a longer one is not covered.
func (w Vector) Covers(v Vector) bool {
	if len(v.Pos) > len(w.Pos) {
		return false
	}
	for i, p := range v.Pos {
		if w.Pos[i].Next < p.Next {
			return false
		}
	}
	return true
}

// blockLen is how many entries share one checkpoint. A vector is rebuilt from
// at most this many deltas, and a checkpoint costs 16 bytes per partition.
const blockLen = 64

// block is a checkpoint and the changes of the entries after it. Elements of
// delta are written once, before the head that makes their entry visible, so
// whoever holds an entry may read its block up to that entry without a lock,
// also when the entry has long been evicted.
type block struct {
	before Vector // before the first entry of the block
	delta  [blockLen]delta
}

// delta is what one entry did to the vector: one partition moved, or all of
// it was replaced (full).
type delta struct {
	part int32
	pos  Pos
	full *Vector
}

// vector returns the position after the first n entries of the block.
func (b *block) vector(n int) Vector {
	v := b.before
	first := 0
	for i := n - 1; i >= 0; i-- {
		if b.delta[i].full != nil {
			v, first = *b.delta[i].full, i+1
			break
		}
	}
	pos := make([]Pos, len(v.Pos))
	copy(pos, v.Pos)
	for i := first; i < n; i++ {
		pos[b.delta[i].part] = b.delta[i].pos
	}
	return Vector{Keys: v.Keys, Pos: pos}
}

// at returns one partition of the position after the first n entries.
// A partition that was not known then counts as never read.
func (b *block) at(n int, part int) Pos {
	for i := n - 1; i >= 0; i-- {
		d := &b.delta[i]
		if d.full != nil {
			return d.full.at(part)
		}
		if int(d.part) == part {
			return d.pos
		}
	}
	return b.before.at(part)
}

func (w Vector) at(part int) Pos {
	if part >= len(w.Pos) {
		return Pos{Next: -1, Time: NoTime}
	}
	return w.Pos[part]
}
