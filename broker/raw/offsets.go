package raw

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// Offset is a leader's answer about one partition.
type Offset struct {
	Offset    int64 // -1: no record is that new
	Timestamp int64 // of the record found by time, milliseconds since 1970; otherwise -1
	Err       error // the other fields say nothing then
}

// Offsets asks the leaders of parts for an offset: the newest (sarama.OffsetNewest: the offset after the last record;
// with readCommitted the last stable offset), the oldest (sarama.OffsetOldest: the log start), or the first whose
// record has a time at or after at, in milliseconds since 1970.
//
// Each leader gets one request, all at the same time. The map has all of parts, some of them with an error, which
// Retriable may apply to. The error says that not even a leader could be asked for.
func (c *Client) Offsets(ctx context.Context, parts []TP, at int64, readCommitted bool) (map[TP]Offset, error) {
	return c.offsets(ctx, parts, func(TP) int64 { return at }, readCommitted)
}

// OffsetsByTime is Offsets with a time for each partition.
func (c *Client) OffsetsByTime(ctx context.Context, at map[TP]int64, readCommitted bool) (map[TP]Offset, error) {
	return c.offsets(ctx, slices.Collect(maps.Keys(at)), func(tp TP) int64 { return at[tp] }, readCommitted)
}

func (c *Client) offsets(ctx context.Context, parts []TP, at func(TP) int64, readCommitted bool) (map[TP]Offset, error) {
	result := make(map[TP]Offset, len(parts))
	start := time.Now()
	for try, stale := 1, uint64(0); len(parts) > 0; try++ {
		leaders, err := c.leadersOf(ctx, parts, stale)
		if err != nil {
			return nil, fmt.Errorf("cannot find the leaders of %d partitions: %w", len(parts), err)
		}
		c.offsetsFrom(ctx, leaders, at, readCommitted, result)
		var open []TP
		for _, tp := range parts {
			if o := result[tp]; o.Err != nil && again(o.Err, leaders[tp]) {
				open = append(open, tp)
				stale = max(stale, leaders[tp].answer)
			}
		}
		if len(open) == 0 {
			break
		}
		if !c.pause(ctx, try, start) {
			for _, tp := range open {
				c.forget(tp, leaders[tp])
			}
			break
		}
		parts = open
	}
	return result, nil
}

// offsetsFrom asks every leader once and adds the answers to result.
func (c *Client) offsetsFrom(ctx context.Context, leaders map[TP]leader, at func(TP) int64, readCommitted bool, result map[TP]Offset) {
	byAddr := make(map[string][]TP)
	for tp, l := range leaders {
		if l.err != nil {
			result[tp] = Offset{Offset: -1, Timestamp: -1, Err: l.err}
		} else {
			byAddr[l.addr] = append(byAddr[l.addr], tp)
		}
	}
	answers := make(chan map[TP]Offset, len(byAddr))
	for addr, parts := range byAddr {
		go func() { answers <- c.listOffsets(ctx, addr, parts, at, readCommitted) }()
	}
	for range byAddr {
		for tp, o := range <-answers {
			result[tp] = o
		}
	}
}

// listOffsets asks the broker at addr. The answer has all of parts.
func (c *Client) listOffsets(ctx context.Context, addr string, parts []TP, at func(TP) int64, readCommitted bool) map[TP]Offset {
	req := sarama.NewOffsetRequest(c.version)
	req.IsolationLevel = isolation(readCommitted)
	for _, tp := range parts {
		req.AddBlock(tp.Topic, tp.Partition, at(tp), 1)
	}
	resp, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.OffsetResponse, error) { return b.GetAvailableOffsets(req) })
	result := make(map[TP]Offset, len(parts))
	for _, tp := range parts {
		o := Offset{Offset: -1, Timestamp: -1, Err: err}
		if err == nil {
			o = newOffset(tp.Topic, resp.GetBlock(tp.Topic, tp.Partition))
		}
		if o.Err != nil {
			o.Err = fmt.Errorf("cannot list the offsets of %s/%d: %w", tp.Topic, tp.Partition, o.Err)
		}
		result[tp] = o
	}
	return result
}

func newOffset(topic string, b *sarama.OffsetResponseBlock) Offset {
	switch {
	case b == nil:
		return Offset{Offset: -1, Timestamp: -1, Err: sarama.ErrIncompleteResponse}
	case b.Err != sarama.ErrNoError:
		return Offset{Offset: -1, Timestamp: -1, Err: denied(b.Err, Describe, topic)}
	}
	return Offset{Offset: b.Offset, Timestamp: b.Timestamp}
}

// offsetFrom asks the broker at addr about one partition.
func (c *Client) offsetFrom(ctx context.Context, addr string, tp TP, at int64, readCommitted bool) (int64, error) {
	o := c.listOffsets(ctx, addr, []TP{tp}, func(TP) int64 { return at }, readCommitted)[tp]
	return o.Offset, o.Err
}

func isolation(readCommitted bool) sarama.IsolationLevel {
	if readCommitted {
		return sarama.ReadCommitted
	}
	return sarama.ReadUncommitted
}
