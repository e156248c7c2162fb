package replay

import (
	"sync/atomic"

	"github.com/ringcast/ringcast/broker/record"
)

// Stats count what a Cache does.
type Stats struct {
	Hits      atomic.Uint64 // chunks that a Reader came to and that were there or being read
	Misses    atomic.Uint64 // reads that a Reader asked for
	BytesRead atomic.Uint64 // keys and values that came from Kafka, decompressed
	Evicted   atomic.Uint64 // chunks
	Forced    atomic.Uint64 // reads for which a chunk had to go that another Reader was on its way to

	Skipped [record.NumReasons]atomic.Uint64 // records that are no events, by reason

	CacheBytes atomic.Int64 // held by chunks now
	Active     atomic.Int64 // reads from Kafka now
	Queued     atomic.Int64 // reads that wait, for a permit or for room
	Readers    atomic.Int64 // open now
}

// skip adds counts and sets them to zero.
func (s *Stats) skip(counts *[record.NumReasons]uint64) {
	for reason, n := range counts {
		s.Skipped[reason].Add(n)
	}
	clear(counts[:])
}
