package record

import "fmt"

// Format says what the records of a stream are.
type Format uint8

// The formats; the zero value is the default.
const (
	JSON   Format = iota // a JSON object or array (RFC 8259) in UTF-8
	Text                 // any UTF-8, also empty
	Base64               // any bytes, also none; delivered as base64 with padding (RFC 4648 section 4)
)

var formatNames = [...]string{JSON: "json", Text: "text", Base64: "base64"}

// String returns the name that the configuration uses.
func (f Format) String() string { return formatNames[f] }

// ParseFormat is the inverse of [Format.String].
func ParseFormat(name string) (Format, error) {
	for f, n := range formatNames {
		if n == name {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("cannot read format %q: want json, text or base64", name)
}

// Annotate says where a JSON object tells its own topic, partition and offset. Other values are never annotated.
type Annotate uint8

// The annotations; the zero value is the default.
const (
	None       Annotate = iota // nowhere
	Meta                       // in the member "meta", as Wikimedia EventStreams does
	KafkaField                 // in a last member "_kafka", as KafkaSSE does
)

var annotateNames = [...]string{None: "none", Meta: "meta", KafkaField: "_kafka"}

// String returns the name that the configuration uses.
func (a Annotate) String() string { return annotateNames[a] }

// ParseAnnotate is the inverse of [Annotate.String].
func ParseAnnotate(name string) (Annotate, error) {
	for a, n := range annotateNames {
		if n == name {
			return Annotate(a), nil
		}
	}
	return 0, fmt.Errorf("cannot read annotate %q: want none, meta or _kafka", name)
}
