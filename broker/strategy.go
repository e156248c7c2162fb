package broker

import (
	"sync/atomic"

	"github.com/IBM/sarama"
)

// rangeAlone is the range strategy for a group that must have one member. It
// notes how many there are: the leader of a group sees all of them.
type rangeAlone struct {
	sarama.BalanceStrategy
	members atomic.Int64
}

func newRangeAlone() *rangeAlone {
	return &rangeAlone{BalanceStrategy: sarama.NewBalanceStrategyRange()}
}

// Plan implements sarama.BalanceStrategy.
func (r *rangeAlone) Plan(members map[string]sarama.ConsumerGroupMemberMetadata, topics map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	r.members.Store(int64(len(members)))
	return r.BalanceStrategy.Plan(members, topics)
}

// secondMember reports whether another member of the group is proved: by the
// last plan when this one leads, else by the word of the coordinator.
func (l *liveClient) secondMember() bool {
	if l.strategy.members.Load() > 1 {
		return true
	}
	coordinator, err := l.client.Coordinator(l.id)
	if err != nil {
		return false
	}
	answer, err := coordinator.DescribeGroups(&sarama.DescribeGroupsRequest{Groups: []string{l.id}})
	return err == nil && len(answer.Groups) == 1 && len(answer.Groups[0].Members) > 1
}
