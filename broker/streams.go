package broker

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Check reports what is missing.
func (sc *StreamConfig) Check() error {
	if len(sc.Topics) == 0 || sc.Ring == nil || sc.Encoder == nil {
		return fmt.Errorf("cannot add stream %q: topics, ring and encoder are needed", sc.Name)
	}
	return nil
}

// Add begins to read one more stream. While the broker runs it is read at once,
// else from Run on.
func (b *Broker) Add(sc StreamConfig) (*Stream, error) {
	if err := sc.Check(); err != nil {
		return nil, err
	}
	sc.MaxEvent = orDefault(sc.MaxEvent, 4<<20)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streamLocked(sc.Name) != nil {
		return nil, fmt.Errorf("cannot add stream %q: it is there already", sc.Name)
	}
	s := newStream(b, sc)
	b.streams = append(slices.Clip(b.streams), s)
	if b.ctx != nil && b.ctx.Err() == nil {
		b.startLocked(s)
	}
	return s, nil
}

// startLocked runs a stream until the broker ends or the stream is removed.
func (b *Broker) startLocked(s *Stream) {
	ctx, cancel := context.WithCancel(b.ctx)
	done := s.done
	s.stop = cancel
	b.running.Go(func() {
		defer close(done)
		defer cancel()
		s.run(ctx)
	})
}

// Remove ends reading a stream and forgets it, with its metrics, once its
// connections are closed. Its ring stays as it is. A stream that is not there is
// no error.
func (b *Broker) Remove(name string) {
	b.mu.Lock()
	s := b.streamLocked(name)
	b.streams = slices.DeleteFunc(slices.Clone(b.streams), func(x *Stream) bool { return x == s })
	b.mu.Unlock()
	if s == nil {
		return
	}
	s.end()
	s.m.forget()
}

// end ends run, if it has begun, and waits for it. The stream is in no list that
// it could be started from.
func (s *Stream) end() {
	if s.stop != nil {
		s.stop()
		<-s.done
	}
}

// Stream returns the stream of that name, nil when there is none.
func (b *Broker) Stream(name string) *Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streamLocked(name)
}

func (b *Broker) streamLocked(name string) *Stream {
	for _, s := range b.streams {
		if s.cfg.Name == name {
			return s
		}
	}
	return nil
}

// all are the streams of the moment, in the order in which they were added.
func (b *Broker) all() []*Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streams
}

// Resize changes the bounds of the stream's ring, events and bytes, and keeps
// what still fits. events and warmUp are also what a later start is filled with.
func (s *Stream) Resize(events int, bytes int64, warmUp time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Events, s.cfg.WarmUp = events, warmUp
	if e, b := s.ring.Bounds(); e != events || b != bytes {
		s.ring.Resize(events, bytes)
	}
}
