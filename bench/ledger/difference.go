package ledger

import (
	"fmt"
	"strings"
)

// Kind is what is wrong.
type Kind int

// The kinds of differences.
const (
	Lost         Kind = iota // a booked record did not arrive
	Double                   // a record arrived again, or one from before the start
	OutOfOrder               // a record arrived behind a later one of its partition
	BytesDiffer              // the value is not the booked one
	Unexpected               // an event that is not in the book, or does not say who it is
	IDAhead                  // an id said that a record had been delivered that came only afterwards: a cut would lose it
	IDBehind                 // the id of an event does not cover the event, or goes back: a cut would double it
	BadID                    // an id that is not of the form of the protocol, or changes epoch without a notice
	Gap                      // the server admitted that records are missing
	Framing                  // bytes that the protocol does not allow
	StartUnknown             // no greeting and no event told where the client began
	kinds
)

var kindNames = [kinds]string{"LOST", "DOUBLE", "OUT OF ORDER", "BYTES DIFFER", "UNEXPECTED", "ID AHEAD", "ID BEHIND",
	"BAD ID", "GAP", "FRAMING", "START UNKNOWN"}

func (k Kind) String() string { return kindNames[k] }

// firstOfEach is how many differences of a kind are kept with their text.
const firstOfEach = 3

// Report counts differences by kind and describes the first few of each. As an error it says all of that.
type Report struct {
	Counts [kinds]int64
	Texts  [kinds][]string
}

func (r *Report) add(k Kind, format string, args ...any) {
	r.Counts[k]++
	if len(r.Texts[k]) < firstOfEach {
		r.Texts[k] = append(r.Texts[k], fmt.Sprintf(format, args...))
	}
}

// Total is the number of differences of all kinds.
func (r *Report) Total() (n int64) {
	for _, c := range r.Counts {
		n += c
	}
	return n
}

func (r *Report) clone() Report {
	c := Report{Counts: r.Counts}
	for k := range r.Texts {
		c.Texts[k] = append([]string(nil), r.Texts[k]...)
	}
	return c
}

// Error lists the kinds that occurred, their numbers and their first texts.
func (r *Report) Error() string {
	var b strings.Builder
	for k, n := range r.Counts {
		if n == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%v %d (%s", Kind(k), n, strings.Join(r.Texts[k], ", "))
		if n > int64(len(r.Texts[k])) {
			b.WriteString(", …")
		}
		b.WriteString(")")
	}
	return b.String()
}

// shownBytes is how much of offending bytes a text shows.
const shownBytes = 120

func shorten(b []byte) string {
	if len(b) > shownBytes {
		return fmt.Sprintf("%q… (%d bytes)", b[:shownBytes], len(b))
	}
	return fmt.Sprintf("%q", b)
}
