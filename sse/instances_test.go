package sse

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// window is how far an instance's order may stray from that of production, and
// skew how far one instance may run ahead of another, records.
const (
	window = 16
	skew   = 24
)

// firstTime is the time of a log's first record, Unix milliseconds; each
// record is one millisecond newer than the one before.
const firstTime = 1_700_000_000_000

// log is what Kafka would hold: records of three partitions in one order, each
// of which every instance publishes in its own order of partitions.
type log struct {
	book    *ledger.Book
	records []ledger.Record
	next    [3]int64
	rnd     *rand.Rand
}

func newLog(seed uint64) *log {
	return &log{book: ledger.NewBook(nil), rnd: rand.New(rand.NewPCG(seed, 1))}
}

// produce appends one record of a random partition.
func (l *log) produce(t testing.TB, size int) {
	part := l.rnd.IntN(len(l.next))
	n := l.next[part]
	l.next[part]++
	r := ledger.Record{Topic: "t", Partition: int32(part), Offset: n, Value: ledger.Value("t", int32(part), n, size)}
	if err := l.book.Add(r); err != nil {
		t.Fatal(err)
	}
	l.records = append(l.records, r)
}

// instance is a publisher that reads a log in an order of its own.
type instance struct {
	*publisher
	log  *log
	low  int // every record before it has been published
	done map[int]bool
	rnd  *rand.Rand
}

func (l *log) instance(events int, seed uint64) *instance {
	return &instance{publisher: newPublisher(events, 3), log: l, done: map[int]bool{}, rnd: rand.New(rand.NewPCG(seed, 2))}
}

// pick chooses what to publish next; -1 when there is nothing. It keeps the
// order of each partition.
func (in *instance) pick() int {
	from := in.low + in.rnd.IntN(window)
	seen := map[int32]bool{}
	first := -1
	for i := in.low; i < min(in.low+window, len(in.log.records)); i++ {
		part := in.log.records[i].Partition
		if in.done[i] || seen[part] {
			continue
		}
		seen[part] = true
		if first < 0 || i <= from {
			first = i
		}
	}
	return first
}

// publishPicked publishes what pick chose.
func (in *instance) publishPicked(i int) {
	r := in.log.records[i]
	in.publishAt(int(r.Partition), r.Offset, firstTime+int64(i), string(r.Value))
	in.done[i] = true
	for ; in.done[in.low]; in.low++ {
		delete(in.done, in.low)
	}
}

// publishAll publishes what is left.
func (in *instance) publishAll() {
	for i := in.pick(); i >= 0; i = in.pick() {
		in.publishPicked(i)
	}
}

// reader is a client that follows a log, in the background, from its beginning.
func (l *log) reader(t *testing.T, in *instance, addr string, change func(*ledger.Config)) *ledger.Client {
	t.Helper()
	cfg := ledger.Config{URLs: []string{"http://" + addr + "/v2/stream/s"}, Book: l.book, LastEventID: in.id(0, 0, 0)}
	if change != nil {
		change(&cfg)
	}
	c := ledger.NewClient(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Visit(ctx, ledger.Visit{})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

// complete waits until a client has everything, and compares.
func (l *log) complete(t *testing.T, c *ledger.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.WaitUntil(ctx, l.book.End()); err != nil {
		t.Error(err)
	}
	if err := c.Check(l.book.End()); err != nil {
		t.Error(err)
	}
}

// slow is what tests of slow clients have in common: small buffers.
func slow(change func(*Config), more func(*Config)) func(*Config) {
	return func(c *Config) {
		change(c)
		c.SendBuffer = 4 << 10
		c.MinRate = 0
		more(c)
	}
}

func tiny(c *ledger.Config) { c.ReceiveBuffer, c.StartPaused = 2048, true }
