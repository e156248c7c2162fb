package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// kafka is the cluster of a test.
type kafka struct {
	t testing.TB
	*kfake.Cluster
	addrs []string
}

func newKafka(t testing.TB, opts ...kfake.Opt) *kafka {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &kafka{t, c, c.ListenAddrs()}
}

// client connects for one purpose: a client that lives longer would remember
// topics that have changed since.
func (k *kafka) client(opts ...kgo.Opt) *kgo.Client {
	k.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(k.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
	}, opts...)...)
	if err != nil {
		k.t.Fatal(err)
	}
	return cl
}

// do sends one request and fails the test when check says so.
func do[R kmsg.Response](k *kafka, req kmsg.Request, code func(R) int16) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cl := k.client()
	defer cl.Close()
	resp, err := cl.Request(ctx, req)
	if err != nil {
		k.t.Fatal(err)
	}
	if c := code(resp.(R)); c != 0 {
		k.t.Fatalf("%T: error code %d", req, c)
	}
}

func (k *kafka) create(topic string, partitions int32) {
	k.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, 1
	req.Topics = append(req.Topics, rt)
	do(k, req, func(r *kmsg.CreateTopicsResponse) int16 { return r.Topics[0].ErrorCode })
}

func (k *kafka) remove(topic string) {
	k.t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = &topic
	req.Topics, req.TopicNames = append(req.Topics, rt), []string{topic}
	do(k, req, func(r *kmsg.DeleteTopicsResponse) int16 { return r.Topics[0].ErrorCode })
}

// grow gives a topic more partitions.
func (k *kafka) grow(topic string, partitions int32) {
	k.t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, partitions
	req.Topics = append(req.Topics, rt)
	do(k, req, func(r *kmsg.CreatePartitionsResponse) int16 { return r.Topics[0].ErrorCode })
}

// trim deletes the records below offset.
func (k *kafka) trim(topic string, partition int32, offset int64) {
	k.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = partition, offset
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	do(k, req, func(r *kmsg.DeleteRecordsResponse) int16 { return r.Topics[0].Partitions[0].ErrorCode })
}

// produce writes values, in one batch where that is possible.
func (k *kafka) produce(topic string, partition int32, values ...string) {
	k.t.Helper()
	cl := k.client()
	defer cl.Close()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)})
	}
	k.write(cl, records...)
}

func (k *kafka) write(cl *kgo.Client, records ...*kgo.Record) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
}

// transaction writes values in a transaction that stays open until end is called.
func (k *kafka) transaction(topic string, partition int32, values ...string) (end func(commit bool)) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cl := k.client(kgo.TransactionalID(fmt.Sprintf("tx-%p", &ctx)))
	if err := cl.BeginTransaction(); err != nil {
		k.t.Fatal(err)
	}
	for _, v := range values {
		k.write(cl, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)})
	}
	return func(commit bool) {
		k.t.Helper()
		defer cancel()
		defer cl.Close()
		if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
			k.t.Fatal(err)
		}
	}
}

// numbered is from values {"n":from} up to {"n":to-1}.
func numbered(from, to int) []string {
	var values []string
	for n := from; n < to; n++ {
		values = append(values, fmt.Sprintf(`{"n":%d}`, n))
	}
	return values
}

// eventually waits until what is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s", patience, what)
		}
	}
}
