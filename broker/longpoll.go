package broker

import (
	"sync"

	"github.com/IBM/sarama"
)

// longPoll is a client whose fetches have connections of their own. A fetch is
// a long poll, and sarama holds the lock of a broker until the answer comes:
// on one connection every heartbeat and every question for metadata or offsets
// waits behind it (measured: half of them for more than 989 ms with 500 ms of
// waiting, 0.25 ms apart from it).
type longPoll struct {
	sarama.Client // answers everything else

	mu      sync.Mutex
	brokers map[int32]*sarama.Broker // by id; nil: closed
}

// newLongPoll takes over a client.
func newLongPoll(c sarama.Client) *longPoll {
	return &longPoll{Client: c, brokers: map[int32]*sarama.Broker{}}
}

// LeaderAndEpoch implements sarama.Client; consumers ask it whom to fetch from.
func (c *longPoll) LeaderAndEpoch(topic string, partition int32) (*sarama.Broker, int32, error) {
	leader, epoch, err := c.Client.LeaderAndEpoch(topic, partition)
	if err != nil {
		return nil, epoch, err
	}
	b, err := c.own(leader)
	return b, epoch, err
}

// Broker implements sarama.Client; consumers ask it for the nearest replica.
func (c *longPoll) Broker(id int32) (*sarama.Broker, error) {
	b, err := c.Client.Broker(id)
	if err != nil {
		return nil, err
	}
	return c.own(b)
}

// own is the connection for fetches to a broker, open or opening.
func (c *longPoll) own(known *sarama.Broker) (*sarama.Broker, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.brokers == nil {
		return nil, sarama.ErrClosedClient
	}
	b := c.brokers[known.ID()]
	if b == nil || b.Addr() != known.Addr() {
		if b != nil {
			go func() { _ = b.Close() }() // waits for the request it is at
		}
		// Consumers compare ids, and NewBroker gives none.
		var r sarama.MetadataResponse
		r.AddBroker(known.Addr(), known.ID())
		b = r.Brokers[0]
		c.brokers[known.ID()] = b
	}
	_ = b.Open(c.Config()) // the only errors: it is open, and what the other connection had met before
	return b, nil
}

// Close closes all connections.
func (c *longPoll) Close() error {
	c.mu.Lock()
	brokers := c.brokers
	c.brokers = nil
	c.mu.Unlock()
	for _, b := range brokers {
		_ = b.Close() // the only error: it is closed already
	}
	return c.Client.Close()
}
