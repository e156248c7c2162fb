package broker

import (
	"context"
	"slices"
	"sync"
)

// Next prepares a broker with another configuration for the streams of b. Log,
// metrics and clock are b's. It is to be run, and asks nobody before; TakeOver brings
// the streams. RequireKafka has no meaning here: see Inspect.
func (b *Broker) Next(cfg Config) (*Broker, error) {
	cfg.Log, cfg.Metrics, cfg.Now = b.cfg.Log, b.cfg.Metrics, b.cfg.Now
	next, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	next.history, next.times = b.history, b.times
	next.reached.Store(b.reached.Load())
	return next, nil
}

// TakeOver moves the streams of from, with their rings, to b and waits until
// they run here. Where b's cluster is another one, each goes on there at the
// times it has come to, as soon as that can be asked. from is to be ended then.
// Nobody may add or remove streams meanwhile.
func (b *Broker) TakeOver(from *Broker) {
	from.mu.Lock()
	moving := from.streams
	from.streams = nil
	from.mu.Unlock()
	b.mu.Lock()
	b.coming = moving
	b.mu.Unlock()
	b.history.moveTo(b)
	for _, s := range moving {
		s.leave()
	}
	var wg sync.WaitGroup
	for _, s := range moving { // leaving a group may take half a second
		wg.Go(func() {
			s.end()
			b.take(s)
		})
	}
	wg.Wait()
}

// leave has questions wait for the broker that comes.
func (s *Stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		s.begun, s.ready = false, make(chan struct{})
	}
}

// take makes a stream of which nothing runs one of b's, in the order in which
// they come.
func (b *Broker) take(s *Stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.mu.Lock()
	s.b, s.asks, s.reads = b, b.newAsker(), b.newAsker()
	s.past = newPastEnds(s)
	s.gen++ // whoever read for the other broker is stale
	s.mu.Unlock()
	s.rebuild.Store(false)
	s.stop, s.done = nil, make(chan struct{})
	b.coming = slices.DeleteFunc(slices.Clone(b.coming), func(x *Stream) bool { return x == s })
	b.streams = append(slices.Clip(b.streams), s)
	if b.ctx != nil && b.ctx.Err() == nil {
		b.startLocked(s)
	}
}

// reading returns a stream that is here or on its way, nil when there is none.
func (b *Broker) reading(name string) *Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.streamLocked(name); s != nil {
		return s
	}
	for _, s := range b.coming {
		if s.cfg.Name == name {
			return s
		}
	}
	return nil
}

// at returns the broker that the stream is at, once its position is one of that
// broker's cluster: an answer about another one would be worse than none. What
// was asked there counts only where the stream has not moved since.
func (s *Stream) at(ctx context.Context) (*Broker, error) {
	for {
		s.mu.Lock()
		b, begun, ready := s.b, s.begun, s.ready
		s.mu.Unlock()
		if begun {
			return b, nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ask puts a question to the broker that the stream is at, again where it has
// moved meanwhile.
func (s *Stream) ask(ctx context.Context, question func(*Broker) error) error {
	for {
		b, err := s.at(ctx)
		if err != nil {
			return err
		}
		if err = question(b); !s.moved(b) {
			return err
		}
	}
}

// moved reports whether the stream is, or goes, elsewhere.
func (s *Stream) moved(b *Broker) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b != b || !s.begun
}
