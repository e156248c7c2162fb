package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

const (
	// startTimeout bounds a start whose context has no deadline; a first start on two busy cores takes up to 15 s.
	startTimeout = 2 * time.Minute
	pollInterval = 50 * time.Millisecond
	dialTimeout  = 2 * time.Second
	readTimeout  = 5 * time.Second
)

// errHopeless marks a state that asking again does not mend.
var errHopeless = errors.New("node ended by itself")

// poll tries until try returns nil, an errHopeless, or ctx ends; the last reason is in the error.
func poll(ctx context.Context, try func() error) error {
	retry := time.NewTicker(pollInterval)
	defer retry.Stop()
	for {
		err := try()
		if err == nil || errors.Is(err, errHopeless) {
			return err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		}
	}
}

// awaitReady waits until every running node answers, knows all the others, and every partition with replicas on them
// has a leader and these replicas in sync.
func (c *Cluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := poll(ctx, func() error {
		var up []*node
		var ids []int32
		for _, n := range c.nodes {
			if n.died() {
				return n.deathReason()
			}
			if n.answers() {
				up, ids = append(up, n), append(ids, int32(n.id))
			}
		}
		for _, n := range up {
			answer, err := c.metadata(n)
			if err != nil {
				return err
			}
			if err := complete(answer, ids); err != nil {
				return fmt.Errorf("node %d: %w", n.id, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot wait until Kafka is ready: %w", err)
	}
	return nil
}

// complete checks one node's metadata against the nodes that run.
func complete(answer *sarama.MetadataResponse, running []int32) error {
	for _, id := range running {
		if !slices.ContainsFunc(answer.Brokers, func(b *sarama.Broker) bool { return b.ID() == id }) {
			return fmt.Errorf("broker %d is not registered", id)
		}
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			for _, id := range running {
				if !slices.Contains(p.Replicas, id) {
					continue
				}
				if p.Leader < 0 {
					return fmt.Errorf("%s-%d has no leader", t.Name, p.ID)
				}
				if !slices.Contains(p.Isr, id) {
					return fmt.Errorf("%s-%d: replica %d is not in sync", t.Name, p.ID, id)
				}
			}
		}
	}
	return nil
}

// metadata asks one node, on a connection of its own, about the named topics; about all when none is named.
func (c *Cluster) metadata(n *node, topics ...string) (*sarama.MetadataResponse, error) {
	b := sarama.NewBroker(n.addr())
	if err := b.Open(c.options.clientConfig()); err != nil {
		return nil, fmt.Errorf("cannot ask node %d: %w", n.id, err)
	}
	answer, err := b.GetMetadata(sarama.NewMetadataRequest(sarama.V2_8_0_0, topics))
	// A connection that never came up cannot be closed; both are told by err.
	_ = b.Close()
	if err != nil {
		return nil, fmt.Errorf("cannot ask node %d: %w", n.id, err)
	}
	return answer, nil
}
