// Package sse puts rings of events in front of HTTP clients as Server-Sent
// Events and newline-delimited JSON: routes, ids, fan-out, limits. It reaches
// Kafka only through Source.
package sse

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

// Config says how to serve. Sizes are bytes.
type Config struct {
	Limits
	Streams         []Stream
	History         History // nil: positions older than the rings are refused
	BasePath        string  // of the streams, starts with a slash and ends without
	Version         string  // for /_info and the documentation
	UI              bool    // serve the live page
	MaxRequestBytes int     // request line and headers
	HeaderTimeout   time.Duration
	SendBuffer      int              // SO_SNDBUF
	ViewsMax        int              // views of several streams with a ring of full size; 0: 64, negative: none
	ViewBytes       int64            // of all of those rings together; 0: 64 MiB
	TLS             *tls.Config      // nil: plain HTTP
	Auth            *Auth            // nil: no stream needs a token
	AccessLog       bool             // one line at the end of a stream
	Shards          int              // 0: one per processor; tests may want another number
	NoShards        bool             // every client a goroutine, as where there is no epoll
	Now             func() time.Time // the machine's clock, which may be set at any time; nil: time.Now
	rateWindow      time.Duration    // over which MinRate is averaged; 0: a minute
	writePatience   time.Duration    // of a pump with a follower that writes; 0: the constant

	Log     zerolog.Logger
	Metrics *metrics.Set
}

// drainShare is the part of the drain time over which ends are spread; the
// rest is for clients to take them.
const drainShare = 0.8

// Server serves streams. Serve runs it, Drain ends its clients, Close the rest.
type Server struct {
	// Set at construction.
	cfg    Config // without Limits
	http   *fasthttp.Server
	shards []*shard
	inputs *inputs // nil: every follower reads by itself
	stats  *stats
	log    zerolog.Logger
	fixed  map[string]answerer // routes beside the streams, by path
	// batchLimit is what one write may carry, bytes, unless one event is
	// larger: a socket takes 98-131 KB with a send buffer of 64 KiB before the
	// first ACK (measured), and a larger batch would be a short write for
	// everybody on a path with a round-trip time.
	batchLimit int
	started    time.Time     // by the monotonic clock
	begun      time.Time     // the same moment by the machine's
	unit       time.Duration // of the wheel on which heartbeats and deadlines stand

	setting sync.Mutex              // one at a time replaces what is served
	catalog atomic.Pointer[catalog] // the streams of the moment
	bounds  atomic.Pointer[bounds]  // the limits of the moment

	connections atomic.Int64 // streams, on their way in or being served
	sockets     atomic.Int64 // accepted and not closed
	pending     atomic.Int64 // bytes kept alive for clients that are behind
	nextShard   atomic.Uint32
	private     atomic.Int64 // followers catching up under their own ids
	replaying   atomic.Int64 // of them those that read from Kafka
	places      *places      // for those
	addresses   addresses
	access      *accessLog // nil: none
	turns       turns

	// adopting limits how many connections leave fasthttp at a time: each does
	// system calls, and a herd of them would make a herd of threads.
	adopting chan struct{}

	// drain is closed when the clients have to go; drainTime is set before.
	drain     chan struct{}
	drainOnce sync.Once
	drainTime time.Duration

	// ctx ends when everything has to stop at once.
	ctx       context.Context
	cancel    context.CancelFunc
	followers sync.WaitGroup

	mu     sync.Mutex
	lns    []net.Listener // being served, guarded by mu
	closed bool           // no follower starts any more, guarded by mu

	composites composites
}

