package raw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"
)

// Metadata asks one broker for the topics. The broker that answered last is asked first, so that the answers of a
// lagging one do not alternate with those of the others; after an error or a read timeout the next one is asked, at
// last the configured addresses. A topic that does not exist is in the answer, with its error.
func (c *Client) Metadata(ctx context.Context, topics []string) (Cluster, error) {
	if len(topics) == 0 {
		return Cluster{}, errors.New("cannot ask for the metadata of no topics: Kafka would tell about all")
	}
	var errs []error
	for _, addr := range c.candidates() {
		resp, err := c.metadataFrom(ctx, addr, topics)
		if err == nil {
			cl := newCluster(resp, topics)
			c.learn(addr, cl)
			return cl, nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return Cluster{}, err
		}
		errs = append(errs, err)
	}
	return Cluster{}, fmt.Errorf("%w for metadata: %w", errNoAnswer, errors.Join(errs...))
}

// metadataFrom waits no longer than a read may take, so that a broker that accepts no connection is left as soon as one
// that does not answer.
func (c *Client) metadataFrom(ctx context.Context, addr string, topics []string) (*sarama.MetadataResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.readTimeout, fmt.Errorf("%w within %v", errNoAnswer, c.readTimeout))
	defer cancel()
	return ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.MetadataResponse, error) {
		return b.GetMetadata(sarama.NewMetadataRequest(c.version, topics))
	})
}

// candidates lists the addresses to ask for metadata: the brokers of the last answer in the order of their ids,
// beginning with the one that gave it, then the configured addresses.
func (c *Client) candidates() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var addrs []string
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		addrs = append(addrs, c.nodes[id])
	}
	if i := slices.Index(addrs, c.good); i > 0 {
		addrs = slices.Concat(addrs[i:], addrs[:i])
	}
	for _, addr := range c.seeds {
		if !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// learn keeps what cl, the answer of the broker at addr, tells.
func (c *Client) learn(addr string, cl Cluster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good = addr
	c.answers++
	if len(cl.Brokers) > 0 {
		c.nodes = cl.Brokers
	}
	for name, t := range cl.Topics {
		for _, p := range t.Partitions {
			c.leaders[TP{name, p.ID}] = leader{node: p.Leader, epoch: p.LeaderEpoch, answer: c.answers}
		}
	}
}

// newCluster translates resp, the answer to a question about topics.
func newCluster(resp *sarama.MetadataResponse, topics []string) Cluster {
	cl := Cluster{
		Brokers: make(map[int32]string, len(resp.Brokers)),
		Topics:  make(map[string]Topic, len(topics)),
	}
	if resp.ClusterID != nil {
		cl.ID = *resp.ClusterID
	}
	for _, b := range resp.Brokers {
		cl.Brokers[b.ID()] = b.Addr()
	}
	for _, t := range resp.Topics {
		cl.Topics[t.Name] = newTopic(t)
	}
	for _, name := range topics {
		if _, ok := cl.Topics[name]; !ok {
			cl.Topics[name] = Topic{Err: sarama.ErrUnknownTopicOrPartition}
		}
	}
	return cl
}

func newTopic(t *sarama.TopicMetadata) Topic {
	topic := Topic{ID: t.Uuid, Err: kerror(t.Err)}
	if t.Err == sarama.ErrTopicAuthorizationFailed {
		topic.Err = denied(t.Err, Describe, t.Name)
	}
	for _, p := range t.Partitions {
		epoch := p.LeaderEpoch
		if p.Version < 7 {
			epoch = -1
		}
		topic.Partitions = append(topic.Partitions, Partition{ID: p.ID, Leader: p.Leader, LeaderEpoch: epoch, Err: kerror(p.Err)})
	}
	slices.SortFunc(topic.Partitions, func(a, b Partition) int { return cmp.Compare(a.ID, b.ID) })
	return topic
}
