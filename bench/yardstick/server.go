//go:build linux

package yardstick

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/IBM/sarama"
	"golang.org/x/sys/unix"

	"github.com/ringcast/ringcast/bench/intake"
)

// Mode is how many events go into one write.
type Mode string

const (
	// Auto writes to each client whatever arrived since its last write, up to batchLimit.
	Auto Mode = "auto"
	// Single writes one event at a time.
	Single Mode = "b1"
)

// sendBuffer is SO_SNDBUF of a client, as ringcast's default; batchLimit is min(sendBuffer/2, 32 KiB),
// the bound of ringcast's batches.
const (
	sendBuffer = 64 << 10
	batchLimit = min(sendBuffer/2, 32<<10)
)

// Config says what to serve.
type Config struct {
	Brokers []string
	Topic   string
	Mode    Mode
	// Shards is the number of writing goroutines; 0 is one for each core.
	Shards int
}

// Started is the first line of JSON that a yardstick writes: it accepts clients and reads the topic.
type Started struct {
	Listen string `json:"listen"`
}

// Stats is the last line.
type Stats struct {
	Clients    int    `json:"clients"`
	Deliveries uint64 `json:"deliveries"`
	Writes     uint64 `json:"writes"`
	// Blocked is how often a write found a socket full and had to wait.
	Blocked uint64 `json:"blocked"`
	// Dropped is the number of clients that went or took nothing for ten seconds.
	Dropped uint64 `json:"dropped"`
}

type server struct {
	config   Config
	log      *log
	shards   []*shard
	counts   counts
	welcome  []byte        // header and greeting; set before started is closed
	started  chan struct{} // closed when the topic is being read
	accepted int           // owned by the accepting goroutine

	mu     sync.Mutex
	framer *framer // guarded by mu, which also keeps the order of frames and ids the same
}

// Serve runs a yardstick until ctx ends.
func Serve(ctx context.Context, c Config, out io.Writer) error {
	if c.Mode != Auto && c.Mode != Single {
		return fmt.Errorf("cannot use mode %q: it must be %s or %s", c.Mode, Auto, Single)
	}
	listener, port, err := listen()
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	s := &server{config: c, log: new(log), started: make(chan struct{})}
	s.makeShards()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopReleasing := releaseOnSignal()
	defer stopReleasing()
	var all sync.WaitGroup
	start := func(f func() error) {
		all.Go(func() {
			if err := f(); err != nil {
				cancel(err)
			}
		})
	}
	for _, shard := range s.shards {
		start(func() error { return shard.run(ctx) })
	}
	start(func() error { return intake.Run(ctx, c.Brokers, c.Topic, s) })
	select {
	case <-s.started:
		start(func() error { return s.accept(ctx, listener) })
		err = json.NewEncoder(out).Encode(Started{Listen: fmt.Sprintf("127.0.0.1:%d", port)})
		cancelOn(cancel, err)
	case <-ctx.Done():
	}
	<-ctx.Done()
	all.Wait()
	s.closeClients()
	err = json.NewEncoder(out).Encode(Stats{
		Clients: s.accepted, Deliveries: s.counts.deliveries.Load(), Writes: s.counts.writes.Load(),
		Blocked: s.counts.blocked.Load(), Dropped: s.counts.dropped.Load(),
	})
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func cancelOn(cancel context.CancelCauseFunc, err error) {
	if err != nil {
		cancel(err)
	}
}

func (s *server) makeShards() {
	n := s.config.Shards
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	limit := batchLimit
	if s.config.Mode == Single {
		limit = 0
	}
	for range n {
		wake := make(chan struct{}, 1)
		s.log.wake = append(s.log.wake, wake)
		s.shards = append(s.shards, &shard{log: s.log, limit: limit, wake: wake, count: &s.counts})
	}
}

// Start is called by intake with the number of partitions.
func (s *server) Start(partitions int) {
	s.framer = newFramer(s.config.Topic, partitions)
	s.welcome = append([]byte(header), s.framer.greeting()...)
	close(s.started)
}

// Record is called by intake, by one goroutine for each partition.
func (s *server) Record(m *sarama.ConsumerMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.publish(s.framer.frame(m))
}

func (s *server) closeClients() {
	for _, shard := range s.shards {
		for _, fd := range append(shard.clients, shard.inbox...) {
			unix.Close(fd)
		}
	}
}

// releaseOnSignal gives free memory back to the system on SIGUSR1, so that idle memory can be measured.
func releaseOnSignal() (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, unix.SIGUSR1)
	go func() {
		for {
			select {
			case <-signals:
				debug.FreeOSMemory()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}
