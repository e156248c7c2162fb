// Package broker reads Kafka into rings: one consumer group and one ring per
// stream, every partition, nothing committed.
//
// All that a reader of a ring needs to know comes through the ring: events,
// gaps, epochs and positions. What a request needs to ask Kafka beside it goes
// through the methods of [Stream].
package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/broker/security"
	"github.com/ringcast/ringcast/ringbuf"
)

// ErrUnreachable says that no Kafka broker has answered.
var ErrUnreachable = errors.New("kafka is unreachable")

// Encoder makes the finished bytes of ring entries. Both methods are called
// under the publish lock of the stream and must not keep their arguments.
type Encoder interface {
	// Event encodes a record. Its id is v with partition part at after. value
	// must be copied.
	Event(v ringbuf.Vector, part int, after ringbuf.Pos, value []byte) ringbuf.Wire
	// Gap encodes one notice for each jump, as one entry.
	Gap(n ...ringbuf.Notice) ringbuf.Wire
}

// Config is what all streams share.
type Config struct {
	Brokers       []string      // host:port
	ClientID      string        // seen in the logs and quotas of the brokers
	GroupPrefix   string        // groups are PREFIX.STREAM.HOST.RANDOM
	Host          string        // of this instance
	ReadCommitted bool          // hide open and aborted transactions
	RequireKafka  bool          // New fails with ErrUnreachable while Kafka is unreachable
	FetchBytes    int32         // per partition and request; 0: 1 MiB
	MaxBatch      int64         // bytes of a decompressed batch, beyond which it is jumped; 0: 64 MiB
	ReplayReads   int           // reads of history at a time; 0: 16
	ReplayBytes   int64         // of history kept for others who want it; 0: 128 MiB
	StallAfter    time.Duration // behind or without an answer for so long: clients are rebuilt; 0: 15 s

	Security security.Config // the zero value: connections in the clear
	Rack     string          // groups fetch from the nearest replica; "": from the leader

	// Configure is called on the configuration of every client before it is
	// secured. A dialer in Net.Proxy is dialled through. May be nil.
	Configure func(*sarama.Config)

	// Now is the machine's clock, which may be set at any time; only how far back
	// a ring is filled is asked of it. nil: time.Now.
	Now func() time.Time

	Log     zerolog.Logger
	Metrics *metrics.Set // nil: a set nobody sees
}

// Defaults of Config, in bytes.
const (
	defaultFetchBytes = 1 << 20
	defaultMaxBatch   = 64 << 20
)

// StreamConfig is one stream.
type StreamConfig struct {
	Name     string
	Topics   []string // in the order of the configuration
	Format   record.Format
	Annotate record.Annotate
	MaxEvent int64         // bytes of a record's value, beyond which it is not delivered; 0: 4 MiB
	Events   int           // the ring is filled from at most so many offsets back per partition
	WarmUp   time.Duration // and at most so long ago; 0: from the end
	Encoder  Encoder
	Ring     *ringbuf.Ring // empty, and this stream's own

	// Timed says that ids are times alone, so that one with the time of a record
	// means that this record was delivered.
	Timed bool
}

// times are the intervals of what is asked again and again.
type times struct {
	poll  time.Duration // metadata
	check time.Duration // ends of partitions

	patient time.Duration // how long a catch-up waits for partitions that cannot be read
}

// Broker feeds the rings of all streams.
type Broker struct {
	// Set at construction.
	cfg     Config
	log     zerolog.Logger
	meta    *poller
	archive *archive
	history *History // one for all brokers that a stream comes to
	times   times
	secure  *security.Security
	told    troubles // what the log has said
	peers   peers

	reached atomic.Bool

	mu      sync.Mutex
	streams []*Stream       // replaced, never modified; guarded by mu
	coming  []*Stream       // on their way from another broker; guarded by mu
	ctx     context.Context // of Run, nil before it; guarded by mu
	running sync.WaitGroup  // the streams; added to under mu while ctx is alive
}

// New checks the configuration and prepares the streams. It sets
// sarama.MaxDecompressedBatchSize, which is one value for the process, from
// MaxBatch. With RequireKafka it asks Kafka once, for at most ten seconds.
func New(cfg Config, streams []StreamConfig) (*Broker, error) {
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewSet()
	}
	b, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	for _, sc := range streams {
		if _, err := b.Add(sc); err != nil {
			return nil, err
		}
	}
	b.history = newHistory(b)
	if cfg.RequireKafka {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.meta.probe(ctx); err != nil {
			b.meta.asks.close()
			b.archive.close()
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, b.orTrouble(err))
		}
	}
	return b, nil
}

// prepare makes a broker without streams and without a history. Nothing is
// asked.
func prepare(cfg Config) (*Broker, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("cannot read from kafka: no brokers")
	}
	cfg.FetchBytes = orDefault(cfg.FetchBytes, defaultFetchBytes)
	cfg.MaxBatch = orDefault(cfg.MaxBatch, defaultMaxBatch)
	cfg.ReplayReads = orDefault(cfg.ReplayReads, defaultReads)
	cfg.StallAfter = orDefault(cfg.StallAfter, 15*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	b, err := newBroker(cfg)
	if err != nil {
		return nil, err
	}
	b.times = times{poll: pollEvery, check: checkEvery, patient: catchUpPatience}
	if _, err := b.clientConfig(newLeash()); err != nil {
		return nil, fmt.Errorf("cannot use the kafka configuration: %w", err)
	}
	b.meta = newPoller(b)
	b.archive = newArchive(b)
	return b, nil
}

// newBroker makes what is needed to talk to Kafka.
func newBroker(cfg Config) (*Broker, error) {
	setLibrary(cfg)
	secure, err := security.New(cfg.Security)
	if err != nil {
		return nil, err
	}
	return &Broker{cfg: cfg, log: cfg.Log, secure: secure}, nil
}

// orDefault is v, or what stands for its zero value.
func orDefault[T int | int32 | int64 | time.Duration](v, zero T) T {
	if v == 0 {
		return zero
	}
	return v
}

// Run reads until the context ends, closes every connection and returns nil.
// It is called once.
func (b *Broker) Run(ctx context.Context) error {
	var meta sync.WaitGroup
	meta.Go(func() { b.meta.run(ctx) })
	b.mu.Lock()
	b.ctx = ctx
	for _, s := range b.streams {
		b.startLocked(s)
	}
	b.mu.Unlock()
	<-ctx.Done()
	b.mu.Lock()
	b.mu.Unlock() //nolint:staticcheck // whoever saw ctx alive has started its stream
	b.running.Wait()
	meta.Wait()
	b.archive.close()
	return nil
}

// History reads what the rings no longer hold. It goes with the streams where
// they move to another broker.
func (b *Broker) History() *History { return b.history }

// Reached reports whether Kafka has ever answered.
func (b *Broker) Reached() bool { return b.reached.Load() }
