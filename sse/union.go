package sse

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
)

// union is the Source of a view of several streams.
type union struct {
	view  *view
	feeds []*feed
}

// warmth is whether the view has all that its stream had when that was warm.
type warmth struct {
	is    atomic.Bool
	until atomic.Uint64 // sequence that the pump must have mirrored; 0: not known yet
}

// isWarm reports whether the stream is warm, and the pump has come so far.
func (f *feed) isWarm() bool {
	if f.warm.is.Load() {
		return true
	}
	if !f.stream.Source.Warm() {
		return false
	}
	f.warm.until.CompareAndSwap(0, f.ring.Head())
	if f.taken.Load() < f.warm.until.Load() {
		return false
	}
	f.warm.is.Store(true)
	return true
}

// Warm reports whether every stream is.
func (u *union) Warm() bool {
	return !slices.ContainsFunc(u.feeds, func(f *feed) bool { return !f.isWarm() })
}

// Live is where each stream's connections would start: those of one that is
// warm at the view's own position.
func (u *union) Live() (ringbuf.Vector, bool) {
	newest := u.view.Ring.Newest()
	if newest == nil {
		return ringbuf.Vector{}, false
	}
	v := newest.Vector()
	index := make(map[partition]int, len(v.Keys))
	for i, k := range v.Keys {
		index[partition{k.Topic, k.Partition}] = i
	}
	for _, f := range u.feeds {
		if f.isWarm() {
			continue
		}
		live, ok := f.stream.Source.Live()
		if !ok {
			return ringbuf.Vector{}, false
		}
		for i, k := range live.Keys {
			if at, ok := index[partition{k.Topic, k.Partition}]; ok && u.view.topics[k.Topic] == f.stream {
				v.Pos[at] = live.Pos[i]
			}
		}
	}
	return v, true
}

// PastEnd asks the stream that the topic is read from.
func (u *union) PastEnd(ctx context.Context, topic string, partition int32, offset int64) (end int64, past bool, err error) {
	return u.view.streamOfTopic(topic).Source.PastEnd(ctx, topic, partition, offset)
}

// LookUp asks the stream that the topic is read from, and waits until the view
// has what the stream has learned of it.
func (u *union) LookUp(ctx context.Context, topic string) (partitions int, exists bool, err error) {
	stream := u.view.streamOfTopic(topic)
	if partitions, exists, err = stream.Source.LookUp(ctx, topic); err != nil {
		return 0, false, err
	}
	for _, f := range u.feeds {
		for head := stream.Ring.Head(); f.stream == stream && f.taken.Load() < head; {
			select {
			case <-time.After(paceStep):
			case <-ctx.Done():
				return 0, false, ctx.Err()
			}
		}
	}
	return partitions, exists, nil
}
