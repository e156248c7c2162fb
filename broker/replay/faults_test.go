package replay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

// transact writes n records in a transaction. end is nil for one that stays open.
func transact(t testing.TB, p *kgo.Client, part int32, end func(context.Context, kgo.TransactionEndTry) error, commit bool, values ...string) {
	t.Helper()
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	var rs []*kgo.Record
	for _, v := range values {
		rs = append(rs, &kgo.Record{Topic: topic, Partition: part, Value: []byte(v)})
	}
	if err := p.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if end != nil {
		if err := end(t.Context(), kgo.TransactionEndTry(commit)); err != nil {
			t.Fatal(err)
		}
	}
}

func newTransactional(t testing.TB, k *kfake.Cluster, id string) *kgo.Client {
	t.Helper()
	p, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestTransactions(t *testing.T) {
	k := startKafka(t, 1)
	tx := newTransactional(t, k, "a")
	transact(t, tx, 0, tx.EndTransaction, true, "a0", "a1") // 0-1, marker 2
	transact(t, tx, 0, tx.EndTransaction, false, "x", "x")  // 3-4, marker 5
	transact(t, tx, 0, tx.EndTransaction, true, "a2")       // 6, marker 7
	transact(t, tx, 0, tx.EndTransaction, false, "x")       // 8, marker 9
	c, _ := newCache(t, k, 1, nil)
	f := func(from, to int64, last Kind, want ...string) {
		t.Helper()
		r := c.Open([]Range{whole(0, from, to)})
		defer r.Close()
		all := readAll(t, r)
		if got := events(all, 0); !slices.Equal(got, want) {
			t.Errorf("[%d,%d): got %q, want %q", from, to, got, want)
		}
		if l := all[len(all)-1]; l.Next != to || l.Kind != last {
			t.Errorf("[%d,%d): ended with %+v", from, to, l)
		}
	}
	f(0, 10, Advance, "a0", "a1", "a2")
	f(0, 2, Event, "a0", "a1")
	f(1, 7, Event, "a1", "a2")
	f(2, 6, Advance)
	f(8, 10, Advance)
	f(4, 5, Advance)
}

func TestOpenTransactionDoesNotStopOthers(t *testing.T) {
	k := startKafka(t, 2)
	p := newProducer(t, k)
	fill(t, p, 0, 10, 20, 5)
	fill(t, p, 1, 3000, 200, 100)
	tx := newTransactional(t, k, "a")
	transact(t, tx, 0, nil, false, "later") // 10
	fill(t, p, 0, 5, 20, 5)                 // 11-15

	c, _ := newCache(t, k, 1, nil)
	r := c.Open([]Range{whole(0, 0, 16), whole(1, 0, 3000)})
	defer r.Close()
	var all []Item
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	for r.Position(1) < 3000 {
		items, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items...)
	}
	if r.Position(0) != 10 {
		t.Fatalf("at %d, want the last stable offset 10", r.Position(0))
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if items, err := r.Next(short); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) || !r.Waiting() {
		t.Fatalf("got %v, %v; waiting %v", items, err, r.Waiting())
	}
	eventually(t, "a reader that waits for a transaction holds no permit", func() bool { return c.stats.Active.Load() == 0 })
	if err := tx.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	all = append(all, readRest(t, r)...)
	want := append(numbers(0, 0, 10), "later")
	if got := events(all, 0); !slices.Equal(got, append(want, numbers(0, 0, 5)...)) {
		t.Fatalf("got %q", got)
	}
}

// readRest is readAll for a reader that has begun.
func readRest(t testing.TB, r *Reader) (all []Item) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	for {
		items, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items...)
	}
}

func TestReadsOnWhereTheLogGrows(t *testing.T) {
	k := startKafka(t, 1)
	p := newProducer(t, k)
	c, _ := newCache(t, k, 1, nil)
	r := c.Open([]Range{whole(0, 0, 6000)})
	defer r.Close()
	go func() {
		for n := 0; n < 6000; n += 100 {
			var rs []*kgo.Record
			for i := range 100 {
				rs = append(rs, event(0, n+i, 50))
			}
			if p.ProduceSync(t.Context(), rs...).FirstErr() != nil {
				return
			}
		}
	}()
	all := readAll(t, r)
	if got := events(all, 0); !slices.Equal(got, numbers(0, 0, 6000)) {
		t.Fatalf("got %d events", len(got))
	}
}

