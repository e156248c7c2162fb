package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Controller returns the number of the node that leads the metadata quorum. Metadata answers name any broker as the
// controller (KIP-590), so the quorum itself is described.
func (c *Cluster) Controller(ctx context.Context) (int, error) {
	fail := func(err error) (int, error) { return 0, fmt.Errorf("cannot find the controller: %w", err) }
	client, err := kgo.NewClient(kgo.SeedBrokers(c.runningAddrs()...))
	if err != nil {
		return fail(err)
	}
	defer client.Close()
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return fail(err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.LeaderID > 0 {
				return int(p.LeaderID), nil
			}
		}
	}
	return fail(fmt.Errorf("no leader in %+v", resp))
}
