package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

const topic = "events"

var anything = Rules{Format: record.Text}

func startKafka(t testing.TB, partitions int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic)}, opts...)
	k, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// wire counts what comes from Kafka.
type wire struct{ bytes atomic.Int64 }

func (w *wire) Dial(network, addr string) (net.Conn, error) {
	c, err := net.DialTimeout(network, addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return wireConn{c, w}, nil
}

type wireConn struct {
	net.Conn
	w *wire
}

func (c wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.w.bytes.Add(int64(n))
	return n, err
}

func newRaw(t testing.TB, k *kfake.Cluster, w *wire) *raw.Client {
	t.Helper()
	c := raw.New(raw.Config{Brokers: k.ListenAddrs(), MaxBatch: maxBatch, Sarama: func() *sarama.Config {
		conf := sarama.NewConfig()
		conf.Version = sarama.V2_8_0_0
		conf.Net.DialTimeout, conf.Net.ReadTimeout, conf.Net.WriteTimeout = time.Second, 5*time.Second, time.Second
		conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, w
		return conf
	}})
	t.Cleanup(c.Close)
	return c
}

// newCache returns a cache over k and a count of the bytes that it read.
func newCache(t testing.TB, k *kfake.Cluster, permits int, change func(*Config)) (*Cache, *wire) {
	t.Helper()
	w := new(wire)
	cfg := Config{Asks: newRaw(t, k, new(wire)), ReadCommitted: true}
	for range permits {
		cfg.Clients = append(cfg.Clients, newRaw(t, k, w))
	}
	if change != nil {
		change(&cfg)
	}
	c := New(cfg)
	t.Cleanup(c.Close)
	return c, w
}

func newProducer(t testing.TB, k *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append([]kgo.Opt{
		kgo.SeedBrokers(k.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(topic),
		kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(8 << 20), kgo.MaxProduceRequestsInflightPerBroker(1), kgo.DisableIdempotentWrite(),
	}, opts...)
	p, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// event makes the record that the tests expect at its place.
func event(part int32, n int, size int) *kgo.Record {
	v := fmt.Sprintf("%d/%d ", part, n)
	if pad := size - len(v); pad > 0 {
		v += strings.Repeat("x", pad)
	}
	return &kgo.Record{Topic: topic, Partition: part, Value: []byte(v), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(n))}
}

// fill writes n records of size bytes to part, in batches of batch records.
func fill(t testing.TB, p *kgo.Client, part int32, n, size, batch int) {
	t.Helper()
	for at := 0; at < n; at += batch {
		var rs []*kgo.Record
		for i := at; i < min(n, at+batch); i++ {
			rs = append(rs, event(part, i, size))
		}
		if err := p.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func whole(part int32, from, to int64) Range {
	return Range{Rules: anything, Topic: topic, Partition: part, From: from, To: to}
}

// patient is how long a test waits for what must happen.
const patient = 60 * time.Second

// readAll reads to the end and checks that every item goes on where its range was.
func readAll(t testing.TB, r *Reader) []Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	var all []Item
	for {
		items, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("after %d items: %v", len(all), err)
		}
		all = append(all, items...)
	}
	check(t, r, all)
	return all
}

func check(t testing.TB, r *Reader, all []Item) {
	t.Helper()
	pos := map[int]int64{}
	for _, it := range all {
		at, ok := pos[it.Range]
		if !ok {
			at = r.cursors[it.Range].From
		}
		if it.Offset < at || it.Next <= it.Offset || it.Next > r.cursors[it.Range].To {
			t.Fatalf("range %d was at %d, then came %+v", it.Range, at, it)
		}
		pos[it.Range] = it.Next
	}
}

// events lists the values of a range, up to the padding.
func events(all []Item, index int) (got []string) {
	for _, it := range all {
		if it.Kind == Event && it.Range == index {
			v, _, _ := strings.Cut(string(it.Value), " ")
			got = append(got, v)
		}
	}
	return got
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}
