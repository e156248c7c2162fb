package raw

import (
	"encoding/binary"
	"time"

	"github.com/IBM/sarama"
)

// decodeBlock turns the batches of b into what a reader at offset sees. The block was cut if a batch is incomplete, and
// was to be the first.
func decodeBlock(b *sarama.FetchResponseBlock, offset int64, readCommitted bool) (f Fetched, cut bool) {
	d := decoder{end: b.HighWaterMarkOffset}
	d.f = Fetched{
		Next:          offset,
		HighWaterMark: b.HighWaterMarkOffset,
		LastStable:    b.LastStableOffset,
		LogStart:      b.LogStartOffset,
		Epoch:         -1,
	}
	if readCommitted {
		d.end = b.LastStableOffset
		d.aborted = newAborted(b.AbortedTransactions)
	}
	d.f.Records = make([]Record, 0, countRecords(b))
	for _, r := range b.RecordsSet {
		switch {
		case r.RecordBatch != nil:
			if r.RecordBatch.PartialTrailingRecord {
				return d.f, true
			}
			if !d.batch(r.RecordBatch) {
				return d.f, false
			}
		case r.MsgSet != nil:
			d.messages(r.MsgSet)
			if r.MsgSet.PartialTrailingMessage {
				return d.f, true
			}
		}
	}
	if next, ok := nextOffset(b); ok && next <= d.end {
		d.f.Next = max(d.f.Next, next)
	}
	return d.f, b.Partial
}

type decoder struct {
	end     int64    // nothing at or above it is visible
	aborted *aborted // nil: all transactions are visible
	f       Fetched
}

// batch takes in one batch (format 2). It reports false when the reader must not see it, or what follows it.
func (d *decoder) batch(b *sarama.RecordBatch) bool {
	last := b.LastOffset()
	if b.LastOffsetDelta < 0 || last >= d.end {
		return false
	}
	dropped := d.aborted.drops(b) || b.Control
	if last < d.f.Next {
		return true // below the offset asked for
	}
	d.f.Epoch = max(d.f.Epoch, b.PartitionLeaderEpoch)
	d.f.Compressed = d.f.Compressed || b.Codec != sarama.CompressionNone
	next := d.f.Next
	d.f.Next = last + 1
	if dropped {
		return true
	}
	first, newest := unixMilli(b.FirstTimestamp), unixMilli(b.MaxTimestamp)
	for _, r := range b.Records {
		o := b.FirstOffset + r.OffsetDelta
		if o < next || o > last { // below the offset asked for, or a log that is damaged
			continue
		}
		next = o + 1
		t := newest
		if !b.LogAppendTime {
			t = first + r.TimestampDelta.Milliseconds()
		}
		d.f.Records = append(d.f.Records, Record{Offset: o, Time: t, Key: r.Key, Value: r.Value})
	}
	return true
}

// messages takes in a message set (formats 0 and 1, before Kafka 0.11). A compressed one is a message that wraps a set;
// in format 1 its offsets count from 0 and the wrapper has the last one's (KIP-31).
func (d *decoder) messages(set *sarama.MessageSet) {
	for _, outer := range set.Messages {
		if outer.Msg == nil {
			continue
		}
		inner := outer.Messages()
		d.f.Compressed = d.f.Compressed || outer.Msg.Codec != sarama.CompressionNone
		var base int64
		if n := len(inner); n > 0 && outer.Msg.Set != nil && outer.Msg.Version >= 1 {
			base = outer.Offset - inner[n-1].Offset
		}
		for _, m := range inner {
			o := base + m.Offset
			if m.Msg == nil || o < d.f.Next || o >= d.end {
				continue
			}
			t := m.Msg.Timestamp
			if outer.Msg.LogAppendTime {
				t = outer.Msg.Timestamp
			}
			d.f.Records = append(d.f.Records, Record{Offset: o, Time: unixMilli(t), Key: m.Msg.Key, Value: m.Msg.Value})
			d.f.Next = o + 1
		}
	}
}

// countRecords is how many records b has at most, so that there is one allocation for all.
func countRecords(b *sarama.FetchResponseBlock) int {
	n := 0
	for _, r := range b.RecordsSet {
		if r.RecordBatch != nil && !r.RecordBatch.Control {
			n += len(r.RecordBatch.Records)
		}
	}
	return n
}

// unixMilli is -1 for the zero time, which is what sarama makes of a record without one.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}

// abortMarker is the type in the key of a control record: two bytes version, two bytes type, big endian (KIP-98).
const abortMarker = 0

// isAbort reports whether b, a control batch, ends a transaction by aborting it.
func isAbort(b *sarama.RecordBatch) bool {
	if len(b.Records) == 0 {
		return false // compacted away
	}
	key := b.Records[0].Key
	return len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == abortMarker
}
