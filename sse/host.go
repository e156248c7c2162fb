package sse

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guardHost refuses requests that a page in a browser on this machine makes
// after its own name was pointed at the admin listener (DNS rebinding): such a
// request comes from loopback and names a host that is none of ours. listen is
// the configured address, bound the one that was taken. A listener that can be
// reached from elsewhere has names that are not known here, and is open to
// everybody anyway.
func guardHost(listen string, bound net.Addr, h http.Handler) http.Handler {
	if tcp, ok := bound.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		return h
	}
	own, _, _ := net.SplitHostPort(listen)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownHost(r.Host, own) {
			writeJSON(w, http.StatusForbidden, map[string]string{"error": "the Host header names neither an address nor this machine"})
			return
		}
		h.ServeHTTP(w, r)
	})
}

// ownHost reports whether a Host header is an address, a name of loopback (RFC
// 6761, section 6.3), or own. None at all is HTTP/1.0, which browsers do not speak.
func ownHost(host, own string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.EqualFold(host, own) {
		return true
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil
}
