package raw

import (
	"cmp"
	"slices"

	"github.com/IBM/sarama"
)

// aborted knows which batches of a response belong to aborted transactions. The leader lists, for each of those that
// reach into the response, the producer and its first offset; it ends with the producer's next abort marker (KIP-98).
// A producer has one transaction at a time, but a response may hold several, some committed.
type aborted struct {
	coming []*sarama.AbortedTransaction // by first offset, those not reached yet
	open   map[int64]bool               // by producer id
}

func newAborted(list []*sarama.AbortedTransaction) *aborted {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *sarama.AbortedTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return &aborted{coming: list, open: make(map[int64]bool)}
}

// drops reports whether the records of b were aborted. It must see every batch of the response, in order; nil drops
// nothing.
func (a *aborted) drops(b *sarama.RecordBatch) bool {
	if a == nil {
		return false
	}
	for len(a.coming) > 0 && a.coming[0].FirstOffset <= b.LastOffset() {
		a.open[a.coming[0].ProducerID] = true
		a.coming = a.coming[1:]
	}
	if b.Control && isAbort(b) {
		delete(a.open, b.ProducerID)
	}
	return b.IsTransactional && a.open[b.ProducerID]
}
