package sse

import (
	"net/netip"
	"time"
)

// Limits are the part of the configuration that may change while the server
// runs. Sizes are bytes.
type Limits struct {
	MaxConnections    int // streams at a time
	Heartbeat         time.Duration
	Retry             time.Duration // 0: no retry line
	MaxConnectionAge  time.Duration // 0: none
	SlowClientTimeout time.Duration // a client that takes no byte for so long is reset
	MinRate           int64         // per second over a minute (rateWindow) in which data waited; 0: none
	PendingBytes      int64         // kept alive for clients that are behind
	Linger            time.Duration // waited for more events before a write; 0: none
	CORSOrigins       []string      // empty: no header; {"*"}; or a list
	LimitAsResponse   bool          // refuse for lack of room with 200 and an end, which EventSource survives

	ReplayClients int           // catching up from Kafka at a time; 0: 1,024
	ReplaysPerIP  int           // of them per address, IPv6 by /64; 0: no limit
	ReplayRate    int64         // per second and client; 0: no limit
	ReplayAge     time.Duration // how far back; 0: as far as Kafka has it

	// Who may connect, and how clients are told apart.
	ConnectionsPerIP int            // streams at a time of one address, IPv6 by /64; 0: no limit
	ConnectRatePerIP float64        // new ones per second, ten seconds' worth at once; 0: no limit
	TrustedProxies   []netip.Prefix // peers whose ClientIPHeader is believed
	ClientIPHeader   string         // the one header in which they name the client's address
}

// bounds are Limits in force. They are replaced, never modified.
type bounds struct {
	Limits
	proxies proxies
}

// limits are those of the moment. Who needs two that belong together loads them
// once.
func (s *Server) limits() *bounds { return s.bounds.Load() }

// SetLimits puts other limits in force. Who is connected stays, also above a
// limit that is lower now; times hold from the next look at a client on, for
// followers those of their age from the next connection.
func (s *Server) SetLimits(l Limits) {
	s.bounds.Store(&bounds{l, newProxies(l.TrustedProxies, l.ClientIPHeader)})
	s.places.limit(l.ReplayClients, l.ReplaysPerIP)
	s.addresses.limit(l.ConnectionsPerIP, l.ConnectRatePerIP)
	s.catalog.Load().pages.forget() // they speak of limits
}
