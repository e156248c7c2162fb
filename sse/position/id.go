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

// The forms of a JSON id.
const (
	Both      Form = iota // offset and timestamp
	Offset                // the offset of the next record
	Timestamp             // the millisecond after the newest record
)

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

// AppendID appends the id of v: a JSON array without spaces. order is that of
// the entries, from Order; nil is the order of v.
func AppendID(dst []byte, v ringbuf.Vector, form Form, order []int) []byte {
	dst = append(dst, '[')
	for i := range v.Keys {
		part := i
		if order != nil {
			part = order[i]
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendKey(dst, &v.Keys[part])
		dst = appendPos(dst, v.Pos[part], form)
		dst = appendEpoch(dst, v.Keys[part].Epoch)
	}
	return append(dst, ']')
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
	timed := p.Time > ringbuf.NoTime
	if form != Timestamp || !timed {
		dst = append(dst, `"offset":`...)
		dst = strconv.AppendInt(dst, p.Next, 10)
		dst = append(dst, ',')
	}
	if form != Offset && timed {
		dst = append(dst, `"timestamp":`...)
		dst = strconv.AppendInt(dst, min(p.Time, math.MaxInt64-1)+1, 10) // a producer may have set any time
		dst = append(dst, ',')
	}
	return dst
}

// appendEpoch appends the end of an entry.
func appendEpoch(dst []byte, epoch string) []byte {
	dst = append(dst, `"epoch":`...)
	dst = appendString(dst, epoch)
	return append(dst, '}')
}
