package record

// Reason says whether a record becomes an event and, if not, why not.
type Reason uint8

// The closed set of reasons.
const (
	OK            Reason = iota // the record becomes an event
	Tombstone                   // the value is null
	Empty                       // the value has no bytes, and the format is JSON
	InvalidUTF8                 // the value is not UTF-8, and the format is JSON or Text
	InvalidJSON                 // the value is UTF-8, but not one JSON value
	Scalar                      // the value is JSON, but neither an object nor an array
	MetaNotObject               // Annotate is Meta, and the member "meta" is neither absent, null nor an object

	// NumReasons is the size of an array of counters with a Reason as its index.
	NumReasons = iota
)

var reasonLabels = [NumReasons]string{
	OK:            "ok",
	Tombstone:     "tombstone",
	Empty:         "empty",
	InvalidUTF8:   "invalid_utf8",
	InvalidJSON:   "invalid_json",
	Scalar:        "scalar",
	MetaNotObject: "meta_not_object",
}

// String returns the metric label.
func (r Reason) String() string { return reasonLabels[r] }
