//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/ringcast/ringcast/bench/peers"
	"github.com/ringcast/ringcast/bench/proc"
)

// Peers, by the names that results show.
const (
	naive    kind = "naive Go server"
	nchan    kind = "Nchan"
	kafkaSSE kind = "KafkaSSE"
)

// peer is what differs at a server that is neither ringcast nor a yardstick.
type peer struct {
	workers   []int          // processes of the server besides its child
	publisher *proc.Child    // what feeds it; nil when it reads Kafka itself
	collectBy syscall.Signal // makes it collect its garbage; 0: it has none
}

// pids are the processes that are the server.
func (s *server) pids() []int { return append([]int{s.child.PID()}, s.workers...) }

// memory is the memory of the server in bytes. What the processes of one server, or several servers, share counts once.
func (s *server) memory() (sum uint64, err error) {
	if !isPeer(s.kind) {
		return proc.Resident(s.child.PID())
	}
	for _, pid := range s.pids() {
		n, err := proc.Proportional(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// peerVersion returns what a peer says of its version before it is started, or what is missing to start it.
func peerVersion(k kind) (string, error) {
	switch k {
	case nchan:
		n, err := peers.FindNchan()
		if err != nil {
			return "", err
		}
		return n.Version(), nil
	case kafkaSSE:
		modules, err := peers.FindKafkaSSE()
		if err != nil {
			return "", err
		}
		return peers.KafkaSSEVersion(modules)
	}
	return "", nil
}

// servePeer starts a peer and waits until it serves.
func (b *Bench) servePeer(ctx context.Context, k kind, topic string) (*server, error) {
	switch k {
	case nchan:
		return b.serveNchan(ctx, topic)
	case kafkaSSE:
		modules, err := peers.FindKafkaSSE()
		if err != nil {
			return nil, err
		}
		command, err := peers.KafkaSSE(b.Dir, modules, b.brokers[0], topic, peerPartitions)
		if err != nil {
			return nil, err
		}
		child, err := proc.Start(b.Dir, "kafkasse", true, command[0], command[1:]...)
		return startedPeer(k, child, err)
	}
	child, err := b.self("naive", "-brokers", b.brokers[0], "-topic", topic)
	return startedPeer(k, child, err)
}

func startedPeer(k kind, child *proc.Child, err error) (*server, error) {
	if err != nil {
		return nil, err
	}
	var started peers.Started
	if err := child.Read(&started); err != nil {
		return nil, errors.Join(err, child.Stop(time.Second))
	}
	return &server{kind: k, child: child, addr: started.Listen, peer: peer{collectBy: syscall.SIGUSR2}}, nil
}

// serveNchan starts nginx, and the publisher behind it.
func (b *Bench) serveNchan(ctx context.Context, topic string) (s *server, err error) {
	n, err := peers.FindNchan()
	if err != nil {
		return nil, err
	}
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(b.Dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(n.Config(b.Dir, listen, path, runtime.NumCPU())), 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the configuration of nginx: %w", err)
	}
	child, err := proc.Start(b.Dir, "nginx", false, n.Nginx, "-p", b.Dir, "-c", config)
	if err != nil {
		return nil, err
	}
	s = &server{kind: nchan, child: child, addr: listen}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.awaitWorkers(ctx, runtime.NumCPU()); err != nil {
		return nil, err
	}
	if s.publisher, err = b.self("publish", "-brokers", b.brokers[0], "-topic", topic, "-url", "http://"+listen+peers.NchanPublish); err != nil {
		return nil, err
	}
	var started peers.Started
	return s, s.publisher.Read(&started)
}

// awaitWorkers waits until the server has n worker processes: nginx listens before it starts them.
func (s *server) awaitWorkers(ctx context.Context, n int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		if s.workers, err = proc.Children(s.child.PID()); err == nil && len(s.workers) == n {
			return nil
		}
		if gone := s.child.Running(); gone != nil {
			return gone
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot wait longer for %d workers of %s: there are %d, %w", n, s.kind, len(s.workers), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// collectPeer makes a peer collect its garbage.
func (s *server) collectPeer() error {
	if s.collectBy == 0 {
		return nil
	}
	return s.child.Signal(s.collectBy)
}

// isPeer is true for what servePeer starts.
func isPeer(k kind) bool { return k == naive || k == nchan || k == kafkaSSE }
