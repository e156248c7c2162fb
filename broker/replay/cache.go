package replay

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringcast/ringcast/broker/raw"
)

var (
	// ErrClosed says that the Cache was closed.
	ErrClosed = errors.New("replay is closed")

	// ErrUnavailable says that Kafka did not answer until the context ended. What raw said is wrapped too.
	ErrUnavailable = errors.New("kafka does not answer")
)

// Kafka reads from Kafka. *raw.Client is one.
type Kafka interface {
	Fetch(ctx context.Context, tp raw.TP, offset int64, opt raw.FetchOptions) (raw.Fetched, error)
	SkipBatch(ctx context.Context, tp raw.TP, offset int64, readCommitted bool) (int64, error)
}

// Offsets answers questions about offsets. *raw.Client does.
type Offsets interface {
	Offsets(ctx context.Context, parts []raw.TP, at int64, readCommitted bool) (map[raw.TP]raw.Offset, error)
}

// Config is what a Cache needs to know.
type Config struct {
	// Bytes is how much chunks may take, 128 MiB when 0. Beside it live the chunk that each permit is reading (a
	// sixteenth of Bytes, or one fetch) and what readers hold between Next and Release.
	Bytes int64

	// Clients are the permits: each is used by one read at a time, and should have connections of its own.
	Clients []Kafka

	// Asks answers At, Earliest and End. It should share its connections with no one that fetches.
	Asks Offsets

	// ReadCommitted hides aborted transactions, and what lies at or above the last stable offset.
	ReadCommitted bool
}

const (
	defaultBytes = 128 << 20

	// minChunk keeps a tiny cache from being cut into chunks of a few records, in bytes, as long as nobody reads more
	// partitions than it has room for.
	minChunk = 64 << 10

	// leastChunk is what is made room for in any case, for each chunk that a reader needs at a time, in bytes; up to
	// leastRoom in all. With less, what comes with one fetch puts out what came with the last one.
	leastChunk = 32 << 10
	leastRoom  = 32 << 20

	// perRange is how many chunks of each of its partitions have room for one reader: the one that it is in, the ones
	// that are read ahead, and what is left of the one before.
	perRange = 4
)

// Cache is the history that all readers share.
type Cache struct {
	// set at construction
	limit         atomic.Int64 // bytes of a chunk, beyond which it is cut; lowered by Open
	permits       int
	readCommitted bool
	asks          asks
	stats         Stats
	ctx           context.Context // ends with Close
	cancel        func()
	turns         chan struct{}  // held by readers at work, for half of the processors
	running       sync.WaitGroup // reads; added to under mu, while ctx lives

	mu      sync.Mutex
	bytes   int64 // bound of used; raised by Open where one reader would not have room
	lanes   map[laneKey]*lane
	lastSeq uint64
	free    []Kafka  // permits
	queue   []*entry // in the order of the elevator
	active  []*entry // being read
	last    place    // served last
	clock   uint64   // counts uses of entries
	used    int64    // bytes of all chunks in entries
	timer   *time.Timer
	looked  time.Time // when room was last looked for in vain
}

// New returns a Cache that has read nothing. Close it.
func New(cfg Config) *Cache {
	if len(cfg.Clients) == 0 {
		panic("BUG: a replay cache needs a client")
	}
	if cfg.Bytes <= 0 {
		cfg.Bytes = defaultBytes
	}
	c := &Cache{
		bytes:         cfg.Bytes,
		permits:       len(cfg.Clients),
		readCommitted: cfg.ReadCommitted,
		turns:         make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		lanes:         make(map[laneKey]*lane),
		free:          append([]Kafka(nil), cfg.Clients...),
	}
	c.limit.Store(max(cfg.Bytes/16, minChunk))
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.asks = asks{c: c, kafka: cfg.Asks, flights: make(map[question]*flight)}
	return c
}

// Close ends all reads and waits for them. Readers that are still open return ErrClosed.
func (c *Cache) Close() {
	c.mu.Lock()
	c.cancel()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// Stats returns the counters, which go on counting.
func (c *Cache) Stats() *Stats { return &c.stats }

// startLocked runs fn in a goroutine that Close waits for. It reports false when the cache is closed.
func (c *Cache) startLocked(fn func()) bool {
	if c.ctx.Err() != nil {
		return false
	}
	c.running.Go(fn)
	return true
}

// laneLocked returns the lane of a range.
func (c *Cache) laneLocked(g Range) *lane {
	key := laneKey{Rules: g.Rules, Topic: g.Topic, TopicID: g.TopicID, Partition: g.Partition}
	if key.MaxEvent == 0 {
		key.MaxEvent = defaultMaxEvent
	}
	l := c.lanes[key]
	if l == nil {
		c.lastSeq++
		l = &lane{
			key: key, tp: raw.TP{Topic: g.Topic, Partition: g.Partition}, seq: c.lastSeq, span: grid,
			entries: make(map[entryKey]*entry), cursors: make(map[*cursor]struct{}),
		}
		c.lanes[key] = l
	}
	return l
}

// tidyLocked forgets a lane that nobody reads and that has nothing.
func (c *Cache) tidyLocked(l *lane) {
	if len(l.cursors) == 0 && len(l.entries) == 0 {
		delete(c.lanes, l.key)
	}
}

// touchLocked notes that e is used.
func (c *Cache) touchLocked(e *entry) {
	c.clock++
	e.used = c.clock
}

// setLocked gives e what has been read of it.
func (c *Cache) setLocked(e *entry, ch *chunk) {
	before := e.bytes()
	e.chunk, e.through = ch, ch.through
	if !e.private {
		c.usedLocked(e.bytes() - before)
	}
	now := time.Now()
	for cur := range e.waiting {
		cur.r.notifyLocked(now)
	}
}

func (c *Cache) usedLocked(n int64) {
	c.used += n
	c.stats.CacheBytes.Store(c.used)
}

// dropLocked forgets e. It must not be queued or active.
func (c *Cache) dropLocked(e *entry) {
	if e.private || e.gone {
		return
	}
	c.usedLocked(-e.bytes())
	e.chunk, e.gone = nil, true
	delete(e.lane.entries, e.key)
	c.tidyLocked(e.lane)
}

// joinLocked makes cur interested in e, and e be read unless it is already.
func (c *Cache) joinLocked(cur *cursor, e *entry) {
	e.waiting[cur] = struct{}{}
	if e.state == idle {
		cur.missed = e.start
		c.stats.Misses.Add(1)
		c.enqueueLocked(e)
		c.dispatchLocked(time.Now())
	}
}

// leaveLocked ends the interest of cur. What nobody is interested in is not read.
func (c *Cache) leaveLocked(cur *cursor, e *entry) {
	delete(e.waiting, cur)
	if len(e.waiting) > 0 {
		return
	}
	switch e.state {
	case queued:
		c.dequeueLocked(e)
	case active:
		e.cancel()
		return
	}
	if e.chunk == nil {
		c.dropLocked(e)
	}
}
