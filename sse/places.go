package sse

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// defaultReplays is how many clients may catch up from Kafka at a time.
const defaultReplays = 1024

// places bounds the clients that catch up from Kafka, in all and per address.
type places struct {
	mu         sync.Mutex
	max, perIP int // perIP 0: no limit
	used       int
	byIP       map[netip.Prefix]int // no larger than used
}

func newPlaces() *places { return &places{byIP: make(map[netip.Prefix]int)} }

// limit sets how many places there are. Who has one keeps it.
func (p *places) limit(most, perIP int) {
	if most <= 0 {
		most = defaultReplays
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.max, p.perIP = most, perIP
}

// take returns "" when the address got a place, or which bound forbids it.
func (p *places) take(ip netip.Prefix) refusedReason {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.perIP > 0 && ip.IsValid() && p.byIP[ip] >= p.perIP: // of those from before there was a limit nobody knows it
		return refusedPerIP
	case p.used >= p.max:
		return refusedReplay
	}
	p.used++
	p.byIP[ip]++
	return ""
}

func (p *places) leave(ip netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if p.byIP[ip]--; p.byIP[ip] == 0 {
		delete(p.byIP, ip)
	}
}

// takePlace takes a place for a request that needs Kafka. The socket owns it.
func (c *conn) takePlace(s *Server) refusedReason {
	reason := s.places.take(c.network())
	if reason == "" {
		c.server = s
		c.placed.Store(true)
	}
	return reason
}

// network is whom a place is counted for: the client's address where those are
// counted at all.
func (c *conn) network() netip.Prefix {
	if c.guest == nil || c.guest.address == nil {
		return netip.Prefix{}
	}
	return c.guest.address.prefix
}

// leavePlace gives it back, once.
func (c *conn) leavePlace() {
	if c.placed.Swap(false) {
		c.server.places.leave(c.network())
	}
}

// placeEvery is how often a connected client looks for a place.
const placeEvery = 200 * time.Millisecond

// takePlace waits for a place: a client that is connected is never refused.
func (f *follower) takePlace() error {
	for !f.owner.placed.Load() {
		if f.owner.takePlace(f.srv) == "" {
			return nil
		}
		if err := f.pause(placeEvery/2 + rand.N(placeEvery)); err != nil {
			return err
		}
	}
	return nil
}
