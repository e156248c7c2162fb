package ledger

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Identify tells from a value which record it is: n is a counter per partition, given by the producer, that no two
// records of a partition share. topic is valid until value changes.
type Identify func(value []byte) (topic string, partition int32, n int64, ok bool)

// Value builds the JSON value of record n of a partition, about size bytes long (never shorter than its identity). It is
// the same for the same arguments. What must survive a broker is in it: a number that is no float64, two zeros after the
// point, a letter beyond ASCII, an escape.
func Value(topic string, partition int32, n int64, size int) []byte {
	return finishValue(identity(topic, partition, n), n, size)
}

// ValueAt is Value with the time of sending, which SentAt reads back.
func ValueAt(topic string, partition int32, n int64, size int, at time.Time) []byte {
	return finishValue(fmt.Appendf(identity(topic, partition, n), `,"at":%d`, at.UnixNano()), n, size)
}

func identity(topic string, partition int32, n int64) []byte {
	return fmt.Appendf(nil, `{"t":"%s","p":%d,"n":%d`, topic, partition, n)
}

func finishValue(v []byte, n int64, size int) []byte {
	v = append(v, `,"big":9223372036854775808,"price":25.00,"text":"é \"`...)
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	for i := n; len(v) < size-2; i++ {
		v = append(v, alphabet[uint64(i)%uint64(len(alphabet))])
	}
	return append(v, `"}`...)
}

// IdentifyValue is the Identify of values made by Value and ValueAt, also when members were appended by the server.
func IdentifyValue(value []byte) (topic string, partition int32, n int64, ok bool) {
	t, partition, n, _, ok := splitIdentity(value)
	return string(t), partition, n, ok
}

// SentAt returns the time that ValueAt put into a value.
func SentAt(value []byte) (time.Time, bool) {
	_, _, _, rest, ok := splitIdentity(value)
	if !ok {
		return time.Time{}, false
	}
	rest, ok = bytes.CutPrefix(rest, []byte(`,"at":`))
	if !ok {
		return time.Time{}, false
	}
	ns, _, ok := cutNumber(rest)
	return time.Unix(0, ns), ok
}

// splitIdentity reads the fixed beginning of a value without allocating.
func splitIdentity(value []byte) (topic []byte, partition int32, n int64, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(value, []byte(`{"t":"`))
	if !ok {
		return nil, 0, 0, nil, false
	}
	topic, rest, ok = bytes.Cut(rest, []byte(`","p":`))
	if !ok {
		return nil, 0, 0, nil, false
	}
	p, rest, ok := cutNumber(rest)
	if !ok || p < 0 || p > 1<<31-1 {
		return nil, 0, 0, nil, false
	}
	rest, ok = bytes.CutPrefix(rest, []byte(`,"n":`))
	if !ok {
		return nil, 0, 0, nil, false
	}
	n, rest, ok = cutNumber(rest)
	return topic, int32(p), n, rest, ok
}

// cutNumber reads `-?(0|[1-9][0-9]*)` within int64.
func cutNumber(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	digits := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == digits || (b[digits] == '0' && i > digits+1) {
		return 0, b, false
	}
	n, err := strconv.ParseInt(string(b[:i]), 10, 64)
	return n, b[i:], err == nil
}
