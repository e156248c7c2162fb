package sse

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Pprof says from where /debug/pprof/ may be used.
type Pprof int

// Who may use /debug/pprof/.
const (
	PprofLoopback Pprof = iota
	PprofAny
	PprofNone
)

// AdminConfig says what the admin listener shows.
type AdminConfig struct {
	Metrics *metrics.Set
	Pprof   Pprof
	Listen  string   // configured address of the listener
	Bound   net.Addr // the address that it has
	// Ready reports whether the process should get new connections, and what
	// the body of /readyz says: one state per stream, and the process's own.
	Ready func() (ready bool, detail any)
	// Streams is the body of /streams.
	Streams func() any
}

// Admin returns the handler of the admin listener (CONFIG.md): /metrics,
// /healthz, /readyz, /streams and /debug/pprof/. It runs on net/http: few
// requests, long ones, and pprof comes with it.
func (s *Server) Admin(cfg AdminConfig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "text/plain; version=0.0.4; charset=utf-8")
		cfg.Metrics.WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
		metrics.WriteFDMetrics(w)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.alive(healthTime) {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "stuck"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		ready, detail := cfg.Ready()
		status := http.StatusOK
		if !ready {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, detail)
	})
	mux.HandleFunc("GET /streams", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, cfg.Streams())
	})
	if cfg.Pprof != PprofNone {
		guard := func(h http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if cfg.Pprof == PprofLoopback && !fromLoopback(r) {
					http.Error(w, "pprof is for loopback only (admin.pprof)", http.StatusForbidden)
					return
				}
				h(w, r)
			}
		}
		mux.HandleFunc("/debug/pprof/", guard(pprof.Index))
		mux.HandleFunc("/debug/pprof/cmdline", guard(pprof.Cmdline))
		mux.HandleFunc("/debug/pprof/profile", guard(pprof.Profile))
		mux.HandleFunc("/debug/pprof/symbol", guard(pprof.Symbol))
		mux.HandleFunc("/debug/pprof/trace", guard(pprof.Trace))
	}
	guarded := guardHost(cfg.Listen, cfg.Bound, mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-content-type-options", "nosniff")
		guarded.ServeHTTP(w, r)
	})
}

// healthTime is how long a shard may take for one turn of its loop before the
// process counts as stuck.
const healthTime = 10 * time.Second

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("content-type", "application/json; charset=utf-8")
	w.Header().Set("cache-control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the client has gone
}

// Clients is the number of connections per stream name.
func (s *Server) Clients(stream string) int {
	if v := s.catalog.Load().byName[stream]; v != nil {
		return int(v.connections.Load())
	}
	return 0
}
