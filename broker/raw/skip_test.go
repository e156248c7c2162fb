package raw

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/IBM/sarama"
)

// bomb has three records that are small in the log and larger than maxBatch in memory.
func bomb() []string {
	large := string(bytes.Repeat([]byte("x"), maxBatch/2))
	return []string{large, large, large}
}

func TestBatchTooLarge(t *testing.T) {
	f := func(codec sarama.CompressionCodec) {
		t.Helper()
		t.Run(codec.String(), func(t *testing.T) {
			k := startKafka(t, 1, 1)
			p := newProducer(t, k, func(conf *sarama.Config) {
				conf.Producer.Compression = codec
				conf.Producer.Flush.Messages = 3
				conf.Producer.Flush.Bytes = 1 << 30
			})
			plain := newProducer(t, k, nil)
			plain.send(part, "a0")
			plain.send(part, "a1")
			p.send(part, bomb()...) // 2-4
			plain.send(part, "b0")  // 5
			c := newClient(t, k.ListenAddrs()...)
			ctx := t.Context()

			got, err := c.Fetch(ctx, part, 0, FetchOptions{LeaderEpoch: -1})
			if err != nil {
				t.Fatal(err)
			}
			records, at := got.Records, got.Next
			for at < 2 {
				if got, err = c.Fetch(ctx, part, at, FetchOptions{LeaderEpoch: -1}); err != nil {
					t.Fatal(err)
				}
				records, at = append(records, got.Records...), got.Next
			}
			wantValues(t, records, "a0", "a1")
			for offset := int64(2); offset <= 4; offset++ {
				_, err = c.Fetch(ctx, part, offset, FetchOptions{LeaderEpoch: -1})
				if !errors.Is(err, ErrBatchTooLarge) || Retriable(err) {
					t.Fatalf("got %v at %d, want ErrBatchTooLarge", err, offset)
				}
				next, err := c.SkipBatch(ctx, part, offset, true)
				if next != 5 || err != nil {
					t.Fatalf("skipped from %d to %d, %v; want 5", offset, next, err)
				}
				if end, err := c.PastEnd(ctx, part, offset, -1, false); end.Past || err != nil {
					t.Fatalf("got %+v, %v: there is a batch at %d", end, err, offset)
				}
			}
			records, _ = fetchAll(t, c, part, 5, FetchOptions{LeaderEpoch: -1})
			wantValues(t, records, "b0")
		})
	}
	f(sarama.CompressionGZIP)
	f(sarama.CompressionSnappy)
	f(sarama.CompressionLZ4)
	f(sarama.CompressionZSTD)
}

func TestSkipBatch(t *testing.T) {
	k := startKafka(t, 1, 1)
	p := newProducer(t, k, func(conf *sarama.Config) {
		conf.Producer.Compression = sarama.CompressionZSTD
		conf.Producer.Flush.Messages = 3
		conf.Producer.Flush.Bytes = 1 << 30
	})
	p.send(part, bomb()...) // 0-2
	p.send(part, bomb()...) // 3-5
	newProducer(t, k, nil).send(part, "a", "b")
	newProducer(t, k, func(conf *sarama.Config) {
		conf.Producer.Compression = sarama.CompressionZSTD
		conf.Producer.Flush.Messages = 9
		conf.Producer.Flush.Bytes = 1 << 30
	}).send(part, slices.Repeat(bomb(), 3)...) // 8-16, the end
	c := newClient(t, k.ListenAddrs()...)
	f := func(offset, want int64) {
		t.Helper()
		next, err := c.SkipBatch(t.Context(), part, offset, false)
		if next != want || err != nil {
			t.Fatalf("skipped from %d to %d, %v; want %d", offset, next, err, want)
		}
	}
	f(0, 6)
	f(4, 6)
	f(6, 6) // readable
	f(7, 7)
	for offset := range int64(10) {
		f(8+offset, 17) // the end, where nothing is yet
	}

	if _, err := c.SkipBatch(t.Context(), TP{"missing", 0}, 0, false); !errors.Is(err, ErrUnknownTopic) {
		t.Fatalf("got %v, want ErrUnknownTopic", err)
	}
}
