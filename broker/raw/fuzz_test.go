package raw

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fuzzEnd is the end of the log that FuzzFetch makes up, and fuzzStable its last
// stable offset.
const fuzzEnd, fuzzStable = 1 << 20, 1 << 19

// fuzzMemory is what one fetch may allocate, in bytes, whatever comes: the
// response five times over while less and less is asked for, inflated up to
// maxBatch each time, and what decompressors need.
const fuzzMemory = 64 << 20

// FuzzFetch: whatever batches a broker sends, they are an error that says what
// is wrong with them, or records of the range asked for, in order; nothing
// panics and memory is bounded. With sums the checksums are made right, so that
// what is behind them is reached too.
func FuzzFetch(f *testing.F) {
	for _, batches := range fuzzBatches(f) {
		f.Add(batches, uint32(0), false, false)
		f.Add(batches, uint32(1), true, true)
	}
	f.Add(slices.Concat(emptyBatch(0, 10), emptyBatch(10, 10)), uint32(7), true, true)
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x16\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00"), uint32(0), false, false)
	k := startKafka(f, 1, 1)
	var answer atomic.Pointer[[]byte]
	k.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		fetch := req.(*kmsg.FetchRequest)
		resp := fetch.ResponseKind().(*kmsg.FetchResponse)
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = fetch.Topics[0].Topic
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.LastStableOffset = fuzzEnd, fuzzStable
		p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 7, FirstOffset: 3}}
		p.RecordBatches = *answer.Load()
		topic.Partitions = append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	c := New(Config{Brokers: k.ListenAddrs(), MaxBatch: maxBatch, Sarama: func() *sarama.Config {
		conf := testConfig()
		conf.Net.DialTimeout, conf.Net.ReadTimeout = time.Minute, time.Minute // a busy machine
		return conf
	}})
	f.Cleanup(c.Close)
	at := leader{addr: k.ListenAddrs()[0], epoch: -1}
	f.Fuzz(func(t *testing.T, batches []byte, from uint32, committed, sums bool) {
		if sums {
			batches = resumAll(slices.Clone(batches))
		}
		answer.Store(&batches)
		offset, end := int64(from%fuzzEnd), int64(fuzzEnd)
		if committed {
			end = fuzzStable
		}
		before := allocated()
		got, err := c.fetchFrom(t.Context(), at, part, offset, FetchOptions{LeaderEpoch: -1, ReadCommitted: committed})
		if n := allocated() - before; n > fuzzMemory {
			t.Errorf("%d bytes were allocated for %d of batches", n, len(batches))
		}
		if err != nil {
			cut := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) // compressed data that end too early
			if !errors.Is(err, ErrBatchTooLarge) && !errors.Is(err, ErrBatchUnreadable) && !errors.Is(err, ErrBatchIncomplete) && !cut {
				t.Fatalf("the error does not say what is wrong with the batch: %v", err)
			}
			return
		}
		if got.Next < offset || got.Next > max(offset, end) {
			t.Fatalf("next is %d, asked for %d, the end is %d", got.Next, offset, end)
		}
		next := offset
		for _, r := range got.Records {
			if r.Offset < next || r.Offset >= got.Next {
				t.Fatalf("record %d comes where %d or more is due, next is %d", r.Offset, next, got.Next)
			}
			next = r.Offset + 1
		}
	})
}

// fuzzBatches are batches as a producer writes them: of every codec, in a
// transaction, and its markers.
func fuzzBatches(f *testing.F) (all [][]byte) {
	f.Helper()
	k := startKafka(f, 1, 1)
	k.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		all = append(all, slices.Clone(req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records))
		return nil, nil, false
	})
	for codec := sarama.CompressionNone; codec <= sarama.CompressionZSTD; codec++ {
		newProducer(f, k, func(conf *sarama.Config) { conf.Producer.Compression = codec }).send(part, numbered("a", 20)...)
	}
	newProducer(f, k, transactional("t")).transact(false, part, "a", "b")
	for _, key := range []string{"\x00\x00\x00\x00", "\x00\x00\x00\x01"} { // aborted, committed
		marker := kmsg.Record{Key: []byte(key), Value: []byte("\x00\x00\x00\x00\x00\x00")}
		marker.Length = int32(len(marker.AppendTo(nil)) - 1)
		all = append(all, encodeBatch(kmsg.RecordBatch{Attributes: 0x30, ProducerID: 7, NumRecords: 1, Records: marker.AppendTo(nil)}))
	}
	return append(all, slices.Concat(all...))
}

// resumAll makes the checksums of batches right, as far as they are whole.
func resumAll(raw []byte) []byte {
	for at := raw; len(at) >= 61; {
		n := int(int32(binary.BigEndian.Uint32(at[8:]))) + 12
		if n < 61 || n > len(at) {
			break
		}
		binary.BigEndian.PutUint32(at[17:], crc32.Checksum(at[21:n], crc32.MakeTable(crc32.Castagnoli)))
		at = at[n:]
	}
	return raw
}

// allocated is how many bytes this process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
