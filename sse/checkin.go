package sse

import (
	"time"

	"github.com/valyala/fasthttp"
)

// checkIn holds a request for streams against the limits of connections, and
// finds out whom it is counted for. The socket owns that count.
func (s *Server) checkIn(ctx *fasthttp.RequestCtx, c *conn) *refusal {
	var a *address
	l := s.limits()
	limited := l.ConnectionsPerIP > 0 || l.ConnectRatePerIP > 0 || l.ReplaysPerIP > 0
	if limited || s.access != nil {
		client := l.proxies.client(peerAddr(c), &ctx.Request.Header)
		if limited {
			var reason refusedReason
			var wait time.Duration
			a, reason, wait = s.addresses.enter(network(client), time.Now())
			switch reason {
			case refusedRate:
				return tooMany("New connections from this address come too fast.", reason, wait)
			case refusedPerIP:
				return tooMany("Too many connections from this address are open.", reason, 0)
			}
			c.guest = &a.guest
		}
		if s.access != nil {
			c.guest = &guest{address: a, visit: newVisit(client, &ctx.Request.Header)}
		}
	}
	if s.draining() || s.connections.Load() >= int64(l.MaxConnections) {
		c.checkOut()
		return full()
	}
	return nil
}

// checkOut gives back what checkIn counted.
func (s *Server) checkOut(g *guest) {
	if g != nil && g.address != nil {
		s.addresses.leave(g.address)
	}
}
