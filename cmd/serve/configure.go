package serve

import (
	"fmt"
	"math"
	"slices"

	"github.com/ringcast/ringcast/conf"
	"github.com/ringcast/ringcast/sse"
)

// limits are what the HTTP side may change while it runs.
func limits(cfg *conf.Config) sse.Limits {
	v, r := &cfg.Server, &cfg.Replay
	return sse.Limits{
		MaxConnections: v.MaxConnections, Heartbeat: v.Heartbeat, Retry: v.Retry, MaxConnectionAge: v.MaxConnectionAge,
		SlowClientTimeout: v.SlowClientTimeout, MinRate: v.MinRate, PendingBytes: v.PendingBytes, Linger: v.Linger,
		CORSOrigins: v.CORSOrigins, LimitAsResponse: v.LimitResponse == conf.LimitStream,
		ReplayClients: orNever(r.MaxClients, math.MaxInt), ReplaysPerIP: r.MaxPerIP, ReplayRate: r.Rate, ReplayAge: r.MaxAge,
		ConnectionsPerIP: v.MaxConnectionsPerIP, ConnectRatePerIP: v.ConnectRatePerIP,
		TrustedProxies: v.TrustedProxies, ClientIPHeader: v.ClientIPHeader,
	}
}

// atOnce are the keys outside of [streams] and of ofKafka that Configure puts in
// force. Those of [ring] are in the streams.
var atOnce = []string{
	"server.max_connections", "server.max_connections_per_ip", "server.connect_rate_per_ip", "server.trusted_proxies", "server.client_ip_header",
	"server.heartbeat", "server.retry", "server.max_connection_age", "server.slow_client_timeout", "server.min_rate", "server.pending_bytes",
	"server.limit_response", "server.linger", "server.shutdown_delay", "server.drain_timeout", "server.cors_origin",
	"replay.max_clients", "replay.max_per_ip", "replay.rate", "replay.max_age",
	"ring.events", "ring.bytes", "ring.total_bytes", "ring.max_event", "ring.warm_up",
	"log.level",
}

// Configure puts another configuration in force while the process runs. Streams
// that stay the same notice nothing; the clients of those that are gone, or have
// other events now, end at an event boundary. Another Kafka is asked whether it
// can serve the streams, and then takes them over. What takes a restart is
// logged and stays as it is. New streams are filled before they are served, for
// which Configure waits up to fillTime. After an error nothing has changed.
func (p *Process) Configure(cfg *conf.Config) error {
	p.configuring.Lock()
	defer p.configuring.Unlock()
	// Whether there is [auth] takes a restart.
	for _, s := range cfg.Streams {
		if s.Access == conf.AccessToken && p.auth == nil {
			return fmt.Errorf("stream %q needs tokens, and [auth] takes a restart", s.Name)
		}
	}
	c, err := p.changeTo(cfg.Streams)
	if err != nil {
		return err
	}
	next, err := p.otherKafka(cfg)
	if err != nil {
		return err
	}
	// From here on nothing fails.
	// What takes a restart is as it was at the start.
	later := slices.DeleteFunc(conf.Changes(p.cfg, cfg), func(key string) bool { return ofKafka(key) || slices.Contains(atOnce, key) })
	if len(later) > 0 {
		p.log.Warn().Strs("keys", later).Msg("these keys have changed and take a restart")
	}
	for _, w := range cfg.Warnings {
		p.log.Warn().Msg(w)
	}
	setLevel(cfg.Log)
	setGoLimits(cfg, p.log)
	p.put(cfg, c, next)
	return nil
}

// put puts a configuration in force that has been found good. next is another
// Kafka, or nil.
func (p *Process) put(cfg *conf.Config, c *change, next *kafka) {
	now := p.now.Load()
	for _, name := range c.gone {
		now.kafka.Remove(name)
	}
	for _, s := range c.now {
		if s.source != nil {
			s.source.Resize(s.Events, s.Bytes, s.WarmUp)
		}
	}
	k := now.kafka
	if next != nil {
		p.moveTo(next)
		k = next
	}
	for _, s := range c.fresh {
		var err error
		if s.source, err = k.Add(s.reading()); err != nil {
			panic("BUG: a stream that was found good: " + err.Error())
		}
	}
	p.fill(c.fresh)
	if err := p.http.SetStreams(served(c.now)); err != nil {
		panic("BUG: streams that were found good: " + err.Error())
	}
	p.http.SetLimits(limits(cfg))
	p.now.Store(&configured{cfg, k, c.now})
	p.log.Info().Int("streams", len(c.now)).Msg("configuration is in force")
}
