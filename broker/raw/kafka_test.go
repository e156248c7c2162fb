package raw

import (
	"fmt"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const topic = "events"

var part = TP{topic, 0}

// startKafka starts brokers brokers with the topic "events" of the given partitions.
func startKafka(t testing.TB, brokers int, partitions int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, topic)}, opts...)
	k, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// patience is the read timeout of the clients in these tests.
const patience = 500 * time.Millisecond

func testConfig() *sarama.Config {
	conf := sarama.NewConfig()
	conf.ClientID = "raw-test"
	conf.Version = sarama.V2_8_0_0
	conf.Net.DialTimeout = patience
	conf.Net.ReadTimeout = patience
	conf.Net.WriteTimeout = patience
	return conf
}

func newClient(t testing.TB, brokers ...string) *Client {
	t.Helper()
	c := New(Config{Brokers: brokers, Sarama: testConfig, MaxBatch: maxBatch})
	t.Cleanup(c.Close)
	return c
}

func producerConfig() *sarama.Config {
	conf := testConfig()
	conf.Net.ReadTimeout = 10 * time.Second
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	conf.Producer.Return.Successes = true
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.MaxMessageBytes = 8 << 20
	return conf
}

// producer sends batches. Every call of send makes one batch.
type producer struct {
	t testing.TB
	sarama.SyncProducer
}

func newProducer(t testing.TB, k *kfake.Cluster, change func(*sarama.Config)) producer {
	t.Helper()
	conf := producerConfig()
	if change != nil {
		change(conf)
	}
	p, err := sarama.NewSyncProducer(k.ListenAddrs(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return producer{t, p}
}

// send writes one batch to tp and returns the offset of its first record.
func (p producer) send(tp TP, values ...string) int64 {
	p.t.Helper()
	msgs := make([]*sarama.ProducerMessage, len(values))
	for i, v := range values {
		msgs[i] = &sarama.ProducerMessage{Topic: tp.Topic, Partition: tp.Partition, Value: sarama.StringEncoder(v)}
	}
	if err := p.SendMessages(msgs); err != nil {
		p.t.Fatal(err)
	}
	return msgs[0].Offset
}

// transact writes one batch in a transaction and ends it, committed or not.
func (p producer) transact(commit bool, tp TP, values ...string) {
	p.t.Helper()
	if err := p.BeginTxn(); err != nil {
		p.t.Fatal(err)
	}
	p.send(tp, values...)
	end := p.AbortTxn
	if commit {
		end = p.CommitTxn
	}
	if err := end(); err != nil {
		p.t.Fatal(err)
	}
}

func transactional(id string) func(*sarama.Config) {
	return func(conf *sarama.Config) {
		conf.Producer.Idempotent = true
		conf.Producer.Transaction.ID = id
		conf.Net.MaxOpenRequests = 1
	}
}

// fetchAll reads tp from offset until a fetch brings no batch.
func fetchAll(t *testing.T, c *Client, tp TP, offset int64, opt FetchOptions) (records []Record, next int64) {
	t.Helper()
	for {
		f, err := c.Fetch(t.Context(), tp, offset, opt)
		if err != nil {
			t.Fatal(err)
		}
		if f.Next == offset {
			return records, offset
		}
		records = append(records, f.Records...)
		offset = f.Next
	}
}

// wantValues checks the values and that the offsets rise.
func wantValues(t *testing.T, records []Record, want ...string) {
	t.Helper()
	var got []string
	for i, r := range records {
		got = append(got, string(r.Value))
		if i > 0 && r.Offset <= records[i-1].Offset {
			t.Fatalf("offset %d after %d", r.Offset, records[i-1].Offset)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func numbered(prefix string, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return values
}

// encodeBatch fills in length and checksum.
func encodeBatch(b kmsg.RecordBatch) []byte {
	b.Magic = 2
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	raw := b.AppendTo(nil)
	b.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

// emptyBatch is what compaction leaves of the last batch of a producer.
func emptyBatch(first int64, records int32) []byte {
	return encodeBatch(kmsg.RecordBatch{FirstOffset: first, LastOffsetDelta: records - 1, ProducerID: 7, PartitionLeaderEpoch: 3})
}

// answerFetches makes k answer every fetch with the batches for its offset and its MaxBytes.
func answerFetches(k *kfake.Cluster, end int64, batches func(offset int64, maxBytes int32) []byte) {
	k.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		fetch := req.(*kmsg.FetchRequest)
		asked := fetch.Topics[0].Partitions[0]
		resp := fetch.ResponseKind().(*kmsg.FetchResponse)
		t := kmsg.NewFetchResponseTopic()
		t.Topic = fetch.Topics[0].Topic
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.LastStableOffset = end, end
		p.RecordBatches = batches(asked.FetchOffset, asked.PartitionMaxBytes)
		t.Partitions = append(t.Partitions, p)
		resp.Topics = append(resp.Topics, t)
		return resp, nil, true
	})
}

// resum makes the checksum of an encoded batch right.
func resum(raw []byte) []byte {
	sum := crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli))
	return slices.Concat(raw[:17], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, raw[21:])
}
