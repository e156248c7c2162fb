package position

import (
	"bytes"
	"math"
)

// maxEntries is how many entries an id may have.
const maxEntries = 4096

// ID is a position as a client names it.
type ID struct {
	Entries []Entry
}

// Entry is one element of an ID: a place in a topic-partition or, where OfTopic
// is set, only the name of a topic.
type Entry struct {
	Topic     string
	Partition int32
	Offset    int64 // of the next record, or LiveEnd, or Earliest; if HasOffset
	Timestamp int64 // one more than the newest record time, Unix milliseconds; if HasTime
	HasOffset bool
	HasTime   bool
	OfTopic   bool
	Epoch     string // empty where there is none of the form that our ids have
}

// Offsets that stand for a place to be found, as in Kafka's ListOffsets.
const (
	LiveEnd  = -1
	Earliest = -2
)

// Ours reports whether ringcast made the id, on any cluster: every entry
// carries an epoch.
func (id *ID) Ours() bool {
	for i := range id.Entries {
		if id.Entries[i].Epoch == "" {
			return false
		}
	}
	return len(id.Entries) > 0
}

// Parse reads the value of a Last-Event-ID: JSON or compact, as its first
// character tells. What it allocates is bounded by a few times the length of
// header, and for a compact id by what maxEntries and maxName allow. The error
// is an *Error.
func Parse(header []byte) (ID, error) {
	if isCompact(header) {
		return parseCompact(header)
	}
	if err := checkJSON(header); err != nil {
		return ID{}, err
	}
	c := cursor{text: header}
	if !c.take('[') {
		return ID{}, refuse("cannot read position %s: want a JSON array of objects with topic, partition and offset or timestamp", show(header))
	}
	if c.take(']') {
		return ID{}, refuse("cannot read position []: it has no entries")
	}
	const shortest = len(`{"topic":"","partition":0,"offset":0}`)
	entries := make([]Entry, 0, min(bytes.Count(header, []byte("{")), len(header)/shortest+1, maxEntries))
	var last Entry // its strings serve the next entry too where they are equal
	for more := true; more; more = c.take(',') {
		if len(entries) == maxEntries {
			return ID{}, refuse("cannot read position: it has more than %d entries", maxEntries)
		}
		var err error
		if last, err = c.entry(last); err != nil {
			return ID{}, refuse("cannot read entry %d of position: %s", len(entries)+1, err)
		}
		entries = append(entries, last)
	}
	if err := checkDistinct(entries); err != nil {
		return ID{}, err
	}
	return ID{Entries: entries}, nil
}

// checkDistinct returns an error when a topic-partition appears twice. A topic
// without a partition stands for no position and may.
func checkDistinct(entries []Entry) error {
	type topicPartition struct {
		topic     string
		partition int32
	}
	seen := make(map[topicPartition]struct{}, len(entries))
	for i := range entries {
		if entries[i].OfTopic {
			continue
		}
		k := topicPartition{entries[i].Topic, entries[i].Partition}
		if _, ok := seen[k]; ok {
			return refuse("cannot read entry %d of position: topic %s partition %d appears twice", i+1, show(k.topic), k.partition)
		}
		seen[k] = struct{}{}
	}
	return nil
}

// entry reads one element of the array.
func (c *cursor) entry(last Entry) (Entry, error) {
	if c.peek() == '{' {
		return c.object(last)
	}
	value, err := c.value()
	if err != nil {
		return Entry{}, err
	}
	if value[0] != '"' {
		return Entry{}, refuse("it is %s, want an object or the name of a topic", show(value))
	}
	return Entry{Topic: unquote(value, last.Topic), OfTopic: true}, nil
}

// field is a known key of an entry.
type field int

const (
	topicField field = iota
	partitionField
	offsetField
	timestampField
	epochField
	numFields
)

var fieldNames = [numFields]string{"topic", "partition", "offset", "timestamp", "epoch"}

// object reads an entry with a partition. Keys other than the known ones are
// skipped, with their values.
func (c *cursor) object(last Entry) (Entry, error) {
	var values [numFields][]byte // nil where there is none
	c.take('{')
	for more := c.peek() != '}'; more; more = c.take(',') {
		key, err := c.value()
		if err != nil {
			return Entry{}, err
		}
		c.take(':')
		value, err := c.value()
		if err != nil {
			return Entry{}, err
		}
		if f, known := fieldOf(key); known {
			if values[f] != nil {
				return Entry{}, refuse("it has %s twice", fieldNames[f])
			}
			values[f] = value
		}
	}
	c.take('}')
	return makeEntry(&values, last)
}

// fieldOf returns the field that a key, with its quotes, names.
func fieldOf(key []byte) (field, bool) {
	text := key[1 : len(key)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(unquote(key, ""))
	}
	for f, name := range fieldNames {
		if string(text) == name {
			return field(f), true
		}
	}
	return 0, false
}

// makeEntry makes an entry of the raw values of an object.
func makeEntry(values *[numFields][]byte, last Entry) (e Entry, err error) {
	for _, f := range []field{topicField, partitionField} {
		if values[f] == nil {
			return e, refuse("it has no %s", fieldNames[f])
		}
	}
	topic := values[topicField]
	if topic[0] != '"' {
		return e, refuse("topic is %s, want a string", show(topic))
	}
	e.Topic = unquote(topic, last.Topic)
	n, err := readInt(partitionField, values[partitionField], 0, math.MaxInt32)
	if err != nil {
		return e, err
	}
	e.Partition = int32(n)
	offset, timestamp := present(values[offsetField]), present(values[timestampField])
	if !offset && !timestamp {
		return e, refuse("it has neither offset nor timestamp")
	}
	if e.HasOffset = offset; offset {
		if e.Offset, err = readInt(offsetField, values[offsetField], Earliest, math.MaxInt64); err != nil {
			return e, err
		}
	}
	if e.HasTime = timestamp; timestamp {
		if e.Timestamp, err = readInt(timestampField, values[timestampField], 0, math.MaxInt64); err != nil {
			return e, err
		}
	}
	if epoch := values[epochField]; epoch != nil && epoch[0] == '"' {
		if text := unquote(epoch, last.Epoch); isEpoch(text) {
			e.Epoch = text
		}
	}
	return e, nil
}

// present reports whether a value was given; null is the same as none.
func present(value []byte) bool { return value != nil && value[0] != 'n' }
