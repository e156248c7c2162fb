package serve

import (
	"slices"

	"github.com/ringcast/ringcast/conf"
)

// atOnce are the keys outside of [streams] that Configure puts in force. Those
// of [ring] are in the streams.
var atOnce = []string{
	"server.shutdown_delay", "server.drain_timeout",
	"ring.events", "ring.bytes", "ring.total_bytes", "ring.max_event", "ring.warm_up",
	"log.level",
}

// Configure puts another configuration in force while the process runs. Streams
// that stay the same notice nothing; the clients of those that are gone, or have
// other events now, end at an event boundary. What takes a restart is logged and
// stays as it is. New streams are filled before they are served, for which
// Configure waits up to fillTime.
func (p *Process) Configure(cfg *conf.Config) error {
	p.configuring.Lock()
	defer p.configuring.Unlock()
	was := p.now.Load()
	later := slices.DeleteFunc(conf.Changes(was.cfg, cfg), func(key string) bool { return slices.Contains(atOnce, key) })
	if len(later) > 0 {
		p.log.Warn().Strs("keys", later).Msg("these keys have changed and take a restart")
	}
	for _, w := range cfg.Warnings {
		p.log.Warn().Msg(w)
	}
	setLevel(cfg.Log)
	setGoLimits(cfg, p.log)
	streams, err := p.setStreams(cfg.Streams)
	if err != nil {
		return err
	}
	p.now.Store(&configured{cfg, streams})
	p.log.Info().Int("streams", len(streams)).Msg("configuration is in force")
	return nil
}
