package faultproxy

import (
	"errors"
	"time"
)

// Fault says what a network does. The zero value passes everything on.
type Fault struct {
	// Latency is added to every byte, in each direction: a round trip takes
	// twice as long. It costs no throughput.
	Latency time.Duration
	// Bandwidth in bytes a second, of each direction, shared by all
	// connections; 0: no limit.
	Bandwidth int
	// Resets is the probability, from 0 to 1, that a piece of data (what one
	// read brings, at most 16 KiB: mostly a request or an answer) resets its
	// connection instead of arriving.
	Resets float64
	// BlackHole lets nothing arrive, neither data nor the end of a connection.
	// New connections are accepted. What was sent meanwhile arrives afterwards.
	BlackHole bool
	// Refuse resets new connections at once.
	Refuse bool
}

func (f Fault) check() error {
	switch {
	case f.Latency < 0:
		return errors.New("latency is below 0")
	case f.Bandwidth < 0:
		return errors.New("bandwidth is below 0")
	case !(f.Resets >= 0 && f.Resets <= 1):
		return errors.New("the probability of resets is not between 0 and 1")
	}
	return nil
}

// state is a fault and the end of it.
type state struct {
	Fault
	changed chan struct{} // closed when another one is in force
}

// Set replaces the fault. A fault that cannot be is a mistake in the test.
func (p *Proxy) Set(f Fault) {
	if err := f.check(); err != nil {
		panic("BUG: " + err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.state.changed)
	p.state = state{f, make(chan struct{})}
}

func (p *Proxy) now() state {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}
