package broker

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/ringbuf"
)

// Stream feeds one ring. Its methods may be called from any goroutine.
type Stream struct {
	// Set at construction.
	cfg  StreamConfig // but for Events and WarmUp, which mu guards
	ring *ringbuf.Ring
	log  zerolog.Logger
	m    *streamMetrics

	// Of the broker that the stream is at. Replaced by take while nothing of the
	// stream runs, under mu: what is no part of run loads them under it.
	b     *Broker
	asks  *asker // for offsets, end checks and requests
	reads *asker // for records read without the group
	past  *pastEnds

	stop context.CancelFunc // ends run; nil before it, guarded by Broker.mu
	done chan struct{}      // closed when run has returned; guarded by Broker.mu

	warm     atomic.Bool             // stays true
	carried  atomic.Bool             // has not come to the targets since it moved to another cluster
	targets  atomic.Pointer[[]int64] // newest when the start was set, by ring index; replaced under mu
	stalled  atomic.Int32            // a stallReason
	catching atomic.Bool             // catchUp is running
	rebuild  atomic.Bool             // the live client must go
	troubles troubles
	lag      atomic.Int64
	sessions atomic.Int64

	shortSessions int // in a row, with too few partitions; owned by consume

	// mu is the publish lock: whoever holds it is the ring's one publisher.
	mu      sync.Mutex
	topics  []*topic      // in configured order; epochs and parts are set once begun
	begun   bool          // the ring's position is one of the broker's cluster
	ready   chan struct{} // closed when it has begun, replaced when it moves
	cluster string        // tag of the cluster that epochs are of, "" before the first
	since   int64         // when it began there, Unix milliseconds
	gen     uint64        // of the reader that may publish; every session has its own
	ends    []int64       // at the last end check, by ring index; -1 while not known

	// cancelMu guards cancel, which ends the session of the moment, if there is one.
	cancelMu sync.Mutex
	cancel   context.CancelCauseFunc
}

// topic is what a stream knows of one of its topics. Guarded by the publish lock.
type topic struct {
	name   string
	epoch  string // "CLUSTER.TOPIC"
	id     [16]byte
	had    map[[16]byte]bool // every id this topic had since the start
	exists bool              // by the last answer
	parts  []int             // ring index by partition
	count  int               // partitions that Kafka has; parts may hold more after a re-creation
	leader []int32           // highest leader epoch seen by partition, -1 while none
	told   []int32           // leader epoch of the last answer by partition
}

func newStream(b *Broker, cfg StreamConfig) *Stream {
	s := &Stream{
		b: b, cfg: cfg, ring: cfg.Ring,
		log:   b.log.With().Str("stream", cfg.Name).Logger(),
		asks:  b.newAsker(),
		reads: b.newAsker(),
		done:  make(chan struct{}),
		ready: make(chan struct{}),
	}
	for _, name := range cfg.Topics {
		s.topics = append(s.topics, &topic{name: name, had: map[[16]byte]bool{}})
	}
	s.targets.Store(&[]int64{})
	s.past = newPastEnds(s)
	s.m = newStreamMetrics(s)
	return s
}

// run reads until the context ends.
func (s *Stream) run(ctx context.Context) {
	var wg sync.WaitGroup
	s.past.open(ctx) // before anybody can see a position to ask about
	wg.Go(func() {
		<-ctx.Done()
		s.asks.close()
		s.reads.close()
	})
	wg.Go(func() { s.watchEnd(ctx) })
	wg.Go(s.past.wait)
	if s.start(ctx) {
		s.catchUp(ctx)
		s.consume(ctx)
	}
	wg.Wait()
}

// consume runs one session of the group after the other.
func (s *Stream) consume(ctx context.Context) {
	var live *liveClient
	defer func() {
		if live != nil {
			live.close()
		}
	}()
	var over bridge
	defer over.end()
	var wait backoff
	for ctx.Err() == nil {
		if live != nil && s.rebuild.Swap(false) {
			live.leash.cut()
			live.close()
			live = nil
		}
		if live == nil {
			var err error
			if live, err = s.newLive(); err != nil {
				s.failed("cannot make a kafka client", err)
				wait.sleep(ctx)
				continue
			}
		}
		began := time.Now()
		over.begin(ctx, s)
		cause := s.session(ctx, live, over.stop)
		if time.Since(began) > settled {
			wait = backoff{}
		}
		if kind := kindOf(cause); kind == kindAuthentication || kind == kindTLS {
			s.rebuild.Store(true) // a client keeps the password it was made with
		}
		switch {
		case errors.Is(cause, errBatch), errors.Is(cause, errStalled):
			over.end()
			s.passTrouble(ctx)
		case errors.Is(cause, errLayout):
			over.end() // it knows the partitions of before
		default:
			wait.sleep(ctx)
		}
	}
}

// settled is how long a session lasts that was not a failure from the start.
const settled = 5 * time.Second

// interrupt ends the session of the moment.
func (s *Stream) interrupt(cause error) {
	s.cancelMu.Lock()
	defer s.cancelMu.Unlock()
	if s.cancel != nil {
		s.cancel(cause)
	}
}

// place is one partition that exists in Kafka, and how far it has been read.
type place struct {
	tp   raw.TP
	part int   // ring index
	next int64 // offset of the next record to read
}

// placesLocked lists the partitions of the topics that exist.
func (s *Stream) placesLocked() []place {
	var places []place
	pos := s.ring.Position().Pos
	for _, t := range s.topics {
		if !t.exists {
			continue
		}
		for p, part := range t.parts[:min(t.count, len(t.parts))] {
			places = append(places, place{raw.TP{Topic: t.name, Partition: int32(p)}, part, pos[part].Next})
		}
	}
	return places
}

// missingLocked lists the topics that Kafka says do not exist.
func (s *Stream) missingLocked() []string {
	var names []string
	for _, t := range s.topics {
		if s.begun && !t.exists {
			names = append(names, t.name)
		}
	}
	return names
}

func (s *Stream) topicLocked(name string) *topic {
	for _, t := range s.topics {
		if t.name == name {
			return t
		}
	}
	return nil
}

// failed counts and logs an error that will be tried again.
func (s *Stream) failed(what string, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, raw.ErrClosed) || errors.Is(err, errEnded) {
		return // we were the ones
	}
	kind := kindOf(err)
	s.m.errors[kind].Inc()
	if s.inTrouble(err) {
		return
	}
	s.m.sampled.Warn().Str("stream", s.cfg.Name).Str("kind", kind.String()).Err(err).Msg(what)
}

// backoff waits longer each time, from 200 ms up to a second, with jitter:
// clients wait for what comes after an outage, and a question a second from
// each stream is nothing to Kafka.
type backoff struct{ tries uint }

func (w *backoff) next() time.Duration {
	d := min(200*time.Millisecond<<min(w.tries, 5), time.Second)
	w.tries++
	return d/2 + rand.N(d/2)
}

// sleep waits, or returns when the context ends.
func (w *backoff) sleep(ctx context.Context) { sleep(ctx, w.next()) }

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
