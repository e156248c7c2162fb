package replay

// Kind says what an Item is.
type Kind uint8

// The kinds of items.
const (
	Event   Kind = iota // a record that becomes an event
	Gap                 // offsets that cannot be delivered
	Advance             // offsets that hold nothing to deliver: markers, skipped records, compacted parts
)

// Reason says why there is a Gap.
type Reason uint8

// The closed set of reasons.
const (
	Expired  Reason = iota // below the log start
	TooLarge               // a value above Rules.MaxEvent, or a batch that inflates too far
	Missed                 // a batch that cannot be decoded
)

var reasonNames = [...]string{Expired: "expired", TooLarge: "too_large", Missed: "missed"}

// String returns the reason of a notice.
func (r Reason) String() string { return reasonNames[r] }

// Item is one step of a Reader.
type Item struct {
	Kind   Kind
	Reason Reason // of a Gap
	Range  int    // index in the ranges given to Open

	// Offset is that of the record, or where the range was before a Gap or an Advance.
	Offset int64

	// Next is the position of the range after this item: the next offset to read.
	Next int64

	Time  int64  // of an Event, milliseconds since 1970; -1: none
	Value []byte // of an Event, checked and annotated; immutable
}
