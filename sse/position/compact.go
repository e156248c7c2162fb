package position

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/ringcast/ringcast/ringbuf"
)

// A compact id is base64url without padding (RFC 4648 section 5) of the bytes
// below. It names topics and epochs, so any instance reads it, and equal
// positions give equal bytes. Integers are unsigned LEB128 (encoding/binary).
//
//	version      1 byte   1
//	entries      integer  how many there are, 1 to 4,096
//	newest       integer  the largest timestamp of the vector, 0: none is known
//	runs         …        until they have as many entries
//	checksum     4 bytes  CRC-32C of all bytes before it, big-endian
//
// A run is entries with one topic, one epoch, one form and partitions that
// follow each other. Names share both ends with those of the run before, as
// eqiad.rc does with codfw.rc; the first run shares nothing.
//
//	topic        name
//	epoch        name     CLUSTER.TOPIC; "-.-" where it was not known
//	partition    integer  of the first entry
//	count, form  integer  4 × (entries − 1) + 0: both, 1: offset, 2: timestamp
//	entries      …
//
//	name         integer  bytes at its beginning that the one before has too
//	             integer  bytes at its end that the one before has too
//	             integer  how many bytes are between them
//	             bytes    these
//
//	entry        both: offset, age; offset: offset; timestamp: age, and offset
//	             only where the age is 0
//	offset       integer  offset + 2, as -2 and -1 have a meaning
//	age          integer  newest − timestamp + 1, 0: the timestamp is not known
//
// Every version below 104 begins with a capital letter, which no JSON does.
const compactVersion = 1

// checksumSize is the size of a CRC-32C. It detects whatever changes in up to
// 32 successive bits, so any one or any five successive characters.
const checksumSize = 4

// maxName bounds the name of a topic. Kafka allows 249 bytes, and allowed 255
// before 0.10.
const maxName = 255

// noEpoch stands for a cluster and a topic that are not known. It matches any.
const noEpoch = "-.-"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendCompact appends the compact id of v.
func appendCompact(dst []byte, v ringbuf.Vector, f forms, order []int) []byte {
	begin := len(dst)
	newest := newestTimestamp(v.Pos)
	dst = appendCompactHead(dst, len(v.Keys), newest)
	var last *ringbuf.Key
	for from := 0; from < len(v.Keys); {
		to := runEnd(v.Keys, f, order, from)
		first := at(order, from)
		dst = appendRun(dst, last, &v.Keys[first], to-from, f.of(first))
		for i := from; i < to; i++ {
			dst = appendPlace(dst, v.Pos[at(order, i)], f.of(first), newest)
		}
		last, from = &v.Keys[first], to
	}
	return seal(dst, begin)
}

func newestTimestamp(positions []ringbuf.Pos) int64 {
	newest := ringbuf.NoTime
	for i := range positions {
		newest = max(newest, positions[i].Time)
	}
	return timestamp(ringbuf.Pos{Time: newest})
}

func appendCompactHead(dst []byte, entries int, newest int64) []byte {
	dst = append(dst, compactVersion)
	dst = binary.AppendUvarint(dst, uint64(entries))
	return binary.AppendUvarint(dst, uint64(newest))
}

// runEnd returns where the run ends that begins with the entry from.
func runEnd(keys []ringbuf.Key, f forms, order []int, from int) int {
	first := at(order, from)
	for to := from + 1; to < len(keys); to++ {
		p := at(order, to)
		a, b := &keys[first], &keys[p]
		if b.Topic != a.Topic || int64(b.Partition) != int64(a.Partition)+int64(to-from) || b.Epoch != a.Epoch || f.of(p) != f.of(first) {
			return to
		}
	}
	return len(keys)
}

// appendRun appends the head of a run of count entries, the first of which is
// k. last is one of the run before, or nil.
func appendRun(dst []byte, last, k *ringbuf.Key, count int, form Form) []byte {
	var topic, epoch string
	if last != nil {
		topic, epoch = last.Topic, knownEpoch(last.Epoch)
	}
	dst = appendName(dst, topic, k.Topic)
	dst = appendName(dst, epoch, knownEpoch(k.Epoch))
	dst = binary.AppendUvarint(dst, uint64(k.Partition))
	if form == Compact {
		form = Both
	}
	return binary.AppendUvarint(dst, uint64(count-1)<<2|uint64(form))
}

// knownEpoch returns epoch if it is one, else noEpoch: every entry of a compact
// id has an epoch.
func knownEpoch(epoch string) string {
	if isEpoch(epoch) {
		return epoch
	}
	return noEpoch
}

func appendName(dst []byte, last, name string) []byte {
	most := min(len(last), len(name))
	head := 0
	for head < most && last[head] == name[head] {
		head++
	}
	tail := 0
	for head+tail < most && last[len(last)-1-tail] == name[len(name)-1-tail] {
		tail++
	}
	middle := name[head : len(name)-tail]
	dst = binary.AppendUvarint(dst, uint64(head))
	dst = binary.AppendUvarint(dst, uint64(tail))
	dst = binary.AppendUvarint(dst, uint64(len(middle)))
	return append(dst, middle...)
}

// appendPlace appends an entry of a run.
func appendPlace(dst []byte, p ringbuf.Pos, form Form, newest int64) []byte {
	age := uint64(0)
	if t := timestamp(p); t > 0 {
		age = uint64(newest-t) + 1
	}
	offset := uint64(p.Next - Earliest) // right too where the difference wraps
	switch {
	case form == Offset:
		return binary.AppendUvarint(dst, offset)
	case form == Timestamp && age > 0:
		return binary.AppendUvarint(dst, age)
	case form == Timestamp:
		return binary.AppendUvarint(append(dst, 0), offset)
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, offset), age)
}

// seal gives the bytes dst[begin:] their checksum and makes them text, in place.
func seal(dst []byte, begin int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[begin:], castagnoli))
	raw := len(dst) - begin
	end := begin + base64.RawURLEncoding.EncodedLen(raw)
	dst = slices.Grow(dst, end-begin)[:end+raw]
	copy(dst[end:], dst[begin:begin+raw])
	base64.RawURLEncoding.Encode(dst[begin:end], dst[end:])
	return dst[:end]
}
