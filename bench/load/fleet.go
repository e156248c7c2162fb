//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Config says whom to connect to and what to expect.
type Config struct {
	// Server is the address of the server, as HOST:PORT with an IPv4 address.
	Server string
	// Path is the path of the stream.
	Path string
	// Workers is the number of reading goroutines; 0 is one.
	Workers int
	// Partitions is the number of partitions of the stream's topic.
	Partitions int
	// Size is the size in bytes of every record's value.
	Size int
	// Topic is the stream's topic; only clients that begin at a position need it.
	Topic string
	// Rate is how many bytes a second each client reads; 0: all it can.
	Rate int
	// Keep makes clients keep the last id that they got, to reconnect with.
	Keep bool
	// Stall makes clients read nothing after their greeting.
	Stall bool
	// Late is how long what arrived waits until a client reads it, with a receive buffer of 4 KiB: until then the
	// server has room for no more, as if its segments were acknowledged that late. 0: at once.
	Late time.Duration
	// TLS makes clients speak it. They can only connect, and read all they can.
	TLS bool
	// Plain takes any event stream, as servers other than ringcast frame it.
	Plain bool
}

// small says whether clients have a small receive buffer, so that the kernel does not read for them.
func (c Config) small() bool { return c.Rate > 0 || c.Stall || c.Late > 0 }

// Fleet is a set of clients of one stream.
type Fleet struct {
	config  Config
	want    *expectation // since is guarded by every worker's mu
	workers []*worker
	stop    chan struct{} // closed by Close
	done    sync.WaitGroup

	// owned by the caller's goroutine
	server  netip.AddrPort
	clients int
	before  uint64 // records before the starting points, over all clients
	began   int64  // when the last connect or reconnect began, µs since 1970
}

// New starts the workers of a fleet without clients.
func New(c Config) (*Fleet, error) {
	server, err := netip.ParseAddrPort(c.Server)
	if err != nil || !server.Addr().Is4() {
		return nil, fmt.Errorf("cannot use server %q: it must be IPV4:PORT", c.Server)
	}
	if c.TLS && (c.small() || c.Keep) {
		return nil, errors.New("cannot read slowly or come back over TLS: such clients only connect")
	}
	f := &Fleet{
		config: c,
		server: server,
		want:   &expectation{partitions: c.Partitions, size: c.Size, keep: c.Keep, plain: c.Plain},
		stop:   make(chan struct{}),
	}
	for range max(c.Workers, 1) {
		w, err := newWorker(f.want, c.Stall)
		if err != nil {
			f.Close()
			return nil, err
		}
		f.workers = append(f.workers, w)
		f.done.Go(func() {
			switch {
			case c.Rate > 0:
				w.runSlow(f.stop, c.Rate)
			case c.Late > 0:
				w.runLate(f.stop, c.Late)
			default:
				w.run(f.stop)
			}
		})
	}
	return f, nil
}

// unanswered bounds how many clients may be connected without having their greeting.
const unanswered = 256

// Connect opens connections until there are total, and returns when all have their greeting.
func (f *Fleet) Connect(ctx context.Context, total int, plan Plan) error {
	if err := plan.check(f.config.Partitions); err != nil {
		return err
	}
	f.begin()
	for first := f.clients; f.clients < total; f.clients++ {
		if err := f.awaitGreetings(ctx, f.clients-unanswered); err != nil {
			return err
		}
		next := plan.start(f.clients-first, total-first, f.config.Partitions)
		c := &client{until: plan.Until, budget: hello, stream: stream{began: time.Now().UnixMicro()}}
		for _, n := range next {
			c.sequences = append(c.sequences, sequence{next: n})
			f.before += n
		}
		if f.config.TLS {
			if err := f.encrypted(f.clients, c, f.request(plan.id(f.config.Topic, next))); err != nil {
				return err
			}
			continue
		}
		var err error
		if c.fd, err = dial(f.clients, f.server, f.request(plan.id(f.config.Topic, next)), f.config.small()); err != nil {
			return err
		}
		if err := f.workers[f.clients%len(f.workers)].add(c); err != nil {
			unix.Close(c.fd)
			return err
		}
	}
	return f.awaitGreetings(ctx, f.clients)
}

