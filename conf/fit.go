package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// machineDefault is the configuration of an empty file on this machine: no
// buffer may take more than a sixteenth of the memory, the replay cache an
// eighth. warnings name what that lowers.
func machineDefault(sys System) (c *Config, warnings []string) {
	c = Default()
	if sys.Memory == 0 {
		return c, nil
	}
	lower := func(key string, p *int64, most int64) {
		if most = most / kib * kib; *p > most {
			warnings = append(warnings, fmt.Sprintf("%s: the default %s is lowered to %s: the memory is %s",
				key, formatSize(*p), formatSize(most), roundSize(sys.Memory)))
			*p = most
		}
	}
	lower("server.pending_bytes", &c.Server.PendingBytes, sys.Memory/16)
	lower("views.bytes", &c.Views.Bytes, sys.Memory/16)
	lower("replay.cache", &c.Replay.Cache, sys.Memory/8)
	return c, warnings
}

// fitMemory holds the worst case against the memory. The default of total_bytes
// gives way first; what the file says and does not fit is an error.
func (l *loader) fitMemory() {
	for _, b := range []struct {
		key   string
		bytes int64
	}{
		{"server.pending_bytes", l.cfg.Server.PendingBytes},
		{"views.bytes", l.cfg.Views.Bytes},
		{"kafka.max_batch", l.cfg.Kafka.MaxBatch},
	} {
		if b.bytes == 0 {
			l.warn("%s: 0 switches the limit off: memory is then not bounded, and not counted", b.key)
		}
	}
	limit := l.sys.Memory
	if limit == 0 {
		return
	}
	l.shrinkRings(limit)
	_, total := l.cfg.WorstCase()
	over := total - limit
	if over <= 0 {
		return
	}
	costs := slices.DeleteFunc(l.costs(), func(c cost) bool { return !l.has(c.key...) })
	if !l.good(keysOf(costs)...) {
		return
	}
	what := fmt.Sprintf("brings the memory it may take to %s of %s (%s)", roundSize(total), roundSize(limit), l.largestParts())
	if len(costs) == 0 {
		l.warn("the machine is too small for the defaults: the memory it may take is %s of %s (%s)",
			roundSize(total), roundSize(limit), l.largestParts())
		return
	}
	largest := slices.MaxFunc(costs, func(a, b cost) int { return int(min(max(a.bytes-b.bytes, -1), 1)) })
	allowed := "less, here or in other bounds"
	if left := largest.bytes - over; left > 0 && largest.size {
		allowed = "at most " + formatSize(left/max(largest.times, 1)) + ", or less in other bounds"
	}
	l.at(largest.key...).wrong(l.given[joinKey(largest.key)], what, allowed)
}

// shrinkRings lowers the default of total_bytes so far that the rest fits.
func (l *loader) shrinkRings(limit int64) {
	some := l.sharing()
	if l.has("ring", "total_bytes") || len(some) == 0 {
		return
	}
	r := &l.cfg.Ring
	_, total := l.cfg.WorstCase()
	least := l.ownBytes() + minRing*int64(len(some))
	if total <= limit || r.TotalBytes <= least {
		return
	}
	before := r.TotalBytes
	rounding := kib * int64(len(some))
	r.TotalBytes = max((r.TotalBytes-(total-limit)-rounding)/kib*kib, least)
	l.shareRings()
	l.warn("ring.total_bytes: the default %s is lowered to %s: the memory is %s",
		roundSize(before), roundSize(r.TotalBytes), roundSize(limit))
}

// cost is what one key of the file adds to the worst case.
type cost struct {
	key   toml.Key
	bytes int64
	size  bool  // the key is a size of which bytes is
	times int64 // so many times as much
}

func keysOf(costs []cost) []toml.Key {
	var keys []toml.Key
	for _, c := range costs {
		keys = append(keys, c.key)
	}
	return keys
}

// costs are the keys that the worst case is made of.
func (l *loader) costs() []cost {
	c := l.cfg
	streams := int64(len(c.Streams))
	connections := int64(c.Server.MaxConnections)
	buffers := connections * 2 * c.Server.SendBuffer / blockedShare
	all := []cost{
		{key: toml.Key{"server", "max_connections"}, bytes: connections*connectionBytes + c.Server.tlsConnections()*tlsBytes + buffers},
		{key: toml.Key{"server", "send_buffer"}, bytes: buffers},
		{key: toml.Key{"server", "pending_bytes"}, bytes: c.Server.PendingBytes, size: true, times: 1},
		{key: toml.Key{"views", "bytes"}, bytes: c.Views.Bytes, size: true, times: 1},
		{key: toml.Key{"replay", "cache"}, bytes: c.Replay.Cache, size: true, times: 1},
		{key: toml.Key{"kafka", "max_batch"}, bytes: c.Kafka.MaxBatch, size: true, times: 1},
		{key: toml.Key{"kafka", "fetch_bytes"}, bytes: 2 * (streams + int64(c.Replay.MaxConcurrent)) * c.Kafka.FetchBytes},
	}
	var shared, general, entries int64
	for i := range c.Streams {
		s := &c.Streams[i]
		switch own := (toml.Key{"streams", s.Name, "bytes"}); {
		case l.has(own...):
			all = append(all, cost{key: own, bytes: s.Bytes, size: true, times: 1})
		case c.Ring.Bytes > 0:
			general++
		default:
			shared += s.Bytes
		}
		slots := 8 * powerOfTwo(s.Events)
		if own := (toml.Key{"streams", s.Name, "events"}); l.has(own...) {
			all = append(all, cost{key: own, bytes: slots})
		} else {
			entries += slots
		}
	}
	return append(all,
		cost{key: toml.Key{"ring", "bytes"}, bytes: general * c.Ring.Bytes, size: true, times: general},
		cost{key: toml.Key{"ring", "total_bytes"}, bytes: shared, size: true, times: 1},
		cost{key: toml.Key{"ring", "events"}, bytes: entries},
	)
}

// largestParts names the parts of the worst case that matter.
func (l *loader) largestParts() string {
	parts, _ := l.cfg.WorstCase()
	slices.SortStableFunc(parts, func(a, b Bound) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
	var names []string
	for _, p := range parts[:4] {
		names = append(names, p.Name+" "+roundSize(p.Bytes))
	}
	return strings.Join(names, ", ")
}
