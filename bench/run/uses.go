//go:build linux

package run

import (
	"context"
	"fmt"

	"github.com/ringcast/ringcast/bench/proc"
)

// uses is what a server holds at the end of a run.
type uses struct {
	clients, crowd              int
	empty, resident             uint64 // bytes, before the first client and at the end, after garbage collection
	threads, descriptors, kafka int
	writes                      writes
	pending                     float64 // bytes of events kept only for clients that are behind
	heap                        float64 // bytes of live objects and what was allocated since the collection
	kernel                      float64 // bytes of all TCP sockets of the machine
}

// perClient is the resident memory that came with the clients, for each, in bytes. What was produced meanwhile is in it.
func (u uses) perClient() float64 {
	return (float64(u.resident) - float64(u.empty)) / float64(max(u.clients, 1))
}

// uses looks at the server of a session whose writes were before at the begin of the measurement.
func (at session) uses(ctx context.Context, before writes) (u uses, err error) {
	now, err := at.server.writes(ctx)
	if err != nil {
		return u, err
	}
	u = uses{clients: at.total, crowd: at.crowd, empty: at.empty, pending: now.pending,
		writes: writes{known: now.known, all: now.all - before.all, short: now.short - before.short}}
	if u.resident, err = at.server.resident(ctx); err != nil {
		return u, err
	}
	if u.heap, err = at.server.heap(ctx); err != nil {
		return u, err
	}
	pid := at.server.child.PID()
	if u.threads, err = proc.Threads(pid); err != nil {
		return u, err
	}
	if u.descriptors, err = proc.Descriptors(pid); err != nil {
		return u, err
	}
	if u.kafka, err = proc.ConnectionsTo(pid, at.kafkaPort); err != nil {
		return u, err
	}
	kernel, err := proc.SocketMemory()
	u.kernel = float64(kernel)
	return u, err
}

// resident is the memory of a server after garbage collection, at once. See footprint for one that waits.
func (s *server) resident(ctx context.Context) (uint64, error) {
	if err := s.collect(ctx); err != nil {
		return 0, err
	}
	return s.memory()
}

// heap is the size of all objects of a server that has metrics, in bytes.
func (s *server) heap(ctx context.Context) (float64, error) {
	if s.admin == "" {
		return 0, nil
	}
	text, err := s.metrics(ctx)
	return metric(text, "go_memstats_heap_alloc_bytes"), err
}

// writes are the write(2)s of a server, and those that the socket did not take whole.
type writes struct {
	known      bool // the server counts them
	all, short float64
	pending    float64 // bytes of events kept for clients that are behind now
}

// writes reads the counters; those of a server without metrics are not known.
func (s *server) writes(ctx context.Context) (writes, error) {
	if s.admin == "" {
		return writes{}, nil
	}
	text, err := s.metrics(ctx)
	return writes{true, metric(text, "ringcast_writes_total"), metric(text, "ringcast_short_writes_total"), metric(text, "ringcast_pending_bytes")}, err
}

// share is the part of the writes that were short.
func (w writes) share() float64 { return w.short / max(w.all, 1) }

func (w writes) String() string {
	if !w.known {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", w.share()*100)
}
