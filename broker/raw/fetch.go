package raw

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/IBM/sarama"
)

// FetchOptions say how to fetch.
type FetchOptions struct {
	// MaxBytes is how much to read at most, 1 MiB when 0. One batch comes whole, however large it is.
	MaxBytes int32

	// MaxWait is how long the leader may wait for a record to come. All else that is asked of this broker through the
	// same client waits meanwhile: 0 to 20 ms.
	MaxWait time.Duration

	// ReadCommitted leaves out the records of aborted transactions and what lies at or above the last stable offset.
	ReadCommitted bool

	// LeaderEpoch is the highest leader epoch seen, -1 for unknown: only a leader with this epoch, or a higher one
	// that metadata tells, may answer.
	LeaderEpoch int32
}

// Record is a record that was fetched. Key and Value point into the response: who keeps one of them keeps all of it, so
// copy.
type Record struct {
	Offset     int64
	Time       int64  // milliseconds since 1970; -1: none
	Key, Value []byte // nil: null
}

// Fetched is what one fetch brought.
type Fetched struct {
	Records []Record // by offset, none below the offset asked for

	// Next is where to read on: the offset after the last batch that came. It is the offset asked for when no batch
	// came, which proves nothing. If it is higher and there are no records, the offsets between hold none (visible
	// with these options): control batches, aborted transactions, batches that compaction emptied.
	Next int64

	HighWaterMark, LastStable, LogStart int64

	Compressed bool // there is a batch that was compressed: the records are longer than what came

	Epoch int32 // the highest leader epoch in the batches, -1: no batch
}

// Fetch reads tp from offset on, one response.
//
// An *OutOfRangeError means that the leader has no such offset. ErrBatchTooLarge and ErrBatchUnreadable are about the
// very batch that holds offset: what lies before such a batch is delivered first. Where Retriable is true the leader
// was asked for several times already.
func (c *Client) Fetch(ctx context.Context, tp TP, offset int64, opt FetchOptions) (Fetched, error) {
	var f Fetched
	err := c.onLeader(ctx, tp, func(l leader) (err error) {
		f, err = c.fetchFrom(ctx, l, tp, offset, opt)
		return err
	})
	if err != nil {
		return Fetched{}, err
	}
	return f, nil
}

// fetchFrom asks l, with more bytes when no batch came whole and with fewer when one of them cannot be decoded, because
// then sarama returns none.
func (c *Client) fetchFrom(ctx context.Context, l leader, tp TP, offset int64, opt FetchOptions) (Fetched, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = defaultMaxBytes
	}
	if opt.LeaderEpoch >= 0 {
		opt.LeaderEpoch = max(opt.LeaderEpoch, l.epoch)
	}
	for shrinking := false; ; {
		b, err := c.fetchBlock(ctx, l.addr, tp, offset, opt)
		switch {
		case unreadable(err) && opt.MaxBytes > 1:
			shrinking, opt.MaxBytes = true, max(1, opt.MaxBytes/shrink)
			continue
		case errors.Is(err, sarama.ErrOffsetOutOfRange):
			return Fetched{}, c.outOfRange(ctx, l, tp, offset)
		case err != nil:
			return Fetched{}, err
		}
		f, cut := decodeBlock(b, offset, opt.ReadCommitted)
		if f.Next > offset || !cut {
			return f, nil
		}
		switch {
		case !shrinking && int64(opt.MaxBytes) < c.growLimit():
			opt.MaxBytes = int32(min(grow*int64(opt.MaxBytes), c.growLimit()))
		case opt.MaxBytes > 1: // a batch without records before the one that is cut is seen only when it comes alone
			shrinking, opt.MaxBytes = true, 1
		default:
			return Fetched{}, fmt.Errorf("%w: offset %d of %s/%d with %d bytes asked for",
				ErrBatchIncomplete, offset, tp.Topic, tp.Partition, c.growLimit())
		}
		opt.MaxWait = 0 // something came, so there is nothing to wait for
	}
}

const (
	// shrink is by how much less is asked for after a response that cannot be decoded: four tries from 1 MiB to 1.
	shrink = 32

	// grow is by how much more is asked for after a response without a complete batch.
	grow = 16
)

// growLimit is the most that is asked for, in bytes: a batch of the largest size, compressed badly.
func (c *Client) growLimit() int64 {
	return min(c.maxBatch+c.maxBatch/16+1024, int64(sarama.MaxResponseSize)-1024)
}

// fetchBlock asks the broker at addr once.
func (c *Client) fetchBlock(ctx context.Context, addr string, tp TP, offset int64, opt FetchOptions) (*sarama.FetchResponseBlock, error) {
	req := &sarama.FetchRequest{
		Version:      fetchVersion,
		MaxWaitTime:  int32((opt.MaxWait + time.Millisecond - 1) / time.Millisecond),
		MinBytes:     1,
		MaxBytes:     math.MaxInt32, // the one partition has its own limit
		Isolation:    isolation(opt.ReadCommitted),
		SessionEpoch: -1, // no fetch session (KIP-227)
	}
	req.AddBlock(tp.Topic, tp.Partition, offset, opt.MaxBytes, opt.LeaderEpoch)
	resp, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.FetchResponse, error) { return b.Fetch(req) })
	if err == nil {
		err = kerror(sarama.KError(resp.ErrorCode))
	}
	if err == nil {
		b := resp.GetBlock(tp.Topic, tp.Partition)
		if b == nil {
			err = sarama.ErrIncompleteResponse
		} else if err = denied(b.Err, Read, tp.Topic); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("cannot fetch offset %d of %s/%d: %w", offset, tp.Topic, tp.Partition, named(err))
}

// fetchVersion is the last one that names topics and has no tagged fields; it has the leader epoch (KIP-320).
const fetchVersion = 11

// named adds the error of this package to what sarama says about a batch.
func named(err error) error {
	var malformed sarama.PacketDecodingError
	var from *BrokerError
	switch {
	case errors.Is(err, sarama.ErrDecompressedBatchTooLarge):
		return fmt.Errorf("%w: %w", ErrBatchTooLarge, err)
	case errors.As(err, &malformed), errors.As(err, &from) && from.whole:
		return fmt.Errorf("%w: %w", ErrBatchUnreadable, err)
	}
	return err
}

func unreadable(err error) bool {
	return errors.Is(err, ErrBatchTooLarge) || errors.Is(err, ErrBatchUnreadable)
}

// outOfRange asks l for its log start too: Kafka tells none with this error.
func (c *Client) outOfRange(ctx context.Context, l leader, tp TP, offset int64) error {
	start, err := c.offsetFrom(ctx, l.addr, tp, sarama.OffsetOldest, false)
	if err != nil {
		start = -1
	}
	return &OutOfRangeError{TP: tp, Offset: offset, LogStart: start}
}
