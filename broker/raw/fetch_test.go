package raw

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestFetchCodecs(t *testing.T) {
	f := func(codec sarama.CompressionCodec) {
		t.Helper()
		t.Run(codec.String(), func(t *testing.T) {
			k := startKafka(t, 1, 1)
			p := newProducer(t, k, func(conf *sarama.Config) { conf.Producer.Compression = codec })
			p.send(part, numbered("a", 100)...)
			p.send(part, numbered("b", 50)...)
			c := newClient(t, k.ListenAddrs()...)
			records, next := fetchAll(t, c, part, 7, FetchOptions{LeaderEpoch: -1})
			wantValues(t, records, append(numbered("a", 100)[7:], numbered("b", 50)...)...)
			if next != 150 || records[0].Offset != 7 {
				t.Fatalf("read %d to %d, want 7 to 150", records[0].Offset, next)
			}
		})
	}
	f(sarama.CompressionNone)
	f(sarama.CompressionGZIP)
	f(sarama.CompressionSnappy)
	f(sarama.CompressionLZ4)
	f(sarama.CompressionZSTD)
}

func TestFetchKeysTimesAndNulls(t *testing.T) {
	k := startKafka(t, 1, 1)
	p := newProducer(t, k, nil)
	when := time.UnixMilli(1741964966535)
	msgs := []*sarama.ProducerMessage{
		{Topic: topic, Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("v"), Timestamp: when},
		{Topic: topic, Key: sarama.StringEncoder(""), Value: nil, Timestamp: when.Add(time.Second)},
	}
	if err := p.SendMessages(msgs); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, k.ListenAddrs()...)
	fetched, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
	if err != nil {
		t.Fatal(err)
	}
	a, b := fetched.Records[0], fetched.Records[1]
	if string(a.Key) != "k" || string(a.Value) != "v" || a.Time != when.UnixMilli() {
		t.Fatalf("got %+v", a)
	}
	if b.Key == nil || b.Value != nil || b.Time != when.UnixMilli()+1000 {
		t.Fatalf("got %+v, want an empty key, a null value, one second later", b)
	}
}

func TestFetchRecordTime(t *testing.T) {
	f := func(name string, attributes int16, first, newest, want int64) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			k := startKafka(t, 1, 1)
			record := kmsg.Record{Value: []byte("v"), TimestampDelta64: 5}
			record.Length = int32(len(record.AppendTo(nil)) - 1)
			raw := encodeBatch(kmsg.RecordBatch{
				Attributes: attributes, FirstTimestamp: first, MaxTimestamp: newest, NumRecords: 1, Records: record.AppendTo(nil),
			})
			answerFetches(k, 1, func(int64, int32) []byte { return raw })
			got, err := newClient(t, k.ListenAddrs()...).Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Records) != 1 || got.Records[0].Time != want {
				t.Fatalf("got %+v, want time %d", got.Records, want)
			}
		})
	}
	f("CreateTime", 0, 1000, 9000, 1005)
	f("LogAppendTime", 8, 1000, 9000, 9000)
	f("none", 0, -1, -1, 4) // -1 and the delta of 5
}

func TestFetchAtTheEnd(t *testing.T) {
	k := startKafka(t, 1, 1)
	p := newProducer(t, k, nil)
	p.send(part, "a", "b")
	c := newClient(t, k.ListenAddrs()...)
	f, err := c.Fetch(t.Context(), part, 2, FetchOptions{LeaderEpoch: -1, MaxWait: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Records) != 0 || f.Next != 2 || f.HighWaterMark != 2 || f.Epoch != -1 {
		t.Fatalf("got %+v, want nothing at 2", f)
	}
}

func TestFetchBatchLargerThanMaxBytes(t *testing.T) {
	k := startKafka(t, 1, 1)
	p := newProducer(t, k, nil)
	large := string(bytes.Repeat([]byte("x"), 100_000))
	p.send(part, large)
	p.send(part, "next")
	records, _ := fetchAll(t, newClient(t, k.ListenAddrs()...), part, 0, FetchOptions{MaxBytes: 100, LeaderEpoch: -1})
	wantValues(t, records, large, "next")
}

func TestFetchEmptyBatches(t *testing.T) {
	f := func(name string, wantNext int64, batches func(offset int64, maxBytes int32) []byte) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			k := startKafka(t, 1, 1)
			answerFetches(k, 2000, batches)
			got, err := newClient(t, k.ListenAddrs()...).Fetch(t.Context(), part, 10, FetchOptions{LeaderEpoch: -1})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Records) != 0 || got.Next != wantNext {
				t.Fatalf("got %d records and next %d, want none and %d", len(got.Records), got.Next, wantNext)
			}
		})
	}
	f("one", 1000, func(int64, int32) []byte { return emptyBatch(0, 1000) })
	f("two", 2000, func(int64, int32) []byte { return slices.Concat(emptyBatch(0, 1000), emptyBatch(1000, 1000)) })
	f("before one that is cut", 1000, func(_ int64, maxBytes int32) []byte {
		if maxBytes == 1 {
			return emptyBatch(0, 1000)
		}
		cut := emptyBatch(1000, 1000)
		cut[11] += 100 // its length
		return slices.Concat(emptyBatch(0, 1000), cut)
	})
	f("before half a header", 1000, func(int64, int32) []byte {
		return slices.Concat(emptyBatch(0, 1000), emptyBatch(1000, 1000)[:30])
	})
	f("beyond the end", 10, func(int64, int32) []byte { return emptyBatch(0, 3000) })
	f("none", 10, func(int64, int32) []byte { return []byte{} })
}

