package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/bench/ledger"
)

// world is everything that a seed runs: Kafka, instances, clients, a producer,
// and who draws what happens to them.
type world struct {
	// Set at construction.
	ctx   context.Context // ends the clients
	seed  uint64
	plan  plan
	trace *trace
	book  *ledger.Book
	fate  *fate
	web   *web
	calm  chan struct{} // closed when nothing bad happens any more

	network   kfake.VirtualNetwork
	kafka     *kfake.Cluster
	instances []*instance

	// Owned by the goroutine of the schedule.
	rng      *rand.Rand
	producer *producer
	clients  []*client
	faults   []*kfake.FaultHandle

	living, pending  sync.WaitGroup // clients; what happens later
	refusals, visits atomic.Int64

	mu       sync.Mutex
	failures []string // guarded by mu
}

func newWorld(ctx context.Context, seed uint64, tr *trace) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	return &world{
		ctx: ctx, seed: seed, rng: rng, plan: newPlan(rng), trace: tr, book: ledger.NewBook(nil), fate: newFate(), web: newWeb(),
		calm: make(chan struct{}),
	}
}

// fail notes a difference; the world goes on.
func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace.add("FAILURE %s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, text)
}

func (w *world) isCalm() bool {
	select {
	case <-w.calm:
		return true
	default:
		return false
	}
}

// rest waits for a time, or until it is calm, or the context ends.
func (w *world) rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	calm := w.calm
	if w.isCalm() {
		calm = nil // what has to wait then, waits
		t.Reset(min(d, time.Second))
	}
	select {
	case <-t.C:
	case <-calm:
	case <-ctx.Done():
	}
}

// later does something after a time, or as soon as it is calm.
func (w *world) later(d time.Duration, do func()) {
	w.pending.Go(func() {
		w.rest(context.Background(), d)
		do()
	})
}

// begin starts Kafka, the instances and the clients, and returns when every
// client knows where it starts.
func (w *world) begin() (err error) {
	w.trace.add("plan %+v", w.plan)
	ports := make([]int, w.plan.nodes)
	for i := range ports {
		ports[i] = 9092 + i
	}
	if w.kafka, err = kfake.NewCluster(kfake.NumBrokers(w.plan.nodes), kfake.Ports(ports...), kfake.ListenFn(w.network.Listen)); err != nil {
		return err
	}
	if w.producer, err = newProducer(w); err != nil {
		return err
	}
	for _, t := range w.plan.topics {
		if err := w.kafka.CreateTopic(t, w.plan.partitions[t], nil); err != nil {
			return err
		}
		w.producer.partitions[t] = w.plan.partitions[t]
	}
	for i := range w.plan.instances {
		w.instances = append(w.instances, newInstance(w, i))
		if err := w.instances[i].start(); err != nil {
			return err
		}
	}
	err = w.until(time.Minute, "every instance is warm", func() bool {
		for _, in := range w.instances {
			if !in.run.broker.Stream("s").Warm() {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	for range w.plan.clients {
		w.join()
	}
	return w.until(time.Minute, "every client has a position", func() bool {
		for _, c := range w.clients {
			if c.LastEventID() == "" {
				return false
			}
		}
		return true
	})
}

// join adds a client.
func (w *world) join() {
	c := newClient(w, len(w.clients))
	w.clients = append(w.clients, c)
	w.living.Go(func() { c.live(w.ctx) })
}

// until waits in simulated time.
func (w *world) until(d time.Duration, what string, is func() bool) error {
	for deadline := time.Now().Add(d); !is(); time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			return fmt.Errorf("not so after %v: %s", d, what)
		}
	}
	return nil
}

// settle lets everything come to rest and asks the ledger.
func (w *world) settle() error {
	w.trace.add("calm")
	close(w.calm)
	w.pending.Wait()
	for _, f := range w.faults {
		f.Remove()
	}
	// Twice: a client that joined an instance without Kafka has no position yet.
	for range 2 {
		for _, t := range w.plan.topics {
			for p := range w.producer.partitions[t] {
				if err := w.producer.write(w.producer.next(t, p, 100)); err != nil {
					return err
				}
			}
		}
		time.Sleep(20 * time.Second)
	}
	end := w.book.End()
	err := w.until(time.Hour, "every client has everything", func() bool {
		for _, c := range w.clients {
			if !c.Receipt().Reached(end) {
				return false
			}
		}
		return true
	})
	for _, c := range w.clients {
		if differs := c.Receipt().CheckAllowing(end, w.plan.allowed()...); differs != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w\n  at %v of %v, last id %s", c.name, differs, c.Receipt().Position(), end, c.LastEventID()))
		}
	}
	return err
}

// report adds what the servers count to the trace.
func (w *world) report() {
	for _, in := range w.instances {
		if !in.restarting.Load() {
			in.report()
		}
	}
}

// end stops everything that began.
func (w *world) end(stop context.CancelFunc) {
	if !w.isCalm() {
		close(w.calm)
	}
	w.pending.Wait()
	stop()
	w.living.Wait()
	for _, in := range w.instances {
		if in.run != nil {
			in.end(0)
		}
	}
	if w.producer != nil {
		w.producer.client.Close()
	}
	if w.kafka != nil {
		w.kafka.Close()
	}
	time.Sleep(time.Minute) // the last goroutines of libraries wait for their next look
}
