package position

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
)

// isCompact reports whether a Last-Event-ID is to be read as a compact id.
func isCompact(header []byte) bool {
	return len(header) > 0 && header[0] >= 'A' && header[0] <= 'Z'
}

// parseCompact reads a compact id. Every entry has an epoch, so the id is ours.
func parseCompact(header []byte) (ID, error) {
	body, err := unseal(header)
	if err != nil {
		return ID{}, err
	}
	c := compactCursor{rest: body}
	entries, err := c.entries()
	if err != nil {
		return ID{}, refuse("cannot read position: the compact id %s", err)
	}
	if err := checkDistinct(entries); err != nil {
		return ID{}, err
	}
	return ID{Entries: entries}, nil
}

// unseal returns the bytes between the version and the checksum of an id.
func unseal(header []byte) ([]byte, error) {
	if i := slices.IndexFunc(header, func(c byte) bool { return !isBase64URL(c) }); i >= 0 {
		return nil, refuse("cannot read position %s: it begins as a compact id and is not base64url at byte %d", show(header), i+1)
	}
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, header)
	if err == nil && raw[0] != compactVersion {
		return nil, refuse("cannot read position %s: it is a compact id of version %d, want %d", show(header), raw[0], compactVersion)
	}
	end := len(raw) - checksumSize
	if err != nil || end < 1 || crc32.Checksum(raw[:end], castagnoli) != binary.BigEndian.Uint32(raw[end:]) {
		return nil, refuse("cannot read position %s: it is a compact id with a wrong checksum or length, so it was cut or changed", show(header))
	}
	return raw[1:end], nil
}

// compactCursor walks over the inside of a compact id. The checksum proves that
// it is whole, not that we made it.
type compactCursor struct {
	rest   []byte
	newest uint64
}

func (c *compactCursor) entries() ([]Entry, error) {
	count, err := c.integer("number of entries", math.MaxUint64)
	switch {
	case err != nil:
		return nil, err
	case count == 0:
		return nil, refuse("has no entries")
	case count > maxEntries:
		return nil, refuse("has more than %d entries", maxEntries)
	case count > uint64(len(c.rest)):
		return nil, errCut // an entry is a byte at least
	}
	if c.newest, err = c.integer("timestamp", math.MaxInt64); err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, count)
	var last Entry
	for len(entries) < int(count) {
		run, form, more, err := c.run(last)
		if err != nil {
			return nil, err
		}
		if more > int(count)-len(entries) {
			return nil, refuse("has a run of %d entries where %d are left", more, int(count)-len(entries))
		}
		for range more {
			e := run
			if err := c.place(&e, form); err != nil {
				return nil, err
			}
			entries = append(entries, e)
			run.Partition++
		}
		last = run
	}
	if len(c.rest) > 0 {
		return nil, refuse("has %d bytes behind its last entry", len(c.rest))
	}
	return entries, nil
}

// run reads the head of a run: what its entries have in common, with the first
// partition, and how many there are.
func (c *compactCursor) run(last Entry) (e Entry, form Form, count int, err error) {
	if e.Topic, err = c.name("topic", last.Topic); err != nil {
		return e, 0, 0, err
	}
	if e.Epoch, err = c.name("epoch", last.Epoch); err != nil {
		return e, 0, 0, err
	}
	e.Epoch = knownEpoch(e.Epoch)
	first, err := c.integer("partition", math.MaxInt32)
	if err != nil {
		return e, 0, 0, err
	}
	n, err := c.integer("number of entries of a run", maxEntries<<2)
	if err != nil {
		return e, 0, 0, err
	}
	e.Partition, form, count = int32(first), Form(n&3), int(n>>2)+1
	if form > Timestamp {
		return e, 0, 0, refuse("has an entry of the unknown form %d", form)
	}
	if first+uint64(count)-1 > math.MaxInt32 {
		return e, 0, 0, refuse("has %d partitions from %d on, want at most %d", count, first, math.MaxInt32)
	}
	return e, form, count, nil
}

// name reads a name that may share its ends with the last one, and its memory
// where both are equal.
func (c *compactCursor) name(what, last string) (string, error) {
	var length [3]int // beginning, end, and between
	sum := 0
	for i := range length {
		n, err := c.integer("length of a name", maxName)
		if err != nil {
			return "", err
		}
		length[i] = int(n)
		sum += int(n)
	}
	head, tail, middle := length[0], length[1], length[2]
	switch {
	case head+tail > len(last):
		return "", refuse("has a %s that shares %d bytes with one of %d", what, head+tail, len(last))
	case sum > maxName:
		return "", refuse("has a %s of %d bytes, want at most %d", what, sum, maxName)
	case middle > len(c.rest):
		return "", errCut
	case middle == 0 && head+tail == len(last):
		return last, nil
	}
	name := last[:head] + string(c.rest[:middle]) + last[len(last)-tail:]
	c.rest = c.rest[middle:]
	return name, nil
}

// place reads what an entry has for itself.
func (c *compactCursor) place(e *Entry, form Form) error {
	if form != Timestamp {
		if err := c.offset(e); err != nil {
			return err
		}
	}
	if form == Offset {
		return nil
	}
	age, err := c.integer("age", c.newest+1)
	if err != nil {
		return err
	}
	if age > 0 {
		e.Timestamp, e.HasTime = int64(c.newest-(age-1)), true
	} else if form == Timestamp {
		return c.offset(e)
	}
	return nil
}

func (c *compactCursor) offset(e *Entry) error {
	n, err := c.integer("offset", math.MaxInt64-Earliest)
	e.Offset, e.HasOffset = int64(n)+Earliest, true // it wraps twice for the two largest
	return err
}

var errCut = refuse("ends within an entry")

func (c *compactCursor) integer(what string, most uint64) (uint64, error) {
	n, size := binary.Uvarint(c.rest)
	switch {
	case size == 0:
		return 0, errCut
	case size < 0:
		return 0, refuse("has a %s of more than 64 bits", what)
	case n > most:
		return 0, refuse("has the %s %d, want at most %d", what, n, most)
	}
	c.rest = c.rest[size:]
	return n, nil
}
