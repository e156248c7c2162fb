package raw

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// End is a leader's answer to the question whether an offset is past the end of its log.
type End struct {
	// Past is true only by the leader's word: its log ended below the offset when it was asked.
	Past bool

	// End is the offset that the next record to become visible can have: the last stable offset with readCommitted
	// (records of a transaction that is open now lie behind it), else the high-water mark. A client that was past the
	// end continues here. If Past is false it is a lower bound: a new leader's may lag behind for a moment.
	End int64
}

// PastEnd asks the leader of tp whether offset is past the end of its log, by a fetch at exactly offset with leaderEpoch,
// the highest seen (-1: none): a broker that was the leader once cannot answer, and other than the high-water mark,
// which lags, the log end cannot be too low. An offset below the log start is not past the end.
//
// Any error means that this is not known and must be asked again. After a topic was deleted and created again its epochs
// begin anew: with one of the old topic there is never an answer.
func (c *Client) PastEnd(ctx context.Context, tp TP, offset int64, leaderEpoch int32, readCommitted bool) (End, error) {
	var end End
	err := c.onLeader(ctx, tp, func(l leader) (err error) {
		end, err = c.pastEndOf(ctx, l, tp, offset, leaderEpoch, readCommitted)
		return err
	})
	if err != nil {
		return End{}, fmt.Errorf("cannot ask for the end: %w", err)
	}
	return end, nil
}

func (c *Client) pastEndOf(ctx context.Context, l leader, tp TP, offset int64, leaderEpoch int32, readCommitted bool) (End, error) {
	b, err := c.fetchBlock(ctx, l.addr, tp, offset, FetchOptions{
		MaxBytes:      1,
		ReadCommitted: readCommitted,
		LeaderEpoch:   max(leaderEpoch, l.epoch),
	})
	switch {
	case err == nil && readCommitted:
		return End{End: b.LastStableOffset}, nil
	case err == nil:
		return End{End: b.HighWaterMarkOffset}, nil
	case unreadable(err):
		return End{End: offset + 1}, nil // there is a batch
	case !errors.Is(err, sarama.ErrOffsetOutOfRange):
		return End{}, err
	}
	// Kafka tells neither start nor end with this error.
	start, err := c.offsetFrom(ctx, l.addr, tp, sarama.OffsetOldest, false)
	if err != nil {
		return End{}, err
	}
	end, err := c.offsetFrom(ctx, l.addr, tp, sarama.OffsetNewest, readCommitted)
	switch {
	case err != nil:
		return End{}, err
	case offset < start:
		return End{End: end}, nil
	case offset == start, end >= offset: // the log moved between the questions
		return End{}, fmt.Errorf("%s/%d goes from %d to %d now, offset %d was out of range: %w",
			tp.Topic, tp.Partition, start, end, offset, sarama.ErrOffsetNotAvailable)
	}
	return End{Past: true, End: end}, nil
}
