package sse

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

// admin is the handler of the admin listener, bound to an address.
func admin(t *testing.T, pprof Pprof, listen, bound string) http.Handler {
	t.Helper()
	s, _ := serve(t, tenRecords(), nil)
	addr, err := net.ResolveTCPAddr("tcp", bound)
	if err != nil {
		t.Fatal(err)
	}
	return s.Admin(AdminConfig{Metrics: metrics.NewSet(), Pprof: pprof, Listen: listen, Bound: addr,
		Ready: func() (bool, any) { return true, "" }, Streams: func() any { return "" }})
}

// askAdmin asks for a path from a peer.
func askAdmin(h http.Handler, path, peer, host string, headers ...string) int {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = peer, host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Header().Get("X-Content-Type-Options") != "nosniff" {
		return -1
	}
	return w.Code
}

// Who may look at the inside of the process is decided by the peer's address,
// whatever a header says.
func TestPprof(t *testing.T) {
	f := func(pprof Pprof, peer string, want int, headers ...string) {
		t.Helper()
		if got := askAdmin(admin(t, pprof, "0.0.0.0:1", "0.0.0.0:1"), "/debug/pprof/cmdline", peer, "x", headers...); got != want {
			t.Errorf("%d for %s %v: %d", pprof, peer, headers, got)
		}
	}
	f(PprofLoopback, "127.0.0.1:5", 200)
	f(PprofLoopback, "127.9.9.9:5", 200)
	f(PprofLoopback, "[::1]:5", 200)
	f(PprofLoopback, "[::ffff:127.0.0.1]:5", 200)
	f(PprofLoopback, "198.51.100.1:5", 403)
	f(PprofLoopback, "198.51.100.1:5", 403, "X-Forwarded-For", "127.0.0.1", "X-Real-IP", "127.0.0.1", "Forwarded", "for=127.0.0.1")
	f(PprofLoopback, "127.0.0.1:5", 200, "X-Forwarded-For", "198.51.100.1")
	f(PprofAny, "198.51.100.1:5", 200)
	f(PprofNone, "127.0.0.1:5", 404)
}

// A page that points its own name at the loopback listener gets nothing.
func TestAdminHost(t *testing.T) {
	f := func(listen, bound, host string, want int) {
		t.Helper()
		h := admin(t, PprofAny, listen, bound)
		for _, path := range []string{"/metrics", "/streams", "/readyz", "/debug/pprof/cmdline"} {
			if got := askAdmin(h, path, "127.0.0.1:5", host); got != want {
				t.Errorf("%s on %s, Host %q, %s: %d", listen, bound, host, path, got)
			}
		}
	}
	for _, host := range []string{"127.0.0.1:8081", "127.0.0.1", "localhost", "LOCALHOST:8081", "x.localhost:1", "localhost.", "[::1]:8081", "[::1]", "::1", "198.51.100.1:80", ""} {
		f("127.0.0.1:8081", "127.0.0.1:8081", host, 200)
	}
	for _, host := range []string{"evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example:8081", "notlocalhost"} {
		f("127.0.0.1:8081", "127.0.0.1:8081", host, 403)
		f("[::1]:8081", "[::1]:8081", host, 403)
	}
	f("broker.internal:8081", "127.0.1.1:8081", "broker.internal:8081", 200)
	f("broker.internal:8081", "127.0.1.1:8081", "evil.example", 403)
	f(":8081", "[::]:8081", "broker.example:8081", 200)
	f("198.51.100.1:8081", "198.51.100.1:8081", "broker.example", 200)
}
