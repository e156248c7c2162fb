package sse

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// proxies are the peers whose word for the client's address is taken, and the
// one header in which they say it.
type proxies struct {
	trusted []netip.Prefix
	header  string
}

func newProxies(trusted []netip.Prefix, header string) proxies {
	p := proxies{header: header}
	for _, t := range trusted {
		if a := t.Addr(); a.Is4In6() && t.Bits() >= 96 {
			t = netip.PrefixFrom(a.Unmap(), t.Bits()-96)
		}
		p.trusted = append(p.trusted, t.Masked())
	}
	return p
}

func (p *proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p.trusted, func(t netip.Prefix) bool { return t.Contains(a) })
}

// client is the address of whoever sent a request: the peer, or what a trusted
// peer says. Every proxy appends the address it was called from, so of the list
// the right-most address counts that is no trusted proxy; what stands before it
// may be made up. Where all are trusted it is the first. A list that cannot be
// read up to there says nothing.
func (p *proxies) client(peer netip.Addr, h *fasthttp.RequestHeader) netip.Addr {
	if len(p.trusted) == 0 || !p.trust(peer) {
		return peer
	}
	lines, found := h.PeekAll(p.header), peer
	for _, line := range slices.Backward(lines) {
		for rest, more := string(line), true; more; {
			var element string
			if i := strings.LastIndexByte(rest, ','); i < 0 {
				element, more = rest, false
			} else {
				rest, element = rest[:i], rest[i+1:]
			}
			if element = strings.TrimSpace(element); element == "" {
				continue // RFC 9110, section 5.6.1
			}
			a, ok := parseAddr(element)
			if !ok {
				return peer
			}
			if found = a; !p.trust(a) {
				return a
			}
		}
	}
	return found
}

// parseAddr reads an address as proxies write it: with or without a port, IPv6
// with or without brackets.
func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		with, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = with.Addr()
	}
	return a.Unmap().WithZone(""), true
}

// peerAddr is the other end of a connection; invalid where it is no TCP.
func peerAddr(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// network is what counts as one address: a /64 of IPv6 (RFC 6177 gives a site
// no less), one address of IPv4.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	prefix, _ := a.Prefix(bits) // invalid for an invalid address: those are one
	return prefix
}
