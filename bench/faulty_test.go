//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/intake"
)

// faulty is the smallest server with ringcast's command line. It makes one mistake, which $FAULT names, in
// the measured part of the smoke scenario.
type faulty struct {
	fault string
	ready chan struct{} // closed when the topic is being read

	mu      sync.Mutex
	clients []chan string // guarded by mu
	held    string        // guarded by mu; the chunk that comes after the next
}

func serveFaulty(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	brokers := flags.String("brokers", "", "")
	stream := flags.String("stream", "", "")
	listen := flags.String("listen", "", "")
	admin := flags.String("admin-listen", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s := &faulty{fault: os.Getenv("FAULT"), ready: make(chan struct{})}
	name, topic, _ := strings.Cut(*stream, "=")
	failed := make(chan error, 3)
	go func() { failed <- intake.Run(ctx, []string{*brokers}, topic, s) }()
	go func() { failed <- http.ListenAndServe(*admin, http.HandlerFunc(s.readyz)) }()
	public := http.NewServeMux()
	public.HandleFunc("GET /v2/stream/"+name, s.serve)
	go func() { failed <- http.ListenAndServe(*listen, public) }()
	return <-failed
}

func (s *faulty) readyz(w http.ResponseWriter, r *http.Request) {
	select {
	case <-s.ready:
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *faulty) serve(w http.ResponseWriter, r *http.Request) {
	chunks := make(chan string, 1000)
	s.mu.Lock()
	s.clients = append(s.clients, chunks)
	s.mu.Unlock()
	flush := http.NewResponseController(w).Flush
	fmt.Fprint(w, "id: []\n:ok\n\n")
	for flush() == nil {
		fmt.Fprint(w, <-chunks)
	}
}

// Start is called when the topic is being read.
func (s *faulty) Start(int) { close(s.ready) }

// Record sends a record to every client.
func (s *faulty) Record(m *sarama.ConsumerMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value := string(m.Value)
	here := m.Partition == 1 && m.Offset == 20
	if here && s.fault == "damage" {
		value = strings.Replace(value, `"z":"0`, `"z":"1`, 1)
	}
	chunk := "event: message\nid: []\ndata: " + value + "\n\n"
	switch {
	case here && s.fault == "lose":
		return
	case here && s.fault == "repeat":
		s.send(chunk)
	case here && s.fault == "swap":
		s.held = chunk
		return
	}
	s.send(chunk)
	if s.held != "" && m.Partition == 1 {
		s.send(s.held)
		s.held = ""
	}
}

func (s *faulty) send(chunk string) {
	for _, c := range s.clients {
		c <- chunk
	}
}
