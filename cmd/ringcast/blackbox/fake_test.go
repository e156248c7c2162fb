package blackbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/bench/ledger"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// fake is a Kafka in the test's process, a producer that shares nothing with
// the server, and the book of what it wrote.
type fake struct {
	t    *testing.T
	opts []kfake.Opt
	book *ledger.Book
	addr string
	// secured is what a client of this Kafka needs: TLS, SASL.
	secured []kgo.Opt
	// aborted says that what a transaction wrote and took back is delivered.
	aborted bool

	mu       sync.Mutex
	cluster  *kfake.Cluster
	client   *kgo.Client
	counters map[ledger.TopicPartition]int64
}

// newFake starts a broker that ends with the test.
func newFake(t *testing.T, opts ...kfake.Opt) *fake {
	t.Helper()
	k := awayFake(t, opts...)
	k.start()
	return k
}

// awayFake is a Kafka that has not been started.
func awayFake(t *testing.T, opts ...kfake.Opt) *fake {
	return &fake{t: t, opts: append([]kfake.Opt{kfake.NumBrokers(1)}, opts...), book: ledger.NewBook(nil), counters: map[ledger.TopicPartition]int64{}}
}

// start starts the broker for the first time, and the producer.
func (k *fake) start() {
	k.t.Helper()
	k.up()
	k.addr = k.cluster.ListenAddrs()[0]
	k.client = k.connect()
	k.t.Cleanup(func() {
		k.client.Close()
		k.down()
	})
}

// up starts the broker, again when it was there before.
func (k *fake) up() {
	k.t.Helper()
	c, err := kfake.NewCluster(k.opts...)
	if err != nil {
		k.t.Fatal(err)
	}
	k.mu.Lock()
	k.cluster = c
	k.mu.Unlock()
}

// down ends the broker.
func (k *fake) down() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cluster != nil {
		k.cluster.Close()
		k.cluster = nil
	}
}

// freePort finds a port below the ones that the kernel gives to outgoing
// connections: it stays free until a broker takes it.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 15000 + rand.N(15000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		return port
	}
	t.Fatal("no free port found")
	return 0
}

// connect makes a producer that writes where it is told, at once.
func (k *fake) connect(opts ...kgo.Opt) *kgo.Client {
	k.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(k.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.MetadataMinAge(20 * time.Millisecond), kgo.RecordDeliveryTimeout(patience),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}, append(k.secured, opts...)...)...)
	if err != nil {
		k.t.Fatal(err)
	}
	return cl
}

// reconnect forgets what the producer knew of topics.
func (k *fake) reconnect() {
	k.t.Helper()
	k.client.Close()
	k.client = k.connect()
}

// next makes the next record of a partition that the ledger can recognise.
func (k *fake) next(topic string, partition int32, size int) *kgo.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	tp := ledger.TopicPartition{Topic: topic, Partition: partition}
	n := k.counters[tp]
	k.counters[tp]++
	return &kgo.Record{Topic: topic, Partition: partition, Value: ledger.Value(topic, partition, n, size)}
}

// produce writes n records of about size bytes to a partition and books them.
func (k *fake) produce(topic string, partition int32, n, size int) {
	k.t.Helper()
	var records []*kgo.Record
	for range n {
		records = append(records, k.next(topic, partition, size))
	}
	k.write(records...)
}

// write writes records, waits for the acknowledgements and books them.
func (k *fake) write(records ...*kgo.Record) {
	k.t.Helper()
	k.raw(records...)
	for _, r := range records {
		k.enter(r)
	}
}

// enter books an acknowledged record.
func (k *fake) enter(r *kgo.Record) {
	if err := k.book.Add(ledger.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Value: r.Value}); err != nil {
		k.t.Error(err)
	}
}

// raw writes records that the ledger does not hear of.
func (k *fake) raw(records ...*kgo.Record) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := k.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		k.t.Fatalf("cannot produce: %v", err)
	}
}

// create makes a topic.
func (k *fake) create(topic string, partitions int32) {
	k.t.Helper()
	if err := k.cluster.CreateTopic(topic, partitions, nil); err != nil {
		k.t.Fatal(err)
	}
}

// recreate deletes a topic and makes it anew.
func (k *fake) recreate(topic string, partitions int32) {
	k.t.Helper()
	if err := k.cluster.DeleteTopic(topic); err != nil {
		k.t.Fatal(err)
	}
	k.create(topic, partitions)
	k.book.Recreated(topic)
	k.reconnect()
}

// grow gives a topic more partitions.
func (k *fake) grow(topic string, partitions int32) {
	k.t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, partitions
	req.Topics = append(req.Topics, rt)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := req.RequestWith(ctx, k.client)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		k.t.Fatalf("cannot add partitions: %v, %+v", err, resp)
	}
	k.reconnect()
}

// transaction writes n records to a partition and leaves the transaction open
// until end is called. Committed records are booked.
func (k *fake) transaction(topic string, partition int32, n int) (end func(commit bool)) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	cl := k.connect(kgo.TransactionalID(fmt.Sprintf("tx-%d", rand.Int64())))
	if err := cl.BeginTransaction(); err != nil {
		k.t.Fatal(err)
	}
	var records []*kgo.Record
	for range n {
		records = append(records, k.next(topic, partition, 100))
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
	return func(commit bool) {
		k.t.Helper()
		defer cancel()
		defer cl.Close()
		if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
			k.t.Fatal(err)
		}
		for _, r := range records {
			if commit || k.aborted {
				k.enter(r)
			} else if err := k.book.AddSkipped(r.Topic, r.Partition, r.Offset); err != nil {
				k.t.Fatal(err)
			}
		}
	}
}

// config is a configuration for this Kafka with one stream: lines for [server],
// then for the stream "s" of topic "t".
func (k *fake) config(server, stream string) string { return k.configOf(server, stream, "t") }

// configOf is config for other topics.
func (k *fake) configOf(server, stream string, topics ...string) string {
	list := strings.Join(topics, `", "`)
	return fmt.Sprintf("[server]\n%s\n[kafka]\nbrokers = [%q]\n[ring]\ntotal_bytes = \"64MiB\"\n[streams.s]\ntopics = [\"%s\"]\n%s\n", server, k.addr, list, stream)
}

// topics are made with the broker.
func topics(partitions int32, names ...string) kfake.Opt {
	return kfake.SeedTopics(partitions, names...)
}

// jsonRecord is a record that the ledger does not know.
func jsonRecord(topic string, partition int32, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}
}
