package raw

import (
	"testing"

	"github.com/IBM/sarama"
)

func TestFetchTransactions(t *testing.T) {
	k := startKafka(t, 1, 1)
	a := newProducer(t, k, transactional("a"))
	b := newProducer(t, k, transactional("b"))
	plain := newProducer(t, k, nil)
	a.transact(true, part, "a0", "a1")   // 0-1, marker 2
	a.transact(false, part, "lost")      // 3, marker 4
	if err := b.BeginTxn(); err != nil { // b is open around what follows
		t.Fatal(err)
	}
	b.send(part, "b0")                    // 5
	plain.send(part, "p0")                // 6
	a.transact(false, part, "lost")       // 7, marker 8
	a.transact(true, part, "a2")          // 9, marker 10
	if err := b.CommitTxn(); err != nil { // marker 11
		t.Fatal(err)
	}
	a.transact(false, part, "lost", "lost") // 12-13, marker 14

	c := newClient(t, k.ListenAddrs()...)
	f := func(name string, opt FetchOptions, from int64, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			opt.LeaderEpoch = -1
			records, next := fetchAll(t, c, part, from, opt)
			wantValues(t, records, want...)
			if next != 15 {
				t.Fatalf("stopped at %d, want 15", next)
			}
		})
	}
	committed := []string{"a0", "a1", "b0", "p0", "a2"}
	f("committed", FetchOptions{ReadCommitted: true}, 0, committed...)
	f("committed, one batch a time", FetchOptions{ReadCommitted: true, MaxBytes: 1}, 0, committed...)
	f("committed, from inside an aborted one", FetchOptions{ReadCommitted: true}, 13)
	f("committed, from a marker", FetchOptions{ReadCommitted: true}, 8, "a2")
	f("uncommitted", FetchOptions{}, 0, "a0", "a1", "lost", "b0", "p0", "lost", "a2", "lost", "lost")
}

func TestFetchOpenTransaction(t *testing.T) {
	k := startKafka(t, 1, 1)
	a := newProducer(t, k, transactional("a"))
	plain := newProducer(t, k, nil)
	a.transact(true, part, "a0") // 0, marker 1
	if err := a.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	a.send(part, "a1")     // 2
	plain.send(part, "p0") // 3

	c := newClient(t, k.ListenAddrs()...)
	records, next := fetchAll(t, c, part, 0, FetchOptions{ReadCommitted: true, LeaderEpoch: -1})
	wantValues(t, records, "a0")
	if next != 2 {
		t.Fatalf("read to %d, want 2: the transaction is open", next)
	}
	f, err := c.Fetch(t.Context(), part, 1, FetchOptions{ReadCommitted: true, LeaderEpoch: -1})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Records) != 0 || f.Next != 2 || f.LastStable != 2 || f.HighWaterMark != 4 {
		t.Fatalf("got %+v, want the marker to be passed", f)
	}
	for readCommitted, want := range map[bool]int64{true: 2, false: 4} {
		o, err := c.Offsets(t.Context(), []TP{part}, sarama.OffsetNewest, readCommitted)
		if err != nil || o[part].Err != nil || o[part].Offset != want {
			t.Fatalf("newest is %+v, %v; want %d", o[part], err, want)
		}
	}
	if err := a.CommitTxn(); err != nil {
		t.Fatal(err)
	}
	records, next = fetchAll(t, c, part, 2, FetchOptions{ReadCommitted: true, LeaderEpoch: -1})
	wantValues(t, records, "a1", "p0")
	if next != 5 {
		t.Fatalf("read to %d, want 5", next)
	}
}