// TestFetchCutBatch: the header of a batch that is cut off at the end of a response proves nothing.
func TestFetchCutBatch(t *testing.T) {
	k := startKafka(t, 1, 1)
	record := kmsg.Record{Value: []byte("v")}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	whole := encodeBatch(kmsg.RecordBatch{NumRecords: 1, Records: record.AppendTo(nil)})
	cut := emptyBatch(1, 10)
	cut[11] += 100 // its length
	answerFetches(k, 2000, func(int64, int32) []byte { return slices.Concat(whole, cut) })
	got, err := newClient(t, k.ListenAddrs()...).Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
	if err != nil {
		t.Fatal(err)
	}
	wantValues(t, got.Records, "v")
	if got.Next != 1 {
		t.Fatalf("next is %d, want 1", got.Next)
	}
}

func TestFetchMalformed(t *testing.T) {
	f := func(name string, raw []byte) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			k := startKafka(t, 1, 1)
			answerFetches(k, 2000, func(int64, int32) []byte { return raw })
			_, err := newClient(t, k.ListenAddrs()...).Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
			if !errors.Is(err, ErrBatchUnreadable) || Retriable(err) {
				t.Fatalf("got %v, want ErrBatchUnreadable", err)
			}
		})
	}
	checksum := emptyBatch(0, 10)
	checksum[25]++
	f("checksum", checksum)
	negative := emptyBatch(0, 10)
	negative[8] = 0xff
	f("negative length", negative)
	f("unknown codec", func() []byte {
		b := emptyBatch(0, 10)
		b[22] |= 7
		return resum(b)
	}())
	for codec := sarama.CompressionGZIP; codec <= sarama.CompressionZSTD; codec++ {
		f("no "+codec.String(), encodeBatch(kmsg.RecordBatch{Attributes: int16(codec), NumRecords: 1, Records: []byte("what no decoder takes")}))
	}
}

// TestFetchIncomplete: a batch that sarama takes for cut off, because it has more records than bytes, is neither lost
// nor delivered in part, and comes when more is written.
func TestFetchIncomplete(t *testing.T) {
	k := startKafka(t, 1, 1)
	equal := make([]string, 2000)
	batch := make([]*sarama.ProducerMessage, len(equal))
	when := time.UnixMilli(1741964966535)
	for i := range batch {
		equal[i] = "x"
		batch[i] = &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x"), Timestamp: when}
	}
	p := newProducer(t, k, func(conf *sarama.Config) {
		conf.Producer.Compression = sarama.CompressionZSTD
		conf.Producer.Flush.Messages = len(batch)
		conf.Producer.Flush.Frequency = time.Minute
	})
	if err := p.SendMessages(batch); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, k.ListenAddrs()...)
	_, err := c.Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
	if !errors.Is(err, ErrBatchIncomplete) || !Retriable(err) {
		t.Fatalf("got %v, want ErrBatchIncomplete", err)
	}
	if next, err := c.SkipBatch(t.Context(), part, 0, false); next != 0 || err != nil {
		t.Fatalf("skipped to %d, %v", next, err)
	}
	more := string(bytes.Repeat([]byte("y"), 2000))
	newProducer(t, k, nil).send(part, more)
	records, _ := fetchAll(t, c, part, 0, FetchOptions{MaxBytes: 10, LeaderEpoch: -1})
	wantValues(t, records, append(slices.Clone(equal), more)...)
}

// TestFetchSharesTheResponse: the values of a batch lie in one piece of memory, as they came.
func TestFetchSharesTheResponse(t *testing.T) {
	k := startKafka(t, 1, 1)
	p := newProducer(t, k, nil)
	value := string(bytes.Repeat([]byte("x"), 1000))
	p.send(part, slices.Repeat([]string{value}, 200)...)
	f, err := newClient(t, k.ListenAddrs()...).Fetch(t.Context(), part, 0, FetchOptions{LeaderEpoch: -1})
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(f.Records[i].Value))) }
	first, last := at(0), at(len(f.Records)-1)
	if len(f.Records) != 200 || last-first < 199*1000 || last-first > 200*1100 {
		t.Fatalf("%d values, the last is %d bytes after the first", len(f.Records), last-first)
	}
}

func TestDecodeAllocations(t *testing.T) {
	batch := &sarama.RecordBatch{Version: 2, LastOffsetDelta: 999}
	for i := range int64(1000) {
		batch.Records = append(batch.Records, &sarama.Record{OffsetDelta: i, Value: make([]byte, 1000)})
	}
	b := &sarama.FetchResponseBlock{HighWaterMarkOffset: 1000, RecordsSet: []*sarama.Records{{RecordBatch: batch}}}
	if n := testing.AllocsPerRun(100, func() { decodeBlock(b, 0, false) }); n > 1 {
		t.Fatalf("%v allocations for 1000 records, want 1", n)
	}
}
