// Package ledger proves exactness: a book of what was produced, a client that speaks HTTP and Server-Sent Events from
// the specification alone, and the comparison of the two, per topic-partition, over all reconnects: every record once, in
// offset order, byte for byte.
//
// A Client follows a stream and feeds a Receipt, its account of what arrived; the Receipt compares with the Book while
// events arrive and once more at the end (Check). A Receipt can also be fed by any other client. Producers put their
// identity into the value (Value), so a record is recognised without trust in the server's ids; the ids are then checked
// against it. The package uses nothing but the standard library and nothing of the server.
package ledger

import (
	"cmp"
	"fmt"
	"maps"
)

// TopicPartition names one log.
type TopicPartition struct {
	Topic     string
	Partition int32
}

func (tp TopicPartition) String() string { return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition) }

func (tp TopicPartition) compare(other TopicPartition) int {
	return cmp.Or(cmp.Compare(tp.Topic, other.Topic), cmp.Compare(tp.Partition, other.Partition))
}

// Record is one acknowledged record, with the value as the client must see it.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Value     []byte
}

// Positions holds the next offset of each topic-partition.
type Positions map[TopicPartition]int64

// Of returns the positions of the given topics.
func (p Positions) Of(topics ...string) Positions {
	out := maps.Clone(p)
	maps.DeleteFunc(out, func(tp TopicPartition, _ int64) bool {
		for _, t := range topics {
			if tp.Topic == t {
				return false
			}
		}
		return true
	})
	return out
}

// spot is a place in a log that may have been deleted and created again: offsets compare within a generation.
type spot struct {
	generation int32
	offset     int64
}

func (s spot) less(t spot) bool {
	return s.generation < t.generation || s.generation == t.generation && s.offset < t.offset
}
