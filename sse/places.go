package sse

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// defaultReplays is how many clients may catch up from Kafka at a time.
const defaultReplays = 1024

// places bounds the clients that catch up from Kafka, in all and per address.
type places struct {
	max, perIP int // perIP 0: no limit

	mu   sync.Mutex
	used int
	byIP map[netip.Prefix]int // no larger than used
}

func newPlaces(most, perIP int) *places {
	if most <= 0 {
		most = defaultReplays
	}
	return &places{max: most, perIP: perIP, byIP: make(map[netip.Prefix]int)}
}

// take returns "" when the address got a place, or which bound forbids it.
func (p *places) take(ip netip.Prefix) refusedReason {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.perIP > 0 && p.byIP[ip] >= p.perIP:
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

// addressOf is what counts as one address: a /64 of IPv6 (RFC 6177 gives a
// site no less), one address of IPv4.
func addressOf(c net.Conn) netip.Prefix {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits)
	return prefix
}

// takePlace takes a place for a request that needs Kafka. The socket owns it.
func (c *conn) takePlace(s *Server) refusedReason {
	address := addressOf(c)
	reason := s.places.take(address)
	if reason == "" {
		c.server, c.address = s, address
		c.placed.Store(true)
	}
	return reason
}

// leavePlace gives it back, once.
func (c *conn) leavePlace() {
	if c.placed.Swap(false) {
		c.server.places.leave(c.address)
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
