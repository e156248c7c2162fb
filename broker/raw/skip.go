package raw

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// SkipBatch returns the first offset above offset that can be fetched, for a batch at offset that cannot (ErrBatchTooLarge,
// ErrBatchUnreadable); offset itself if it can. It is never beyond the end: the last stable offset with readCommitted,
// else the high-water mark.
//
// A batch that is not decoded does not tell where it ends, but every offset inside it fails and the first behind it does
// not: so it is searched, doubling the distance and then halving, one fetch of one batch at a time. What lies between
// two such batches, and is smaller than they are, may be skipped with them.
func (c *Client) SkipBatch(ctx context.Context, tp TP, offset int64, readCommitted bool) (int64, error) {
	ends, err := c.Offsets(ctx, []TP{tp}, sarama.OffsetNewest, readCommitted)
	if err == nil {
		err = ends[tp].Err
	}
	if err != nil {
		return offset, fmt.Errorf("cannot skip a batch: %w", err)
	}
	end := ends[tp].Offset

	bad, good := offset-1, offset // nothing between them, as far as is known
	for step := int64(1); good < end; step *= 2 {
		ok, err := c.readable(ctx, tp, good, readCommitted)
		if err != nil {
			return offset, fmt.Errorf("cannot skip a batch: %w", err)
		}
		if ok {
			break
		}
		bad, good = good, min(good+step, end)
	}
	for good-bad > 1 {
		middle := bad + (good-bad)/2
		ok, err := c.readable(ctx, tp, middle, readCommitted)
		if err != nil {
			return offset, fmt.Errorf("cannot skip a batch: %w", err)
		}
		if ok {
			good = middle
		} else {
			bad = middle
		}
	}
	return good, nil
}

// readable reports whether the batch at offset can be decoded, now or when more has been written.
func (c *Client) readable(ctx context.Context, tp TP, offset int64, readCommitted bool) (bool, error) {
	_, err := c.Fetch(ctx, tp, offset, FetchOptions{MaxBytes: 1, ReadCommitted: readCommitted, LeaderEpoch: -1})
	switch {
	case unreadable(err):
		return false, nil
	case errors.Is(err, ErrBatchIncomplete):
		return true, nil
	}
	return err == nil, err
}
