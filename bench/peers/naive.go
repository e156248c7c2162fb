//go:build linux

package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/intake"
)

// Started is the line of JSON that a peer writes when it serves.
type Started struct {
	Listen string `json:"listen"` // "" from what serves nobody
}

const (
	naiveQueue     = 256              // events that wait for one client; then everybody waits for it
	naiveHeartbeat = 15 * time.Second // as ringcast's default
)

// naive is a server as one writes it in an hour: net/http, a goroutine and a channel for each client, each of which
// formats and flushes every event. It loses nothing: a full channel holds up the consumer.
type naive struct {
	started chan struct{} // closed when the topic is being read

	mu      sync.Mutex
	clients map[chan naiveEvent]struct{} // guarded by mu
}

type naiveEvent struct {
	id   string
	data []byte
}

// Naive serves topic until ctx ends. It writes a Started line to out, and gives memory back on SIGUSR2.
func Naive(ctx context.Context, brokers []string, topic string, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &naive{started: make(chan struct{}), clients: make(map[chan naiveEvent]struct{})}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	defer server.Close()
	go func() { cancel(intake.Run(ctx, brokers, topic, s)) }()
	go func() { cancel(server.Serve(l)) }()
	release := make(chan os.Signal, 1)
	signal.Notify(release, syscall.SIGUSR2)
	defer signal.Stop(release)
	started := s.started
	for {
		select {
		case <-started:
			started = nil
			if err := json.NewEncoder(out).Encode(Started{Listen: l.Addr().String()}); err != nil {
				return err
			}
		case <-release:
			debug.FreeOSMemory()
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}
	}
}

// ServeHTTP is one client.
func (s *naive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events := make(chan naiveEvent, naiveQueue)
	s.mu.Lock()
	s.clients[events] = struct{}{}
	s.mu.Unlock()
	defer s.leave(events)
	flush := http.NewResponseController(w).Flush
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	io.WriteString(w, ":ok\n\n")
	heartbeat := time.NewTicker(naiveHeartbeat)
	defer heartbeat.Stop()
	for flush() == nil {
		select {
		case <-r.Context().Done():
			return
		case <-heartbeat.C:
			io.WriteString(w, ":\n\n")
		case e := <-events:
			fmt.Fprintf(w, "event: message\nid: %s\ndata: %s\n\n", e.id, e.data)
		}
	}
}

// leave takes a client out. The consumer may be waiting for it with mu held.
func (s *naive) leave(events chan naiveEvent) {
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		for {
			select {
			case <-events:
			case <-gone:
				return
			}
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, events)
}

// Start is called by intake when the topic is being read.
func (s *naive) Start(int) { close(s.started) }

// Record is called by intake, by one goroutine for each partition.
func (s *naive) Record(m *sarama.ConsumerMessage) {
	e := naiveEvent{id: strconv.Itoa(int(m.Partition)) + ":" + strconv.FormatInt(m.Offset+1, 10), data: m.Value}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c <- e
	}
}
