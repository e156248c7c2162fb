package raw

import (
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	// defaultMaxBatch is Config.MaxBatch when it is not set.
	defaultMaxBatch = 64 << 20

	// defaultMaxBytes is FetchOptions.MaxBytes when it is not set: sarama's Consumer.Fetch.Default.
	defaultMaxBytes = 1 << 20
)

// Config is what a Client needs to know.
type Config struct {
	// Brokers are the addresses (host:port) to begin with.
	Brokers []string

	// Sarama returns a new configuration, one for each connection: version (2.8 or newer for topic ids), timeouts and
	// security. A broker that accepts and never answers costs Net.ReadTimeout.
	Sarama func() *sarama.Config

	// MaxBatch is the size of the largest record batch in bytes, 64 MiB when 0. It bounds how far a fetch grows; what
	// bounds decompression is sarama.MaxDecompressedBatchSize.
	MaxBatch int64
}

// Client asks the brokers of one cluster. It connects when it has something to ask, and again after a connection
// broke. All methods may be called by several goroutines at a time; each broker answers one request after the other.
type Client struct {
	// set at construction
	seeds       []string
	sarama      func() *sarama.Config
	maxBatch    int64
	version     sarama.KafkaVersion
	readTimeout time.Duration
	done        chan struct{} // closed by Close
	refresh     chan struct{} // holds one token: who has it may ask for leaders

	running sync.WaitGroup // requests and closing connections; added to under mu, while not closed

	mu      sync.Mutex
	closed  bool
	conns   map[string]*sarama.Broker // open or opening, by address
	nodes   map[int32]string          // address by broker id, from the last metadata answer
	good    string                    // the address that answered metadata last
	leaders map[TP]leader             // of every partition seen in a metadata answer
	answers uint64                    // number of metadata answers
}

// New returns a client. It connects to nobody yet.
func New(cfg Config) *Client {
	conf := cfg.Sarama()
	c := &Client{
		seeds:       cfg.Brokers,
		sarama:      cfg.Sarama,
		maxBatch:    cfg.MaxBatch,
		version:     conf.Version,
		readTimeout: conf.Net.ReadTimeout,
		done:        make(chan struct{}),
		refresh:     make(chan struct{}, 1),
		conns:       make(map[string]*sarama.Broker),
		nodes:       make(map[int32]string),
		leaders:     make(map[TP]leader),
	}
	if c.maxBatch <= 0 {
		c.maxBatch = defaultMaxBatch
	}
	c.refresh <- struct{}{}
	return c
}

// Close ends what is being asked with ErrClosed, closes the connections and waits until they are gone: for a broker
// that does not answer as long as the timeouts of the configuration say. It may be called more than once.
func (c *Client) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.done)
	}
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	for _, b := range conns {
		closeBroker(b)
	}
	c.running.Wait()
}