// New returns a server for the streams of cfg. It fails when two streams claim
// the same route.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, log: cfg.Log, drain: make(chan struct{}), adopting: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), turns: newTurns()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if s.cfg.Metrics == nil {
		s.cfg.Metrics = metrics.NewSet()
	}
	if s.cfg.Now == nil {
		s.cfg.Now = time.Now
	}
	s.fixed = s.fixedRoutes()
	if s.cfg.rateWindow == 0 {
		s.cfg.rateWindow = time.Minute
	}
	s.batchLimit = max(1, min(cfg.SendBuffer/2, 32<<10))
	s.composites.init(cfg.ViewsMax, cfg.ViewBytes)
	s.started, s.begun = time.Now(), s.cfg.Now().Round(0)
	s.unit = min(max(min(cfg.Heartbeat, cfg.SlowClientTimeout)/20, 10*time.Millisecond), time.Second)
	s.places = newPlaces()
	s.addresses.known = make(map[netip.Prefix]*address)
	s.catalog.Store(&catalog{})
	s.SetLimits(cfg.Limits)
	s.cfg.Limits = Limits{}
	s.stats = newStats(s, s.cfg.Metrics)
	if err := s.SetStreams(cfg.Streams); err != nil {
		s.cancel()
		return nil, err
	}
	if cfg.AccessLog {
		s.access = newAccessLog(cfg.Log)
	}
	s.shards = s.startShards()
	s.inputs = s.startInputs()
	s.http = &fasthttp.Server{
		Handler:               s.handle,
		ErrorHandler:          s.malformed,
		Name:                  "",
		NoDefaultServerHeader: true,
		NoDefaultDate:         true,
		ReadTimeout:           cfg.HeaderTimeout,
		WriteTimeout:          cfg.HeaderTimeout,
		IdleTimeout:           max(cfg.HeaderTimeout, time.Minute),
		ReadBufferSize:        cfg.MaxRequestBytes,
		MaxRequestBodySize:    maxBody,
		ExpectHandler:         s.expect,
		ReduceMemoryUsage:     true,
		MaxIdleWorkerDuration: 2 * time.Second, // a herd's goroutines are not kept
		KeepHijackedConns:     true,
		CloseOnShutdown:       true,
		NoDefaultContentType:  true,
		// A form would be taken apart, files of it written to disk.
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
		Concurrency:                  math.MaxInt32, // the listener bounds sockets
		Logger:                       quietLogger{},
	}
	return s, nil
}

// quietLogger drops what fasthttp would log: every line of it can be caused by
// a client.
type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

// Serve accepts connections from ln until Drain or Close. It returns nil then.
func (s *Server) Serve(ln net.Listener) error {
	counted := s.newListener(ln)
	var l net.Listener = counted
	if s.cfg.TLS != nil {
		l = tls.NewListener(l, s.cfg.TLS)
	}
	s.mu.Lock()
	select {
	case <-s.drain:
		s.mu.Unlock()
		return counted.Close()
	default:
	}
	s.lns = append(s.lns, counted)
	s.mu.Unlock()
	err := s.http.Serve(l)
	if errors.Is(err, net.ErrClosed) || s.draining() {
		return nil
	}
	return err
}

// Drain stops accepting and ends every client at an event boundary, spread
// over d, each with a retry time in proportion to it. It returns when all are
// gone, or with the context's error.
func (s *Server) Drain(ctx context.Context, d time.Duration) error {
	s.stopAccepting(d)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.connections.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// stopAccepting begins the drain, over d; only the first call counts.
func (s *Server) stopAccepting(d time.Duration) {
	s.drainOnce.Do(func() {
		s.drainTime = d
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.drain)
		for _, ln := range s.lns {
			ln.Close()
		}
	})
}

// Close ends everything at once. Call it last, once.
func (s *Server) Close() {
	s.stopAccepting(0)
	s.cancel()
	s.stopShards()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.followers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.http.ShutdownWithContext(ctx)
	if s.access != nil {
		s.access.close()
	}
}

// background runs f in a goroutine that Close waits for. It reports false, and
// does nothing, when the server is closed already.
func (s *Server) background(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.followers.Go(f)
	return true
}

func (s *Server) draining() bool {
	select {
	case <-s.drain:
		return true
	default:
		return false
	}
}

// enter counts a connection, once, and once for each of its streams; false when
// the instance is full.
func (s *Server) enter(v *view) bool {
	if s.connections.Add(1) > int64(s.limits().MaxConnections) {
		s.connections.Add(-1)
		return false
	}
	for _, stream := range v.streams {
		stream.connections.Add(1)
		stream.metrics.total.Inc()
	}
	return true
}

// ended takes back what checkIn and enter counted for a stream that is over,
// and lets go of its view.
func (s *Server) ended(v *view, g *guest, reason closedReason) {
	s.stats.closed(reason)
	if visit := g.log(); visit != nil && !s.access.end(visit, reason) {
		s.stats.leftOut.Inc()
	}
	s.checkOut(g)
	for _, stream := range v.streams {
		stream.connections.Add(-1)
	}
	s.release(v)
	s.connections.Add(-1)
}

// Connections is the number of streams being served.
func (s *Server) Connections() int { return int(s.connections.Load()) }
