// Package position is the written form of a position in a stream: the id of an
// event, the Last-Event-ID that a client returns, and the since parameter.
package position

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/ringcast/ringcast/ringbuf"
)

// Form says what an entry of an id carries.
type Form uint8

// The forms. One entry of the form Compact makes the whole id compact.
const (
	Both      Form = iota // offset and timestamp
	Offset                // the offset of the next record
	Timestamp             // the millisecond after the newest record
	Compact               // as Both
)

// maxJSON is how long the JSON form of an id may be, in bytes. Above it any id
// is compact: proxies commonly allow 8 KiB for a header.
const maxJSON = 4096

// Order returns the indices of keys in the order in which an id names them:
// topics as they appear first in keys, the partitions of a topic ascending.
func Order(keys []ringbuf.Key) []int {
	rank := make(map[string]int)
	order := make([]int, len(keys))
	for i, k := range keys {
		order[i] = i
		if _, ok := rank[k.Topic]; !ok {
			rank[k.Topic] = len(rank)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank[keys[a].Topic], rank[keys[b].Topic]), cmp.Compare(keys[a].Partition, keys[b].Partition))
	})
	return order
}

// AppendID appends the id of v: a JSON array without spaces or, where that is
// asked for or the array would exceed 4 KiB, a compact id. order is that of the
// entries, from Order; nil is the order of v.
func AppendID(dst []byte, v ringbuf.Vector, form Form, order []int) []byte {
	return appendID(dst, v, forms{all: form}, order)
}

// AppendMixed appends the id of a composite subscription: as AppendID, with the
// entry of v.Keys[i] in the form byKey[i].
func AppendMixed(dst []byte, v ringbuf.Vector, byKey []Form, order []int) []byte {
	return appendID(dst, v, forms{byKey: byKey}, order)
}

func appendID(dst []byte, v ringbuf.Vector, f forms, order []int) []byte {
	if len(v.Keys) == 0 || !f.compact() {
		begin := len(dst)
		var fits bool
		if dst, fits = appendJSON(dst, v, f, order); fits {
			return dst
		}
		dst = dst[:begin]
	}
	return appendCompact(dst, v, f, order)
}

// forms are the forms of the entries of an id, by the index of their key: one
// for all where byKey is nil.
type forms struct {
	all   Form
	byKey []Form
}

func (f forms) of(key int) Form {
	if f.byKey == nil {
		return f.all
	}
	return f.byKey[key]
}

// compact reports whether the whole id is compact, however short.
func (f forms) compact() bool {
	if f.byKey == nil {
		return f.all == Compact
	}
	return slices.Contains(f.byKey, Compact)
}

// appendJSON appends the JSON form, or a part of it when it is too long.
func appendJSON(dst []byte, v ringbuf.Vector, f forms, order []int) (_ []byte, fits bool) {
	begin := len(dst)
	dst = append(dst, '[')
	for i := range v.Keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		p := at(order, i)
		dst = appendKey(dst, &v.Keys[p])
		dst = appendPos(dst, v.Pos[p], f.of(p))
		dst = appendEpoch(dst, v.Keys[p].Epoch)
		if len(dst)-begin >= maxJSON {
			return dst, false
		}
	}
	return append(dst, ']'), true
}

// at returns the index of the key that an id names as its i-th.
func at(order []int, i int) int {
	if order == nil {
		return i
	}
	return order[i]
}

// appendKey appends the beginning of an entry.
func appendKey(dst []byte, k *ringbuf.Key) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, k.Topic)
	dst = append(dst, `,"partition":`...)
	dst = strconv.AppendInt(dst, int64(k.Partition), 10)
	return append(dst, ',')
}

// appendPos appends the part of an entry that moves. Where no record has been
// seen the offset stands in for the time.
func appendPos(dst []byte, p ringbuf.Pos, form Form) []byte {
	timed := timestamp(p) > 0
	if form != Timestamp || !timed {
		dst = append(dst, `"offset":`...)
		dst = strconv.AppendInt(dst, p.Next, 10)
		dst = append(dst, ',')
	}
	if form != Offset && timed {
		dst = append(dst, `"timestamp":`...)
		dst = strconv.AppendInt(dst, timestamp(p), 10)
		dst = append(dst, ',')
	}
	return dst
}

// timestamp is the millisecond after the newest record of p, 0 where that is
// not known. A producer may have set any time.
func timestamp(p ringbuf.Pos) int64 {
	if p.Time <= ringbuf.NoTime {
		return 0
	}
	return min(p.Time, math.MaxInt64-1) + 1
}

// appendEpoch appends the end of an entry.
func appendEpoch(dst []byte, epoch string) []byte {
	dst = append(dst, `"epoch":`...)
	dst = appendString(dst, epoch)
	return append(dst, '}')
}
