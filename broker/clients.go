package broker

import (
	"io"
	"log"
	"math"
	"sync"
	"time"

	"github.com/IBM/sarama"
	gometrics "github.com/rcrowley/go-metrics"
)

var libraryOnce sync.Once

// setLibrary sets what sarama knows only once per process.
func setLibrary(cfg Config) {
	libraryOnce.Do(func() {
		gometrics.UseNilMetrics = true // else 27 metrics and 130 KB more per client
		sarama.Logger = log.New(io.Discard, "", 0)
		sarama.MaxDecompressedBatchSize = int32(min(orDefault(cfg.MaxBatch, defaultMaxBatch), math.MaxInt32))
	})
}

// clientConfig is the one place where a configuration of sarama is made. All
// connections made with it are held by the leash.
func (b *Broker) clientConfig(l *leash) (*sarama.Config, error) {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0 // has topic ids; brokers from 2.1 to 4 speak it
	if b.cfg.ClientID != "" {
		c.ClientID = b.cfg.ClientID
	}
	c.Metadata.Full = false // only the topics asked for
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.RefreshFrequency = 30 * time.Second
	c.Metadata.Retry.Backoff = 200 * time.Millisecond
	c.Metadata.Timeout = 10 * time.Second // three read timeouts: frozen brokers may be asked first

	c.Net.DialTimeout = dialTimeout
	c.Net.ReadTimeout = 3 * time.Second // above MaxWaitTime; a frozen broker costs multiples of it
	c.Net.WriteTimeout = 10 * time.Second

	c.Consumer.MaxWaitTime = 250 * time.Millisecond // how long a connection is locked; no latency
	c.Consumer.Retry.Backoff = 200 * time.Millisecond
	c.Consumer.Fetch.Default = orDefault(b.cfg.FetchBytes, defaultFetchBytes)
	c.Consumer.Fetch.Max = 0 // a limit would skip larger records
	c.Consumer.Fetch.MaxBytes = 16 << 20
	c.Consumer.Return.Errors = true
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Offsets.Initial = sarama.OffsetOldest // never used: Setup sets every offset
	c.Consumer.Group.ResetInvalidOffsets = false     // else a claim jumps to the oldest record in silence
	if b.cfg.ReadCommitted {
		c.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	c.ChannelBufferSize = 256
	c.RackID = b.cfg.Rack

	if b.cfg.Configure != nil {
		b.cfg.Configure(c)
	}
	d := leashDialer{leash: l, peers: &b.peers}
	if c.Net.Proxy.Enable {
		d.through = c.Net.Proxy.Dialer
	}
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, d
	b.secure.Apply(c)
	return c, c.Validate()
}