func TestCompacted(t *testing.T) {
	policy := "compact"
	k := startKafka(t, 1)
	admin := newProducer(t, k)
	req := kmsg.NewPtrCreateTopicsRequest()
	ct := kmsg.NewCreateTopicsRequestTopic()
	ct.Topic, ct.NumPartitions, ct.ReplicationFactor = "compact", 1, 1
	cc := kmsg.NewCreateTopicsRequestTopicConfig()
	cc.Name, cc.Value = "cleanup.policy", &policy
	ct.Configs = append(ct.Configs, cc)
	req.Topics = append(req.Topics, ct)
	if resp, err := req.RequestWith(t.Context(), admin); err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatal(resp, err)
	}
	const n = 9000
	last := map[string]int{}
	for at := 0; at < n; at += 90 {
		var rs []*kgo.Record
		for i := at; i < at+90; i++ {
			e := event(0, i, 60)
			e.Topic, e.Key, e.Timestamp = "compact", []byte{byte(i % 7)}, time.Now() // older ones expire
			if i == 4000 {
				e.Key = []byte("alone")
			}
			last[string(e.Key)] = i
			rs = append(rs, e)
		}
		if err := admin.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	k.Compact()
	c, _ := newCache(t, k, 2, nil)
	r := c.Open([]Range{{Rules: anything, Topic: "compact", From: 100, To: n}})
	defer r.Close()
	all := readAll(t, r)
	got := events(all, 0)
	if len(got) > 200 || !slices.Contains(got, "0/4000") || r.Position(0) != n {
		t.Fatalf("got %d events, at %d", len(got), r.Position(0))
	}
	for _, i := range last {
		if !slices.Contains(got, numbers(0, int64(i), int64(i)+1)[0]) {
			t.Errorf("%d is missing", i)
		}
	}
	if chunks := c.stats.Misses.Load(); chunks > 4 {
		t.Errorf("%d reads, want empty chunks to be jumped", chunks)
	}
}

func deleteRecords(t testing.TB, p *kgo.Client, part int32, before int64) {
	t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = part, before
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), p)
	if err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatal(resp, err)
	}
}

func TestExpired(t *testing.T) {
	k := startKafka(t, 1)
	p := newProducer(t, k)
	fill(t, p, 0, 7000, 100, 100)
	deleteRecords(t, p, 0, 3100)
	f := func(from, to, start int64) {
		t.Helper()
		c, _ := newCache(t, k, 1, nil)
		r := c.Open([]Range{whole(0, from, to)})
		defer r.Close()
		all := readAll(t, r)
		if from < start {
			if g := all[0]; g.Kind != Gap || g.Reason != Expired || g.Offset != from || g.Next != min(start, to) {
				t.Errorf("[%d,%d): began with %+v", from, to, g)
			}
		}
		if got := events(all, 0); !slices.Equal(got, numbers(0, max(from, start), max(to, start))) {
			t.Errorf("[%d,%d): got %d events", from, to, len(got))
		}
	}
	f(0, 7000, 3100)
	f(2500, 4000, 3100)
	f(100, 200, 3100)
	f(3000, 3100, 3100)
	f(3100, 3200, 3100)
	f(3500, 7000, 3100)
}

func TestExpiresUnderAReader(t *testing.T) {
	k := startKafka(t, 1)
	p := newProducer(t, k)
	fill(t, p, 0, 20000, 100, 100)
	c, _ := newCache(t, k, 1, func(cfg *Config) { cfg.Bytes = 1 << 20 })
	r := c.Open([]Range{whole(0, 0, 20000)})
	defer r.Close()
	items, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Clone(items)
	deleteRecords(t, p, 0, 15000)
	all = append(all, readRest(t, r)...)
	check(t, r, all)
	i := slices.IndexFunc(all, func(it Item) bool { return it.Kind == Gap })
	if i < 0 || all[i].Next != 15000 {
		t.Fatal("no gap up to 15000")
	}
	want := append(numbers(0, 0, all[i].Offset), numbers(0, 15000, 20000)...)
	if got := events(all, 0); !slices.Equal(got, want) {
		t.Fatalf("got %d events, want %d", len(got), len(want))
	}
}

func TestLargeRecordsAndBatches(t *testing.T) {
	k := startKafka(t, 1)
	plain, zstd := newProducer(t, k), newProducer(t, k, kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	fill(t, plain, 0, 10, 30, 10)
	big := bytes.Repeat([]byte("a"), 3<<20)
	if err := zstd.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: big}, &kgo.Record{Topic: topic, Value: big}).FirstErr(); err != nil {
		t.Fatal(err) // 10-11, a batch of 6 MiB
	}
	if err := plain.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: big[:100_000]}).FirstErr(); err != nil {
		t.Fatal(err) // 12
	}
	fill(t, plain, 0, 5, 30, 5)
	c, _ := newCache(t, k, 1, nil)
	f := func(from, asked int64) {
		t.Helper()
		g := whole(0, from, 18)
		g.Rules.MaxEvent = 50_000
		r := c.Open([]Range{g})
		defer r.Close()
		all := readAll(t, r)
		var gaps []Item
		for _, it := range all {
			if it.Kind == Gap {
				gaps = append(gaps, it)
			}
		}
		if len(gaps) != 2 || gaps[0].Offset != asked || gaps[0].Next != 12 || gaps[1].Offset != 12 || gaps[1].Next != 13 || gaps[0].Reason != TooLarge || gaps[1].Reason != TooLarge {
			t.Fatalf("gaps %+v", gaps)
		}
	}
	f(0, 10)
	f(11, 11)
}

