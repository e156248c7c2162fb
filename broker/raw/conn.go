package raw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// broker returns the connection to addr, open or opening.
func (c *Client) broker(addr string) (*sarama.Broker, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if b := c.conns[addr]; b != nil {
		return b, nil
	}
	b := sarama.NewBroker(addr)
	// A configuration of its own: Open writes to it.
	if err := b.Open(c.sarama()); err != nil {
		return nil, fmt.Errorf("cannot open a connection to %s: %w", addr, err)
	}
	c.conns[addr] = b
	return b, nil
}

// drop forgets the connection b to addr and closes it when it is free. The next request opens a new one.
func (c *Client) drop(addr string, b *sarama.Broker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns[addr] != b {
		return // dropped by another request, or by Close
	}
	delete(c.conns, addr)
	c.running.Go(func() { closeBroker(b) })
}

// closeBroker waits for the request that b is at.
func closeBroker(b *sarama.Broker) {
	_ = b.Close() // the only error is that it is closed already, by sarama after an error or because it never opened
}

// start runs fn in a goroutine that Close waits for.
func (c *Client) start(fn func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.running.Go(fn)
	return nil
}

type answer[T any] struct {
	value T
	err   error
	whole bool
}

// ask sends one request to the broker at addr. sarama knows no contexts: a caller that gives up leaves the request to
// its goroutine, which ends with the timeouts of the configuration. After an error the connection may be out of step,
// unless it was read well and only its contents were refused.
func ask[T any](ctx context.Context, c *Client, addr string, request func(*sarama.Broker) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	b, err := c.broker(addr)
	if err != nil {
		return none, err
	}
	answers := make(chan answer[T], 1)
	err = c.start(func() {
		v, err := request(b)
		whole := err != nil && !transport(err) && open(b)
		if err != nil && !errors.Is(err, sarama.ErrDecompressedBatchTooLarge) {
			c.drop(addr, b)
		}
		answers <- answer[T]{v, err, whole}
	})
	if err != nil {
		return none, err
	}
	select {
	case a := <-answers:
		if a.err != nil {
			return none, &BrokerError{addr, a.err, a.whole}
		}
		return a.value, nil
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), errNoAnswer) {
			c.drop(addr, b) // our own patience ended: whoever asks next shall not wait behind this request
		}
		return none, &BrokerError{Addr: addr, Err: context.Cause(ctx)}
	case <-c.done:
		return none, ErrClosed
	}
}

// open reports whether b is still connected. sarama closes a connection that has failed.
func open(b *sarama.Broker) bool {
	connected, err := b.Connected()
	return connected && err == nil
}

// pause waits before try number try, the second being 1: not at all before the second, since what failed was most
// often our own knowledge, then 50 ms and doubling. It reports false if there is no time to try again.
func (c *Client) pause(ctx context.Context, try int, start time.Time) bool {
	if ctx.Err() != nil || try >= maxTries || time.Since(start) > maxRetryTime {
		return false
	}
	if try == 1 {
		return true
	}
	t := time.NewTimer(firstPause << (try - 2))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	case <-c.done:
		return false
	}
}

const (
	// maxTries with these pauses is 750 ms: a leader election among live brokers took less than 300 ms (measured).
	maxTries   = 6
	firstPause = 50 * time.Millisecond

	// maxRetryTime keeps a broker that is frozen from costing its timeout at every try.
	maxRetryTime = 2 * time.Second
)