// request is what a client sends that asks for a position, or for nothing.
func (f *Fleet) request(id []byte) []byte {
	r := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\nUser-Agent: ringcast-bench\r\n",
		f.config.Path, f.server)
	if id != nil {
		r = fmt.Appendf(r, "Last-Event-ID: %s\r\n", id)
	}
	return append(r, "\r\n"...)
}

// begin begins the time that first events are counted from.
func (f *Fleet) begin() {
	f.began = time.Now().UnixMicro()
	f.each(func(w *worker) {
		w.tally.first.Reset()
		w.tally.greet.Reset()
		w.tally.LastFirst, w.tally.LastGreeting = 0, 0
	})
}

func (f *Fleet) awaitGreetings(ctx context.Context, n int) error {
	return f.await(ctx, fmt.Sprintf("%d of %d greetings", n, f.clients), func() bool {
		greeted := 0
		f.each(func(w *worker) { greeted += w.greeted })
		return greeted >= n
	})
}

// AwaitRecords returns when every client has got expect[p] records of each partition p, or ctx ends.
func (f *Fleet) AwaitRecords(ctx context.Context, expect []uint64) error {
	if len(expect) != f.want.partitions {
		return fmt.Errorf("cannot expect records of %d partitions: there are %d", len(expect), f.want.partitions)
	}
	var each uint64
	for _, n := range expect {
		each += n
	}
	return f.await(ctx, fmt.Sprintf("records %d at every client", expect), func() bool {
		// The count is cheap, the look at every client is not.
		var seen uint64
		f.each(func(w *worker) { seen += w.tally.Events + w.tally.Lost })
		return seen+f.before >= uint64(f.clients)*each && f.Missing(expect) == 0
	})
}

// AwaitFirst returns when every client got an event since it was connected last, or ctx ends.
func (f *Fleet) AwaitFirst(ctx context.Context) error {
	return f.await(ctx, fmt.Sprintf("the first event of %d clients", f.clients), func() bool {
		var n uint64
		f.each(func(w *worker) { n += w.tally.first.Count() })
		return n >= uint64(f.clients)
	})
}

// AwaitDone returns when every client has all that its plan says, or ctx ends.
func (f *Fleet) AwaitDone(ctx context.Context) error {
	return f.await(ctx, fmt.Sprintf("%d clients to have what they came for", f.clients), func() bool {
		n := 0
		f.each(func(w *worker) { n += w.done })
		return n >= f.clients
	})
}

// Missing returns how many records below expect have not come and do not count as lost, over all clients.
func (f *Fleet) Missing(expect []uint64) (n uint64) {
	f.each(func(w *worker) {
		for _, c := range w.clients {
			n += c.missing(expect)
		}
	})
	return n
}

// await polls until done, ctx ends, or a connection breaks.
func (f *Fleet) await(ctx context.Context, what string, done func() bool) error {
	for !done() {
		if err := f.failure(); err != nil {
			return fmt.Errorf("cannot wait for %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot wait longer for %s: %w", what, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

func (f *Fleet) failure() (err error) {
	f.each(func(w *worker) {
		if err == nil {
			err = w.failure
		}
	})
	return err
}

// Mark makes the latency count anew, for records produced at or after since (µs since 1970).
func (f *Fleet) Mark(since int64) {
	for _, w := range f.workers {
		w.mu.Lock()
		defer w.mu.Unlock()
	}
	f.want.since = since
	for _, w := range f.workers {
		w.tally.latency.Reset()
		w.busy, w.measured = 0, 0
	}
}

// Tally returns the sum over all clients, the share of the time since the last Mark that the busiest
// worker was not waiting for input, and why the first connection broke, if one did.
func (f *Fleet) Tally() (sum Tally, busy float64, failure error) {
	f.each(func(w *worker) {
		sum.Add(&w.tally)
		if w.measured > 0 {
			busy = max(busy, float64(w.busy)/float64(w.measured))
		}
	})
	return sum, busy, f.failure()
}

// each calls do for every worker with its lock held.
func (f *Fleet) each(do func(*worker)) {
	for _, w := range f.workers {
		w.mu.Lock()
		do(w)
		w.mu.Unlock()
	}
}

// Close closes all connections and ends the workers.
func (f *Fleet) Close() {
	close(f.stop)
	f.done.Wait()
}
