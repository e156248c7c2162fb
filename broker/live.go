package broker

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// leaveTimeout is how long saying goodbye to a group may take.
const leaveTimeout = 500 * time.Millisecond

// liveClient is a consumer group and the client that is its alone: groups
// cannot share one.
type liveClient struct {
	id       string
	client   sarama.Client
	group    sarama.ConsumerGroup
	leash    *leash
	strategy *rangeAlone
	drained  chan struct{} // closed when the errors of the group have been read to their end
}

// newLive makes a group with an id that nobody else has: a member that died
// would be waited for, and a second one would get half of the partitions.
func (s *Stream) newLive() (*liveClient, error) {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	l := &liveClient{
		id:       s.b.groupID(s.cfg.Name, hex.EncodeToString(random[:])),
		leash:    newLeash(),
		strategy: newRangeAlone(),
		drained:  make(chan struct{}),
	}
	cfg, err := s.b.clientConfig(l.leash)
	if err != nil {
		return nil, err
	}
	// A new group waits 3 s for more members (KIP-134, the default of
	// group.initial.rebalance.delay.ms), and the answer to the join comes behind
	// that: with a read timeout of 3 s the first join always fails (measured).
	cfg.Net.ReadTimeout = 4 * time.Second
	cfg.Metadata.Timeout = 3 * cfg.Net.ReadTimeout
	// An eager strategy: every partition of every session passes Setup.
	cfg.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{l.strategy}
	client, err := sarama.NewClient(s.b.cfg.Brokers, cfg)
	if err != nil {
		return nil, err
	}
	l.client = newLongPoll(client)
	if l.group, err = sarama.NewConsumerGroupFromClient(l.id, l.client); err != nil {
		_ = l.client.Close()
		return nil, err
	}
	go func() {
		defer close(l.drained)
		for err := range l.group.Errors() {
			s.consumerError(err)
		}
	}()
	return l, nil
}

// groupID is the id of a group of a stream.
func (b *Broker) groupID(stream, random string) string {
	return strings.Join([]string{b.cfg.GroupPrefix, stream, b.cfg.Host, random}, ".")
}

// close leaves the group, and cuts the connections when that takes too long.
// No Consume may be running.
func (l *liveClient) close() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = l.group.Close()
	}()
	select {
	case <-left:
	case <-time.After(leaveTimeout):
	}
	l.leash.cut()
	_ = l.client.Close()
	<-left
	<-l.drained
}
