package broker

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// silentPatience is how long a broker that is silent is waited for at first:
	// longer than a lost SYN takes, which is sent again after a second.
	silentPatience = 1500 * time.Millisecond

	// silentShare is the part of its silence that it is waited for later: one that
	// is not frozen but slow gets the whole timeout again, within twenty seconds.
	silentShare = 4

	// silentMemory is how long a silent broker is remembered that nobody is
	// connected to.
	silentMemory = time.Minute
)

// peers are the brokers by address, as heard by all clients. The zero value is
// empty.
type peers struct {
	mu     sync.Mutex
	byAddr map[string]*peer
}

// peer is one broker. It is silent when somebody has waited for it as long as
// the configuration says and nothing came from it meanwhile, on any connection,
// until something comes. The kernel of a frozen broker takes connections as
// before, and sarama asks such a broker for metadata, offsets and coordinators
// like any other: what each of these waits for is what live clients wait for
// (measured: 21 to 29 s, of which a leader frozen for 30 s needed 2).
type peer struct {
	heard  atomic.Int64 // when something came last, Unix nanoseconds
	silent atomic.Int64 // since when it is silent, Unix nanoseconds; 0: it is not

	mu    sync.Mutex
	conns map[*leashed]struct{}
}

// at is the broker at an address.
func (p *peers) at(addr string) *peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.byAddr[addr]; known != nil {
		return known
	}
	for a, old := range p.byAddr {
		if old.forgettable() {
			delete(p.byAddr, a)
		}
	}
	if p.byAddr == nil {
		p.byAddr = map[string]*peer{}
	}
	p.byAddr[addr] = &peer{conns: map[*leashed]struct{}{}}
	return p.byAddr[addr]
}

func (p *peer) forgettable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) == 0 && time.Since(time.Unix(0, p.silent.Load())) > silentMemory
}

// hear notes that something came.
func (p *peer) hear(now time.Time) {
	p.heard.Store(now.UnixNano())
	if p.silent.Load() != 0 {
		p.silent.Store(0)
	}
}

// waited notes that somebody has waited in vain since then.
func (p *peer) waited(since int64) {
	if p.heard.Load() >= since || !p.silent.CompareAndSwap(0, since) {
		return
	}
	// Others wait too, and whoever wants to know about the cluster waits for them:
	// sarama locks a broker while it asks.
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.hurry()
	}
}

// patience is how long to wait for the broker instead of so long.
func (p *peer) patience(d time.Duration) time.Duration {
	since := p.silent.Load()
	if since == 0 {
		return d
	}
	return min(d, max(silentPatience, time.Since(time.Unix(0, since))/silentShare))
}

func (p *peer) add(c *leashed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
}

func (p *peer) remove(c *leashed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// SetReadDeadline implements net.Conn. sarama sets one for each answer, and gives
// the whole of it one read timeout: on a slow network a fetch of some MiB takes
// longer, would be given up, and asked for again for ever (measured: 1 MB/s, 3
// partitions). So what arrives moves it on. A broker that is dead sends nothing.
func (c *leashed) SetReadDeadline(t time.Time) error {
	now := time.Now()
	c.asked.Store(0)
	if !t.IsZero() {
		c.asked.Store(int64(t.Sub(now)))
	}
	return c.wait(now, t)
}

// SetDeadline implements net.Conn.
func (c *leashed) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// wait begins one that lasts until t, or less long.
func (c *leashed) wait(now, t time.Time) error {
	if t.After(now) {
		t = now.Add(c.peer.patience(t.Sub(now)))
	}
	c.since.Store(now.UnixNano())
	c.until.Store(t.UnixNano())
	return c.Conn.SetReadDeadline(t)
}

// arrived gives the rest as long as what has come had. Not for every read: most
// come at once.
func (c *leashed) arrived(now time.Time) {
	if asked := c.asked.Load(); asked > 0 && now.UnixNano()-c.since.Load() > asked/8 {
		_ = c.wait(now, now.Add(time.Duration(asked))) // fails on a closed connection, as the next read will
	}
}

// hurry shortens the wait of the moment.
func (c *leashed) hurry() {
	now := time.Now()
	until := time.Unix(0, c.until.Load())
	if t := now.Add(c.peer.patience(until.Sub(now))); t.Before(until) {
		_ = c.Conn.SetReadDeadline(t) // the only error is that it is closed
	}
}

// Read implements net.Conn.
func (c *leashed) Read(b []byte) (int, error) {
	if late := c.late.Load(); late != nil {
		return 0, *late
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		now := time.Now()
		c.peer.hear(now)
		c.arrived(now)
	}
	if isTimeout(err) {
		c.late.Store(&err)
		c.peer.waited(c.since.Load())
	}
	return n, err
}

// Write implements net.Conn. An answer that did not come in time would be taken
// for the next one, if that came at all: sarama asks twice more on the same
// connection when it has just been opened, and waits each time.
func (c *leashed) Write(b []byte) (int, error) {
	if late := c.late.Load(); late != nil {
		return 0, *late
	}
	return c.Conn.Write(b)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