// TestDecodeAborted has what no transaction coordinator lets a test arrange.
func TestDecodeAborted(t *testing.T) {
	batch := func(first, producer int64) *sarama.Records {
		return &sarama.Records{RecordBatch: &sarama.RecordBatch{
			FirstOffset: first, ProducerID: producer, IsTransactional: true,
			Records: []*sarama.Record{{Value: []byte{byte('0' + first)}}},
		}}
	}
	marker := func(first, producer int64, key ...byte) *sarama.Records {
		r := batch(first, producer)
		r.RecordBatch.Control = true
		r.RecordBatch.Records[0].Key = key
		return r
	}
	f := func(name string, b sarama.FetchResponseBlock, offset, next int64, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			got, cut := decodeBlock(&b, offset, true)
			wantValues(t, got.Records, want...)
			if got.Next != next || cut {
				t.Fatalf("next is %d, cut %v; want %d", got.Next, cut, next)
			}
		})
	}
	abort, commit := []byte{0, 0, 0, 0}, []byte{0, 0, 0, 1}
	f("list not sorted", sarama.FetchResponseBlock{
		LastStableOffset:    9,
		AbortedTransactions: []*sarama.AbortedTransaction{{ProducerID: 1, FirstOffset: 4}, {ProducerID: 1, FirstOffset: 0}},
		RecordsSet: []*sarama.Records{
			batch(0, 1), marker(1, 1, abort...), batch(2, 1), marker(3, 1, commit...), batch(4, 1), marker(5, 1, abort...), batch(6, 1),
		},
	}, 0, 7, "2", "6")
	f("marker below the offset", sarama.FetchResponseBlock{
		LastStableOffset:    9,
		AbortedTransactions: []*sarama.AbortedTransaction{{ProducerID: 1, FirstOffset: 0}},
		RecordsSet:          []*sarama.Records{batch(0, 1), marker(1, 1, abort...), batch(2, 1)},
	}, 2, 3, "2")
	f("all below the offset", sarama.FetchResponseBlock{
		LastStableOffset: 9,
		RecordsSet:       []*sarama.Records{batch(0, 1), batch(1, 1)},
	}, 3, 3)
	f("batches beyond the last stable offset", sarama.FetchResponseBlock{
		LastStableOffset: 2, HighWaterMarkOffset: 9,
		RecordsSet: []*sarama.Records{batch(0, 1), batch(1, 1), batch(2, 1)},
	}, 0, 2, "0", "1")
	f("markers that are short or empty", sarama.FetchResponseBlock{
		LastStableOffset: 9,
		RecordsSet:       []*sarama.Records{marker(0, 1, 0, 0), {RecordBatch: &sarama.RecordBatch{FirstOffset: 1, Control: true}}, {}},
	}, 0, 2)
	f("negative span", sarama.FetchResponseBlock{
		LastStableOffset: 9,
		RecordsSet:       []*sarama.Records{batch(0, 1), {RecordBatch: &sarama.RecordBatch{FirstOffset: 1, LastOffsetDelta: -5}}},
	}, 0, 1, "0")
}

func TestDecodeMessageSets(t *testing.T) {
	message := func(offset int64, value string) *sarama.MessageBlock {
		return &sarama.MessageBlock{Offset: offset, Msg: &sarama.Message{Version: 1, Value: []byte(value)}}
	}
	wrapped := &sarama.MessageBlock{Offset: 12, Msg: &sarama.Message{
		Version: 1, Set: &sarama.MessageSet{Messages: []*sarama.MessageBlock{message(0, "c"), message(1, "d"), message(2, "e")}},
	}}
	b := &sarama.FetchResponseBlock{HighWaterMarkOffset: 13, RecordsSet: []*sarama.Records{
		{MsgSet: &sarama.MessageSet{Messages: []*sarama.MessageBlock{message(8, "a"), message(9, "b"), wrapped, {Offset: 3}}}},
	}}
	got, _ := decodeBlock(b, 9, false)
	wantValues(t, got.Records, "b", "c", "d", "e")
	if got.Records[1].Offset != 10 || got.Next != 13 || got.Records[0].Time != -1 {
		t.Fatalf("got %+v", got)
	}
}
