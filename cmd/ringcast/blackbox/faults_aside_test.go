//go:build kafka && faults

package blackbox

import (
	"bytes"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// aside is another stream of the instances of a siege, under a load of its own,
// to which something happens.
type aside struct {
	*scene     // with a book of its own: the siege gets none of it
	l          *siege
	topic      string
	partitions int32
	w          *writer
	stop       func()
	clients    []*follower // one at each instance
}

// aside begins, and returns when records flow.
func (l *siege) aside(stream, topic string, partitions int32, rate float64) *aside {
	l.t.Helper()
	a := &aside{scene: newScene(l.t, l.c), l: l, topic: topic, partitions: partitions}
	for _, in := range []*instance{l.one, l.two} {
		a.clients = append(a.clients, follow(l.t, a.watched.watch(ledger.Config{URLs: []string{in.url(stream)}, Book: a.book})))
	}
	for _, c := range a.clients {
		l.connected(c.Client)
	}
	a.w = a.writer(rate)
	a.stop = a.w.load(topic, partitions)
	a.flows()
	return a
}

// flows waits until its clients have some records more than are written now.
func (a *aside) flows() {
	a.t.Helper()
	mark := ledger.Positions{}
	for p := range a.partitions {
		mark[ledger.TopicPartition{Topic: a.topic, Partition: p}] = a.count(a.topic, p) + 10
	}
	eventually(a.t, settleTime, func() bool {
		end := a.book.End()
		for tp, n := range mark {
			if end[tp] < n {
				return false
			}
		}
		for _, c := range a.clients {
			if !c.Receipt().Reached(mark) {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprintf("records of %s do not arrive", a.topic) })
}

// undisturbed is a row of something that happens to this stream, and costs the
// siege nothing.
func (a *aside) undisturbed(name string, do func()) {
	a.t.Helper()
	a.l.undisturbed(name, func() string {
		a.watched.reset()
		a.w.acks.reset()
		began := time.Now()
		do()
		a.flows()
		pause := a.watched.longest()
		note := fmt.Sprintf("its own stream: longest pause %.2f s (promised %v; producer %.2f s), all over after %.2f s",
			pause.Seconds(), largeLimit, a.w.acks.longest().Seconds(), time.Since(began).Seconds())
		if pause > largeLimit {
			note += " **longer than promised**"
		}
		return note
	})
}

// end asks the ledger; the clients were told exactly these notices.
func (a *aside) end(notices ...ledger.GapNotice) {
	a.t.Helper()
	a.stop()
	exact(a.t, a.book, []ledger.Kind{ledger.Gap}, a.clients...)
	for _, c := range a.clients {
		c.toldAll(notices...)
		if n := c.Counts(); n.Connections != 1 || n.Failures+n.Refusals > 0 {
			a.t.Errorf("a client of %s: %+v", a.topic, n)
		}
	}
}

// put writes a record of so many bytes to partition 0, in a batch of its own.
func (a *aside) put(size int) {
	value := a.valueOf(a.topic, 0, size)
	offset := a.produce(nil, &kgo.Record{Topic: a.topic, Value: value})
	a.must(a.book.Add(ledger.Record{Topic: a.topic, Offset: offset, Value: value}))
}

// putBare writes one that must not become an event, and returns its offset.
func (a *aside) putBare(size int) int64 {
	value := append(append([]byte(`{"x":"`), bytes.Repeat([]byte("x"), size)...), `"}`...)
	offset := a.produce(nil, &kgo.Record{Topic: a.topic, Value: value})
	a.must(a.book.AddSkipped(a.topic, 0, offset))
	return offset
}

// bomb writes three records of 24 MiB in one batch that is small in the log, and
// returns the first offset and how many they are.
func (a *aside) bomb() (first, records int64) {
	value := append(append([]byte(`{"x":"`), bytes.Repeat([]byte("x"), 24<<20)...), `"}`...)
	var all []*kgo.Record
	for range 3 {
		all = append(all, &kgo.Record{Topic: a.topic, Value: value})
	}
	first = a.produce([]kgo.Opt{kgo.ProducerBatchCompression(kgo.ZstdCompression())}, all...)
	for i := range all {
		a.must(a.book.AddSkipped(a.topic, 0, first+int64(i)))
	}
	return first, int64(len(all))
}

// produce writes records in one batch and returns the offset of the first.
func (a *aside) produce(opts []kgo.Opt, all ...*kgo.Record) int64 {
	a.t.Helper()
	cl := a.producer(opts...)
	defer cl.Close()
	results := cl.ProduceSync(a.ctx, all...)
	a.must(results.FirstErr())
	for i, r := range results {
		if r.Record.Offset != results[0].Record.Offset+int64(i) {
			a.t.Fatalf("record %d of a batch has offset %d, the first %d", i, r.Record.Offset, results[0].Record.Offset)
		}
	}
	return results[0].Record.Offset
}

// producer connects a client that takes large records and makes one batch of
// those that it is given together.
func (s *scene) producer(opts ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(s.c.Addrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(128 << 20), kgo.BrokerMaxWriteBytes(256 << 20), kgo.MaxBufferedBytes(256 << 20), kgo.ProducerLinger(500 * time.Millisecond),
	}, opts...)...)
	s.must(err)
	return cl
}
