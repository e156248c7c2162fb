//go:build linux

package yardstick

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a client may take nothing before it is dropped, which fails the run.
const patience = 10 * time.Second

// shard owns a part of the clients: one goroutine writes every batch to each of them.
type shard struct {
	// set at construction
	log   *log
	limit int // bytes of a batch; 0: one event a batch
	wake  <-chan struct{}
	count *counts

	mu    sync.Mutex
	inbox []int // guarded by mu; sockets that have their greeting

	// owned by the shard's goroutine
	clients []int
	batch   []byte
	at      uint64
	first   int // where the next round begins
}

// counts are shared by all shards; each round adds to them once.
type counts struct {
	deliveries, writes, blocked, dropped atomic.Uint64
}

func (s *shard) add(fd int) {
	s.mu.Lock()
	s.inbox = append(s.inbox, fd)
	s.mu.Unlock()
}

func (s *shard) run(ctx context.Context) error {
	s.at = s.log.end()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		for ctx.Err() == nil {
			batch, next, err := s.log.take(s.at, s.batch[:0], s.limit)
			if err != nil {
				return err
			}
			if next == s.at {
				break
			}
			s.batch = batch
			s.round(ctx, batch, next-s.at)
			s.at = next
		}
	}
}

// round writes batch to every client, beginning at a moving index. A client whose buffer is full holds up
// the end of the round until it has taken the batch: nobody needs a position of their own.
func (s *shard) round(ctx context.Context, batch []byte, events uint64) {
	s.mu.Lock()
	s.clients = append(s.clients, s.inbox...)
	s.inbox = s.inbox[:0]
	s.mu.Unlock()

	var blocked []pending
	var gone int
	n := len(s.clients)
	for i := range n {
		at := (s.first + i) % n
		fd := s.clients[at]
		switch done, err := unix.Write(fd, batch); {
		case done == len(batch):
		case err == nil || err == unix.EAGAIN:
			blocked = append(blocked, pending{at, batch[max(done, 0):]})
		default:
			s.drop(at)
			gone++
		}
	}
	if n > 0 {
		s.first = (s.first + 1 + n/8) % n
	}
	s.count.writes.Add(uint64(n))
	s.count.blocked.Add(uint64(len(blocked)))
	gone += s.finish(ctx, blocked)
	s.count.deliveries.Add(events * uint64(n-gone))
	if gone > 0 {
		s.count.dropped.Add(uint64(gone))
		kept := s.clients[:0]
		for _, fd := range s.clients {
			if fd >= 0 {
				kept = append(kept, fd)
			}
		}
		s.clients = kept
	}
}

type pending struct {
	at   int // index of the client
	rest []byte
}

// finish writes what blocked clients still have to get, and returns how many of them were dropped.
func (s *shard) finish(ctx context.Context, blocked []pending) (dropped int) {
	deadline := time.Now().Add(patience)
	var polls []unix.PollFd
	for len(blocked) > 0 && ctx.Err() == nil {
		polls = polls[:0]
		for _, b := range blocked {
			polls = append(polls, unix.PollFd{Fd: int32(s.clients[b.at]), Events: unix.POLLOUT})
		}
		if _, err := unix.Poll(polls, 100); err != nil && err != unix.EINTR {
			panic(fmt.Sprintf("BUG: poll: %v", err))
		}
		late := time.Now().After(deadline)
		waiting := blocked[:0]
		for i, b := range blocked {
			if polls[i].Revents == 0 && !late {
				waiting = append(waiting, b)
				continue
			}
			s.count.writes.Add(1)
			n, err := unix.Write(s.clients[b.at], b.rest)
			b.rest = b.rest[max(n, 0):]
			switch {
			case len(b.rest) == 0:
			case !late && (err == nil || err == unix.EAGAIN):
				waiting = append(waiting, b)
			default:
				s.drop(b.at)
				dropped++
			}
		}
		blocked = waiting
	}
	return dropped
}

func (s *shard) drop(at int) {
	unix.Close(s.clients[at])
	s.clients[at] = -1
}
