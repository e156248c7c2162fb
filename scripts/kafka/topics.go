package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// CreateTopic makes a topic and waits until every running node knows it with a leader for each partition.
// replicas 0 means the cluster's default. config holds topic settings, nil for none.
func (c *Cluster) CreateTopic(ctx context.Context, name string, partitions int32, replicas int16, config map[string]string) error {
	if replicas == 0 {
		replicas = int16(len(c.nodes))
	}
	entries := make(map[string]*string, len(config))
	for k, v := range config {
		entries[k] = &v
	}
	err := c.admin(func(a sarama.ClusterAdmin) error {
		return a.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replicas, ConfigEntries: entries}, false)
	})
	if err == nil {
		err = c.awaitPartitions(ctx, name, partitions)
	}
	if err != nil {
		return fmt.Errorf("cannot create topic %s: %w", name, err)
	}
	return nil
}

// CreateTopicOn is CreateTopic with the nodes of every partition; the first of them leads it.
func (c *Cluster) CreateTopicOn(ctx context.Context, name string, nodes [][]int32) error {
	on := make(map[int32][]int32, len(nodes))
	for p, n := range nodes {
		on[int32(p)] = n
	}
	err := c.admin(func(a sarama.ClusterAdmin) error {
		return a.CreateTopic(name, &sarama.TopicDetail{NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: on}, false)
	})
	if err == nil {
		err = c.awaitPartitions(ctx, name, int32(len(nodes)))
	}
	if err != nil {
		return fmt.Errorf("cannot create topic %s: %w", name, err)
	}
	return nil
}

// DeleteTopic removes a topic and waits until no running node knows it.
func (c *Cluster) DeleteTopic(ctx context.Context, name string) error {
	err := c.admin(func(a sarama.ClusterAdmin) error { return a.DeleteTopic(name) })
	if err == nil {
		err = c.awaitTopic(ctx, name, func(t *sarama.TopicMetadata) error {
			if !errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition) {
				return errors.New("the topic is still known")
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("cannot delete topic %s: %w", name, err)
	}
	return nil
}

// AddPartitions raises a topic's number of partitions to total and waits as CreateTopic does. That there are as many
// already is no error.
func (c *Cluster) AddPartitions(ctx context.Context, name string, total int32) error {
	err := c.admin(func(a sarama.ClusterAdmin) error { return a.CreatePartitions(name, total, nil, false) })
	if err == nil || errors.Is(err, sarama.ErrInvalidPartitions) {
		err = c.awaitPartitions(ctx, name, total)
	}
	if err != nil {
		return fmt.Errorf("cannot add partitions to %s: %w", name, err)
	}
	return nil
}

// DeleteRecords removes the records below the given offset of each partition.
func (c *Cluster) DeleteRecords(name string, before map[int32]int64) error {
	err := c.admin(func(a sarama.ClusterAdmin) error { return a.DeleteRecords(name, before) })
	if err != nil {
		return fmt.Errorf("cannot delete records of %s: %w", name, err)
	}
	return nil
}

// ElectPreferred moves the leadership of partitions back to their first replica. That it is there already is no error.
func (c *Cluster) ElectPreferred(name string, partitions ...int32) error {
	err := c.admin(func(a sarama.ClusterAdmin) error {
		results, err := a.ElectLeaders(sarama.PreferredElection, map[string][]int32{name: partitions})
		if err != nil {
			return err
		}
		for p, r := range results[name] {
			if r.ErrorCode != sarama.ErrNoError && r.ErrorCode != sarama.ErrElectionNotNeeded {
				return fmt.Errorf("partition %d: %w", p, r.ErrorCode)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot elect the preferred leaders of %s: %w", name, err)
	}
	return nil
}

// LeaderOf returns the number of the node that leads a partition, by the word of a running node that is not that
// leader where there is one.
func (c *Cluster) LeaderOf(topic string, partition int32) (int, error) {
	err := errors.New("no node is running")
	leader := -1
	for _, n := range c.nodes {
		if !n.answers() {
			continue
		}
		answer, askErr := c.metadata(n, topic)
		if askErr != nil {
			err = askErr
			continue
		}
		err = fmt.Errorf("node %d knows no leader", n.id)
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				if p.ID == partition && p.Leader > 0 {
					leader = int(p.Leader)
				}
			}
		}
		if leader > 0 && leader != n.id {
			break
		}
	}
	if leader < 0 {
		return 0, fmt.Errorf("cannot find the leader of %s-%d: %w", topic, partition, err)
	}
	return leader, nil
}

// NewestOffsets returns the next offset of every partition of a topic.
func (c *Cluster) NewestOffsets(topic string) (map[int32]int64, error) {
	client, err := sarama.NewClient(c.runningAddrs(), c.options.clientConfig())
	if err != nil {
		return nil, fmt.Errorf("cannot read offsets of %s: %w", topic, err)
	}
	defer client.Close()
	partitions, err := client.Partitions(topic)
	if err != nil {
		return nil, fmt.Errorf("cannot read offsets of %s: %w", topic, err)
	}
	ends := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		if ends[p], err = client.GetOffset(topic, p, sarama.OffsetNewest); err != nil {
			return nil, fmt.Errorf("cannot read the newest offset of %s-%d: %w", topic, p, err)
		}
	}
	return ends, nil
}

// admin calls do with an admin client of its own: after a fault no stale connection is in the way.
func (c *Cluster) admin(do func(sarama.ClusterAdmin) error) error {
	a, err := sarama.NewClusterAdmin(c.runningAddrs(), c.options.clientConfig())
	if err != nil {
		return err
	}
	defer a.Close()
	return do(a)
}

func (c *Cluster) runningAddrs() []string {
	var addrs []string
	for _, n := range c.nodes {
		if n.answers() {
			addrs = append(addrs, n.addr())
		}
	}
	return addrs
}

func (c *Cluster) awaitPartitions(ctx context.Context, name string, total int32) error {
	return c.awaitTopic(ctx, name, func(t *sarama.TopicMetadata) error {
		if t.Err != sarama.ErrNoError {
			return t.Err
		}
		if len(t.Partitions) != int(total) {
			return fmt.Errorf("%d of %d partitions", len(t.Partitions), total)
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("partition %d has no leader", p.ID)
			}
		}
		return nil
	})
}

// awaitTopic waits until what every running node says about a topic is as wanted.
func (c *Cluster) awaitTopic(ctx context.Context, name string, wanted func(*sarama.TopicMetadata) error) error {
	return poll(ctx, func() error {
		for _, n := range c.nodes {
			if !n.answers() {
				continue
			}
			answer, err := c.metadata(n, name)
			if err != nil {
				return err
			}
			for _, t := range answer.Topics {
				if err := wanted(t); err != nil {
					return fmt.Errorf("node %d: %w", n.id, err)
				}
			}
		}
		return nil
	})
}
