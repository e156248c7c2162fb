package workload

import (
	"fmt"
	"strconv"
)

// A value looks like this, padded with letters to its size:
//
//	{"p":"00","n":"000000000123","t":"1764000000000000","pad":"abc…","z":"000000000123"}
//
// The numbers are strings because JSON numbers have no leading zeros. The counter stands at both ends: a
// value put together from two events does not pass.
const (
	partitionAt = len(`{"p":"`)
	counterAt   = partitionAt + partitionDigits + len(`","n":"`)
	microsAt    = counterAt + counterDigits + len(`","t":"`)
	padAt       = microsAt + microsDigits + len(`","pad":"`)

	partitionDigits = 2
	counterDigits   = 12
	microsDigits    = 16

	tail = len(`","z":"`) + counterDigits + len(`"}`)
)

// MinSize is the size in bytes of a value without padding.
const MinSize = padAt + tail

// MaxPartitions is the number of partitions that the layout can name.
const MaxPartitions = 100

// Stamp is what a value says about itself.
type Stamp struct {
	Partition int
	// Counter counts the records of the partition from 0.
	Counter uint64
	// Micros is the time of production in microseconds since 1970.
	Micros int64
}

// CheckSize returns an error for a size in bytes that no value can have.
func CheckSize(size int) error {
	if size < MinSize {
		return fmt.Errorf("cannot make records of %d bytes: the fields alone take %d", size, MinSize)
	}
	return nil
}

// Append appends a value of size bytes to dst. It panics for a size that CheckSize refuses and for
// numbers that the layout has no room for.
func Append(dst []byte, size int, s Stamp) []byte {
	if size < MinSize || s.Partition < 0 || s.Partition >= MaxPartitions {
		panic(fmt.Sprintf("BUG: value of %d bytes for partition %d", size, s.Partition))
	}
	dst = append(dst, `{"p":"`...)
	dst = appendDigits(dst, uint64(s.Partition), partitionDigits)
	dst = append(dst, `","n":"`...)
	dst = appendDigits(dst, s.Counter, counterDigits)
	dst = append(dst, `","t":"`...)
	dst = appendDigits(dst, uint64(s.Micros), microsDigits)
	dst = append(dst, `","pad":"`...)
	for i := range size - MinSize {
		dst = append(dst, byte('a'+i%26))
	}
	dst = append(dst, `","z":"`...)
	dst = appendDigits(dst, s.Counter, counterDigits)
	return append(dst, `"}`...)
}

// Parse reads the stamp of a value that Append made. It returns false for any other bytes.
func Parse(v []byte) (Stamp, bool) {
	if len(v) < MinSize || string(v[:partitionAt]) != `{"p":"` || string(v[padAt-3:padAt]) != `":"` || string(v[len(v)-2:]) != `"}` {
		return Stamp{}, false
	}
	counter := v[counterAt : counterAt+counterDigits]
	if string(counter) != string(v[len(v)-2-counterDigits:len(v)-2]) {
		return Stamp{}, false
	}
	p, ok1 := digits(v[partitionAt : partitionAt+partitionDigits])
	n, ok2 := digits(counter)
	t, ok3 := digits(v[microsAt : microsAt+microsDigits])
	return Stamp{Partition: int(p), Counter: n, Micros: int64(t)}, ok1 && ok2 && ok3
}

func appendDigits(dst []byte, n uint64, width int) []byte {
	var b [20]byte
	s := strconv.AppendUint(b[:0], n, 10)
	if len(s) > width {
		panic(fmt.Sprintf("BUG: %d has more than %d digits", n, width))
	}
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

func digits(b []byte) (uint64, bool) {
	var n uint64
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return n, true
}
