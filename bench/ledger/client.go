package ledger

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	defaultReadSize       = 16 << 10
	defaultReconnectDelay = 20 * time.Millisecond
	// keptNotices bounds the notices that a client remembers.
	keptNotices = 64
)

// Client follows one stream over any number of connections, one at a time, as a browser's EventSource does, and feeds its
// Receipt. Visit and Follow are called from one goroutine; everything else from any.
type Client struct {
	// Set at construction.
	config  Config
	receipt *Receipt

	// Guarded by mu.
	mu      sync.Mutex
	lastID  string
	retry   time.Duration
	counts  Counts
	notices []Notice
	conn    net.Conn      // of the current connection
	cut     bool          // Cut was called for it
	paused  chan struct{} // closed by Resume; nil: not paused
	turn    int           // URLs used so far
}

// NewClient makes a client; it connects when Visit or Follow is called.
func NewClient(config Config) *Client {
	if config.Book == nil {
		config.Book = NewBook(nil)
	}
	if config.ReadSize == 0 {
		config.ReadSize = defaultReadSize
	}
	if config.ReconnectDelay == 0 {
		config.ReconnectDelay = defaultReconnectDelay
	}
	c := &Client{config: config, receipt: NewReceipt(config.Book, config.Start), lastID: config.LastEventID, retry: -1}
	if config.StartPaused {
		c.paused = make(chan struct{})
	}
	return c
}

// Follow connects again and again, to one URL after the other, until ctx ends. Unlike a browser it also does so after a
// status that is not 200; Counts and OnEnd tell.
func (c *Client) Follow(ctx context.Context) {
	for ctx.Err() == nil {
		c.Visit(ctx, Visit{})
		delay := c.config.ReconnectDelay
		if retry, ok := c.Retry(); ok && c.config.ObeyRetry {
			delay = retry
		}
		wait(ctx, delay)
	}
}

// FollowUntil follows in the background until every booked record below end has arrived, then stops. When ctx ends first
// the error says what is wrong or missing.
func (c *Client) FollowUntil(ctx context.Context, end Positions) error {
	following, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.Follow(following)
	}()
	err := c.WaitUntil(ctx, end)
	stop()
	<-stopped
	return err
}

// reachedPoll is how often WaitUntil looks; acknowledgements come without a signal.
const reachedPoll = 2 * time.Millisecond

// WaitUntil waits until every booked record below end has arrived, or ctx ends.
func (c *Client) WaitUntil(ctx context.Context, end Positions) error {
	for !c.receipt.Reached(end) {
		if !wait(ctx, reachedPoll) {
			if err := c.receipt.Check(end); err != nil {
				return fmt.Errorf("cannot wait longer for the end: %w: %w", ctx.Err(), err)
			}
			return nil
		}
	}
	return nil
}

// Check is Receipt().Check.
func (c *Client) Check(end Positions) error { return c.receipt.Check(end) }

// Receipt is the client's account.
func (c *Client) Receipt() *Receipt { return c.receipt }

// Cut closes the current connection at once, with a reset if so asked. It reports whether there was one.
func (c *Client) Cut(reset bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return false
	}
	c.cut = true
	closeConn(c.conn, reset)
	return true
}

// HalfClose closes the sending side of the current connection.
func (c *Client) HalfClose() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("cannot half-close: no connection that can")
	}
	return half.CloseWrite()
}

// Pause stops reading after the read in progress; the socket stays open.
func (c *Client) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused == nil {
		c.paused = make(chan struct{})
	}
}

// Resume reads on.
func (c *Client) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused != nil {
		close(c.paused)
		c.paused = nil
	}
}

// LastEventID is what the next connection will send, "" for nothing.
func (c *Client) LastEventID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastID
}

// Retry is the reconnection time that the server asked for; false: it never did.
func (c *Client) Retry() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.retry, c.retry >= 0
}

// Counts are the sums so far.
func (c *Client) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// Notices are the notices so far, at most the first 64.
func (c *Client) Notices() []Notice {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Notice(nil), c.notices...)
}

// Connected says whether a connection is open.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

// nextURL takes the URLs in turn.
func (c *Client) nextURL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	url := c.config.URLs[c.turn%len(c.config.URLs)]
	c.turn++
	return url
}

// count changes the counts under the lock.
func (c *Client) count(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.counts)
}

// wait waits for d; false: ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// closeConn closes with a FIN, or with a reset where the transport can.
func closeConn(conn net.Conn, reset bool) {
	if t, ok := conn.(interface{ SetLinger(seconds int) error }); ok && reset {
		// An option that cannot be set leaves a normal close.
		_ = t.SetLinger(0)
	}
	conn.Close()
}
