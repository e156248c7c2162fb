package raw

import (
	"reflect"

	"github.com/IBM/sarama"
)

// nextOffset returns the offset after the last batch of b, if b had any. It is for a block without visible batches:
// sarama leaves out those that have no records (Kafka keeps them for compacted topics, to remember the producer), and
// keeps what they tell only in a field of its own. Without it nobody could be led past an empty batch at the end of a
// partition. Reading it by reflection is safe: if it were gone, the answer would be "no batch", and the test of empty
// batches would fail.
func nextOffset(b *sarama.FetchResponseBlock) (int64, bool) {
	if len(b.RecordsSet) > 0 {
		return 0, false // an incomplete batch counts in the field too
	}
	f := reflect.ValueOf(b).Elem().FieldByName("recordsNextOffset")
	if !f.IsValid() || f.Kind() != reflect.Pointer || f.IsNil() || f.Elem().Kind() != reflect.Int64 {
		return 0, false
	}
	return f.Elem().Int(), true
}
