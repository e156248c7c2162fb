package raw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// leader is where to ask about a partition.
type leader struct {
	node   int32
	epoch  int32  // -1: not told
	answer uint64 // number of the metadata answer that told it
	addr   string // "": none
	err    error  // why there is none
}

// leadersOf returns the leader of each partition. Those that were told by an answer not newer than stale are asked for
// again; concurrent callers with the same complaint share one request. The error says that nobody answered.
func (c *Client) leadersOf(ctx context.Context, parts []TP, stale uint64) (map[TP]leader, error) {
	if found, missing := c.knownLeaders(parts, stale); len(missing) == 0 {
		return found, nil
	}
	select {
	case <-c.refresh:
		defer func() { c.refresh <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, ErrClosed
	}
	found, missing := c.knownLeaders(parts, stale)
	if len(missing) == 0 {
		return found, nil
	}
	topics := make(map[string]struct{})
	var names []string
	for _, tp := range missing {
		if _, ok := topics[tp.Topic]; !ok {
			topics[tp.Topic] = struct{}{}
			names = append(names, tp.Topic)
		}
	}
	if stale > 0 {
		c.doubt()
	}
	cl, err := c.Metadata(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, tp := range missing {
		found[tp] = c.leaderIn(cl, tp)
	}
	return found, nil
}

// knownLeaders splits parts into those whose leader was told after the answer numbered stale, and the others.
func (c *Client) knownLeaders(parts []TP, stale uint64) (found map[TP]leader, missing []TP) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found = make(map[TP]leader, len(parts))
	for _, tp := range parts {
		l, ok := c.leaders[tp]
		l.addr = c.nodes[l.node]
		if ok && l.answer > stale && l.addr != "" {
			found[tp] = l
		} else {
			missing = append(missing, tp)
		}
	}
	return found, missing
}

// doubt makes the next broker the first to be asked for metadata: the answer of the last one was of no use.
func (c *Client) doubt() {
	addrs := c.candidates()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(addrs) > 1 {
		c.good = addrs[1]
	}
}

// leaderIn returns the leader of tp that cl tells, which may be none.
func (c *Client) leaderIn(cl Cluster, tp TP) leader {
	c.mu.Lock()
	defer c.mu.Unlock()
	none := func(err error) leader { return leader{node: -1, epoch: -1, answer: c.answers, err: err} }
	t := cl.Topics[tp.Topic]
	if t.Err != nil {
		if errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition) {
			delete(c.leaders, tp)
			return none(fmt.Errorf("%w: topic %s", ErrUnknownTopic, tp.Topic))
		}
		return none(fmt.Errorf("cannot find topic %s: %w", tp.Topic, t.Err))
	}
	for _, p := range t.Partitions {
		if p.ID != tp.Partition {
			continue
		}
		addr := cl.Brokers[p.Leader]
		if addr == "" {
			return none(fmt.Errorf("%s/%d has no leader: %w", tp.Topic, tp.Partition, sarama.ErrLeaderNotAvailable))
		}
		return leader{node: p.Leader, epoch: p.LeaderEpoch, answer: c.answers, addr: addr}
	}
	return none(fmt.Errorf("%w: %s/%d", ErrUnknownTopic, tp.Topic, tp.Partition))
}

// onLeader calls question with the leader of tp, and again with a leader asked for anew while the answer is that it is
// none, or while none comes.
func (c *Client) onLeader(ctx context.Context, tp TP, question func(leader) error) error {
	start := time.Now()
	for try, stale := 1, uint64(0); ; try++ {
		leaders, err := c.leadersOf(ctx, []TP{tp}, stale)
		if err != nil {
			return fmt.Errorf("cannot find the leader of %s/%d: %w", tp.Topic, tp.Partition, err)
		}
		l := leaders[tp]
		if err = l.err; err == nil {
			err = question(l)
		}
		if err == nil || !again(err, l) {
			return err
		}
		if !c.pause(ctx, try, start) {
			c.forget(tp, l)
			return err
		}
		stale = l.answer
	}
}

// forget makes the next question about tp ask for its leader first: the one that is known was of no use, and whoever
// asks again knows nothing of that. A broker that is frozen leads until somebody else is asked.
func (c *Client) forget(tp TP, l leader) {
	c.mu.Lock()
	known := c.leaders[tp].answer <= l.answer
	if known {
		delete(c.leaders, tp)
	}
	silent := known && l.addr != "" && l.addr == c.good
	c.mu.Unlock()
	if silent {
		c.doubt()
	}
}

// again reports whether err, from asking l, may change with new metadata. A broker that lags behind the controller
// does not know the partition that it leads; that the topic is unknown in the metadata is an answer.
func again(err error, l leader) bool {
	return leaderMoved(err) || transport(err) || (l.err == nil && errors.Is(err, ErrUnknownTopic))
}
