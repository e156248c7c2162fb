package replay

import (
	"time"

	"github.com/ringcast/ringcast/broker/raw"
)

const (
	// firstFetch is how much the first fetch of a partition asks for, in bytes; later ones go by what came.
	firstFetch = 64 << 10

	// minFetch and maxFetch bound what a fetch asks for, in bytes.
	minFetch = 16 << 10
	maxFetch = 1 << 20

	// maxStarved bounds it for readers that wait for every fetch, where other permits leave theirs unused: Kafka sends
	// 4 MiB at once twice as fast as in four pieces, for two thirds of the processor time (measured).
	maxStarved = 4 << 20

	// recordBytes is what a record takes beside key and value, generously, in bytes.
	recordBytes = 32
)

// fetch is a question to Kafka under way, and then its answer.
type fetch struct {
	from int64         // offset
	ask  int32         // bytes asked for
	done chan struct{} // closed when the answer is there
	got  raw.Fetched
	err  error
}

// fetch asks for the records of e from an offset on, as long as somebody waits for e.
func (r *run) fetch(e *entry, from int64, ask int32) *fetch {
	f := &fetch{from: from, ask: ask, done: make(chan struct{})}
	c, ctx := r.c, e.ctx
	c.running.Go(func() { // the caller is counted there too, so Close waits
		defer close(f.done)
		opt := raw.FetchOptions{MaxBytes: ask, ReadCommitted: c.readCommitted, LeaderEpoch: -1}
		f.got, f.err = r.client.Fetch(ctx, e.lane.tp, from, opt)
	})
	return f
}

// fetchSize is how much to ask for, so that n offsets come.
func (c *Cache) fetchSize(l *lane, n int64) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.fetchSizeLocked(n, maxFetch)
}

// fetchSizeLocked is the same with another bound, in bytes.
func (l *lane) fetchSizeLocked(n, most int64) int32 {
	if l.perOffset == 0 {
		return firstFetch
	}
	return int32(min(max(float64(n)*l.perOffset*1.1, minFetch), float64(most)))
}

// learn counts what an answer has brought, and remembers how large the records are.
func (c *Cache) learn(l *lane, f *fetch) {
	size := 0
	for i := range f.got.Records {
		size += len(f.got.Records[i].Key) + len(f.got.Records[i].Value)
	}
	c.stats.BytesRead.Add(uint64(size))

	c.mu.Lock()
	defer c.mu.Unlock()
	if gained := f.got.Next - f.from; gained > 0 && len(f.got.Records) > 0 && f.got.Next < f.got.LastStable {
		size += recordBytes * len(f.got.Records)
		if f.got.Compressed {
			size = min(size, int(f.ask)) // less came over the wire
		}
		l.perOffset = float64(size) / float64(gained)
	}
}

// goOn starts the fetch behind an answer that is still to be checked, if it is clear that somebody waits for what that
// brings. Where the answer leads out of the chunk the run goes on with the one that it leads into.
func (r *run) goOn(f raw.Fetched) {
	c, e, fits := r.c, r.e, int64(grid)
	if c.limit.Load() < maxFetch {
		return // one fetch brings a chunk
	}
	if f.Next < e.end {
		fits = r.b.fitsBehind(f, c.limit.Load())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.reach = f.Next
	if !e.followedLocked(f.Next) {
		return
	}
	if f.Next >= e.end {
		e = c.onwardLocked(e, f.Next, time.Now())
		r.next = e
	}
	if e == nil || fits <= 0 || e.lane.perOffset == 0 {
		return
	}
	n, most := min(e.end-f.Next, fits), int64(maxFetch)
	if large := c.largeLocked(); large > maxFetch && f.Next+fits >= e.end && r.e.starvesLocked() {
		n, most = max(n, e.lane.unreadLocked(e)-f.Next), large
	}
	e.reach = f.Next + n
	r.ahead = r.fetch(e, f.Next, e.lane.fetchSizeLocked(n, most))
}

// largeLocked bounds fetches for readers that starve, in bytes: by what other permits leave unused, and by the cache, for
// what they bring of the next chunks is put there without asking for room.
func (c *Cache) largeLocked() int64 {
	return min(maxStarved, int64(c.permits)/max(1, c.stats.Active.Load())*maxFetch, c.limit.Load()/2)
}

// followedLocked reports whether somebody waits for e who goes on from an offset. Who has not been given anything yet may
// want no more than one event, and the next one who comes should not find the connection in use for that.
func (e *entry) followedLocked(from int64) bool {
	for cur := range e.waiting {
		if cur.To > from && cur.seen >= 0 {
			return true
		}
	}
	return false
}

// starvesLocked reports whether a reader can do nothing without e.
func (e *entry) starvesLocked() bool {
	for cur := range e.waiting {
		if cur.waitsFor(e) {
			return true
		}
	}
	return false
}

// unreadLocked is how far those who wait for e are going to read, without what others have read behind it or read now.
func (l *lane) unreadLocked(e *entry) (to int64) {
	for cur := range e.waiting {
		to = max(to, cur.To)
	}
	for _, o := range l.entries {
		if o.start >= e.end && (o.chunk != nil || o.state == active) {
			to = min(to, o.start)
		}
	}
	return to
}
