// Package record decides which Kafka records become events and what their data is.
//
// A [Checker] is called once per record. It refuses what its format does not allow, with a [Reason], and returns the
// value to deliver: the record's own bytes where nothing has to change, else a copy with the changes spliced in. A
// value is never decoded and encoded again, so numbers, key order, duplicates and escapes stay as the producer wrote
// them.
package record