func TestRules(t *testing.T) {
	k := startKafka(t, 1)
	p := newProducer(t, k)
	values := []string{`{"a":1}`, `no`, `{"meta":{}}`, ``}
	for i, v := range values {
		if err := p.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(v), Key: []byte{byte(i)}}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := newCache(t, k, 1, nil)
	f := func(rules Rules, want ...string) {
		t.Helper()
		g := whole(0, 0, 4)
		g.Rules = rules
		r := c.Open([]Range{g})
		defer r.Close()
		var got []string
		for _, it := range readAll(t, r) {
			if it.Kind == Event {
				got = append(got, string(it.Value))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, want %q", rules, got, want)
		}
	}
	f(Rules{}, values[0], values[2])
	f(Rules{Format: record.Text}, values...)
	f(Rules{Format: record.Base64}, "eyJhIjoxfQ==", "bm8=", "eyJtZXRhIjp7fX0=", "")
	f(Rules{Annotate: record.Meta},
		`{"a":1,"meta":{"topic":"events","partition":0,"offset":0,"key":"\u0000"}}`,
		`{"meta":{"topic":"events","partition":0,"offset":2,"key":"\u0002"}}`)
	if n := c.stats.Skipped[record.InvalidJSON].Load(); n != 2 {
		t.Errorf("%d counted as no JSON, want 2: one for each of the rules", n)
	}
	if n := c.stats.Misses.Load(); n != 4 {
		t.Errorf("%d reads, want one for each of the rules", n)
	}
}

func TestTopicCreatedAgain(t *testing.T) {
	k := startKafka(t, 1)
	p := newProducer(t, k)
	fill(t, p, 0, 50, 30, 50)
	c, _ := newCache(t, k, 1, nil)
	old := whole(0, 0, 50)
	old.TopicID[0] = 1
	read := func(g Range) []string {
		r := c.Open([]Range{g})
		defer r.Close()
		return events(readAll(t, r), 0)
	}
	if got := read(old); !slices.Equal(got, numbers(0, 0, 50)) {
		t.Fatalf("got %q", got)
	}
	del := kmsg.NewPtrDeleteTopicsRequest()
	dt := kmsg.NewDeleteTopicsRequestTopic()
	dt.Topic = kmsg.StringPtr(topic)
	del.Topics, del.TopicNames = append(del.Topics, dt), []string{topic}
	if _, err := del.RequestWith(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	again := kmsg.NewPtrCreateTopicsRequest()
	ct := kmsg.NewCreateTopicsRequestTopic()
	ct.Topic, ct.NumPartitions, ct.ReplicationFactor = topic, 1, 1
	again.Topics = append(again.Topics, ct)
	if resp, err := again.RequestWith(t.Context(), p); err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatal(resp, err)
	}
	q := newProducer(t, k)
	for i := range 50 {
		if err := q.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(strings.Repeat("n", i+1))}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	anew := old
	anew.TopicID[0] = 2
	if got := read(anew); len(got) != 50 || got[0] != "n" {
		t.Fatalf("got %q: the old log", got)
	}
}

func TestKafkaAway(t *testing.T) {
	k := startKafka(t, 1)
	p := newProducer(t, k)
	fill(t, p, 0, 100, 30, 100)
	c, _ := newCache(t, k, 1, nil)
	var back atomic.Bool
	k.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if back.Load() {
			return nil, nil, false
		}
		return nil, errors.New("cut"), true
	})
	r := c.Open([]Range{whole(0, 0, 100)})
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := r.Next(ctx)
	if !errors.Is(err, ErrUnavailable) || !raw.Retriable(err) {
		t.Fatalf("got %v", err)
	}
	back.Store(true)
	if got := events(readAll(t, r), 0); !slices.Equal(got, numbers(0, 0, 100)) {
		t.Fatalf("got %d events", len(got))
	}
}

func TestUnknownTopic(t *testing.T) {
	k := startKafka(t, 1)
	c, _ := newCache(t, k, 1, nil)
	g := whole(0, 0, 10)
	g.Topic = "nowhere"
	r := c.Open([]Range{g})
	defer r.Close()
	_, err := r.Next(t.Context())
	var re *RangeError
	if !errors.As(err, &re) || re.Range != 0 || !errors.Is(err, raw.ErrUnknownTopic) {
		t.Fatalf("got %v", err)
	}
}
