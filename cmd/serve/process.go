// Package serve is the server as a process: it puts a configuration, the
// broker and the HTTP side together, and takes them apart again in order.
package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/conf"
	"github.com/ringcast/ringcast/sse"
)

// endTime is what clients get beyond the drain time to take their end.
const endTime = 5 * time.Second

// Process is a running server. Start makes it, Stop ends it.
type Process struct {
	cfg   *conf.Config // of the start
	log   zerolog.Logger
	http  *sse.Server
	admin *http.Server

	configuring sync.Mutex                 // one Configure at a time
	now         atomic.Pointer[configured] // replaced by Configure

	listener, adminListener net.Listener

	files    fileSet     // certificates and keys
	tls      *tls.Config // of the public listener, or nil
	auth     *sse.Auth   // nil: every stream is public
	draining atomic.Bool
	failed   chan error // a listener has ended by itself

	ctx      context.Context // of the brokers, ended by Stop
	stopped  context.CancelFunc
	starting sync.Mutex     // held to start a broker
	running  sync.WaitGroup // the brokers; added to under starting while ctx is alive
}

// Start opens the listeners and starts serving. An error means that the
// process could not start: a port is taken, or Kafka is away and required.
func Start(cfg *conf.Config, version string, log zerolog.Logger) (*Process, error) {
	raiseFileLimit(log)
	setGoLimits(cfg, log)
	for _, w := range cfg.Warnings {
		log.Warn().Msg(w)
	}
	p := &Process{cfg: cfg, log: log, files: fileSet{log: log}, failed: make(chan error, 2)}
	p.ctx, p.stopped = context.WithCancel(context.Background())
	set := metrics.NewSet()
	set.NewGauge(fmt.Sprintf("ringcast_build_info{version=%q}", version), func() float64 { return 1 })
	if err := p.loadFiles(); err != nil {
		return nil, err
	}
	if err := p.open(); err != nil {
		return nil, err
	}
	if err := p.connect(set, version); err != nil {
		p.closeListeners()
		return nil, err
	}
	p.run(p.now.Load().kafka)
	if len(p.files.list) > 0 {
		go p.files.watch(p.ctx)
	}
	go func() { p.failed <- p.http.Serve(p.listener) }()
	go func() { p.failed <- p.admin.Serve(p.adminListener) }()
	log.Info().Str("version", version).Str("listen", p.Addr()).Str("admin_listen", p.AdminAddr()).
		Int("streams", len(cfg.Streams)).Strs("brokers", cfg.Kafka.Brokers).Msg("started")
	return p, nil
}

// never is a time that does not come, and can still be multiplied.
const never = 10 * 365 * 24 * time.Hour

// orNever gives a limit that is switched off (0) the value that is never reached.
func orNever[T int | int64 | time.Duration](limit, unreached T) T {
	if limit == 0 {
		return unreached
	}
	return limit
}

// open takes the ports.
func (p *Process) open() (err error) {
	if p.listener, err = listen(p.cfg.Server.Listen); err != nil {
		return fmt.Errorf("cannot listen on server.listen %q: %w", p.cfg.Server.Listen, err)
	}
	if p.adminListener, err = net.Listen("tcp", p.cfg.Server.AdminListen); err != nil {
		p.listener.Close()
		return fmt.Errorf("cannot listen on server.admin_listen %q: %w", p.cfg.Server.AdminListen, err)
	}
	return nil
}

func (p *Process) closeListeners() {
	p.listener.Close()
	p.adminListener.Close()
}

// connect makes the broker and the HTTP side.
func (p *Process) connect(set *metrics.Set, version string) error {
	bc := Kafka(p.cfg)
	bc.Log, bc.Metrics = p.log, set
	var streams []*stream
	var read []broker.StreamConfig
	for _, s := range p.cfg.Streams {
		st := newStream(s)
		streams, read = append(streams, st), append(read, st.reading())
	}
	b, err := broker.New(bc, read)
	if err != nil {
		return fmt.Errorf("cannot start reading from Kafka at %q: %w", bc.Brokers, err)
	}
	for _, s := range streams {
		s.source = b.Stream(s.Name)
	}
	p.now.Store(&configured{p.cfg, &kafka{Broker: b}, streams})
	v := &p.cfg.Server
	p.http, err = sse.New(sse.Config{
		Limits: limits(p.cfg), Streams: served(streams), History: History(b), BasePath: v.BasePath, Version: version, UI: v.UI,
		MaxRequestBytes: int(v.MaxRequestBytes), HeaderTimeout: v.HeaderTimeout, SendBuffer: int(v.SendBuffer),
		TLS: p.tls, Auth: p.auth, AccessLog: v.AccessLog,
		ViewsMax: cmp.Or(p.cfg.Views.Max, -1), ViewBytes: orNever(p.cfg.Views.Bytes, math.MaxInt64), Log: p.log, Metrics: set,
	})
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	p.admin = &http.Server{
		ReadHeaderTimeout: v.HeaderTimeout,
		Handler: p.http.Admin(sse.AdminConfig{
			Listen: v.AdminListen, Bound: p.adminListener.Addr(),
			Metrics: set, Pprof: sse.Pprof(p.cfg.Admin.Pprof), Ready: p.ready, Streams: p.status,
		}),
	}
	return nil
}

// Addr is the address of the public listener.
func (p *Process) Addr() string { return p.listener.Addr().String() }

// AdminAddr is the address of the admin listener.
func (p *Process) AdminAddr() string { return p.adminListener.Addr().String() }

// Failed tells why a listener has ended by itself.
func (p *Process) Failed() <-chan error { return p.failed }

// Reload takes certificates and keys from their files again. What is bad there
// is logged, and the old ones stay in force.
func (p *Process) Reload() { p.files.reload(true) }

// Stop fails readiness, waits for shutdown_delay, ends the clients at an event
// boundary, spread over drain_timeout, and stops. When now is done it stops at
// once.
func (p *Process) Stop(now context.Context) {
	begun, cfg := time.Now(), &p.now.Load().cfg.Server
	p.draining.Store(true)
	p.log.Info().Int("connections", p.http.Connections()).Dur("shutdown_delay", cfg.ShutdownDelay).
		Dur("drain_timeout", cfg.DrainTimeout).Msg("draining")
	select {
	case <-time.After(cfg.ShutdownDelay):
		ctx, cancel := context.WithTimeout(now, cfg.DrainTimeout+endTime)
		if err := p.http.Drain(ctx, cfg.DrainTimeout); err != nil && !errors.Is(err, context.Canceled) {
			p.log.Warn().Int("connections", p.http.Connections()).Msg("connections are left that did not take their end; they are reset")
		}
		cancel()
	case <-now.Done():
	}
	p.http.Close()
	p.stopped()
	p.starting.Lock()
	p.starting.Unlock() //nolint:staticcheck // whoever saw ctx alive has started its broker
	p.running.Wait()
	_ = p.admin.Close()
	p.log.Info().Dur("took", time.Since(begun)).Msg("stopped")
}
