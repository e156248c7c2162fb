package conf

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// minRing is the least that the default leaves for the ring of a stream.
const minRing = mib

// unknownMemory is what the defaults are made for where the machine does not
// tell.
const unknownMemory = 2 * gib

// resolveRings gives every stream the size of its ring: its own, that of
// [ring], or a part of total_bytes.
func (l *loader) resolveRings() {
	r := &l.cfg.Ring
	for i := range l.cfg.Streams {
		s := &l.cfg.Streams[i]
		key := func(name string) bool { return l.has("streams", s.Name, name) }
		if !key("events") {
			s.Events = r.Events
		}
		if !key("bytes") {
			s.Bytes = r.Bytes
		}
		if !key("max_event") {
			s.MaxEvent = r.MaxEvent
		}
		if !key("warm_up") {
			s.WarmUp = r.WarmUp
		}
	}
	if !l.has("ring", "total_bytes") {
		memory := l.sys.Memory
		if memory == 0 {
			memory = unknownMemory
		}
		r.TotalBytes = memory * 2 / 5 / mib * mib
		if len(l.sharing()) == 0 {
			r.TotalBytes = l.ownBytes()
		} else if least := l.ownBytes() + minRing*int64(len(l.sharing())); r.TotalBytes < least {
			r.TotalBytes = least
		}
	}
	l.shareRings()
}

// sharing are the streams that have a part of total_bytes.
func (l *loader) sharing() []*Stream {
	var some []*Stream
	for i := range l.cfg.Streams {
		s := &l.cfg.Streams[i]
		if !l.has("streams", s.Name, "bytes") && l.cfg.Ring.Bytes == 0 {
			some = append(some, s)
		}
	}
	return some
}

// ownBytes is what the rings take that have no part of total_bytes.
func (l *loader) ownBytes() int64 {
	var sum int64
	for i := range l.cfg.Streams {
		if l.has("streams", l.cfg.Streams[i].Name, "bytes") || l.cfg.Ring.Bytes > 0 {
			sum += l.cfg.Streams[i].Bytes
		}
	}
	return sum
}

// shareRings divides what other rings leave of total_bytes.
func (l *loader) shareRings() {
	some := l.sharing()
	for _, s := range some {
		s.Bytes = max(l.cfg.Ring.TotalBytes-l.ownBytes(), 0) / int64(len(some))
		if s.Bytes > kib {
			s.Bytes = s.Bytes / kib * kib
		}
	}
}

// checkRings wants every ring to hold its largest event, and all of them to
// hold to total_bytes.
func (l *loader) checkRings() {
	own, total := l.ownBytes(), l.cfg.Ring.TotalBytes
	totalKey := toml.Key{"ring", "total_bytes"}
	if l.has(totalKey...) && l.good(totalKey) && (own > total || own == total && len(l.sharing()) > 0) {
		l.at(totalKey...).wrong(formatSize(total), "is too little for the rings that have bytes of their own ("+formatSize(own)+")",
			"more, or smaller rings")
		return
	}
	for i := range l.cfg.Streams {
		l.checkRing(&l.cfg.Streams[i])
	}
}

func (l *loader) checkRing(s *Stream) {
	event, hasEvent := l.origin(s, "max_event")
	bytes, hasBytes := l.origin(s, "bytes")
	if !hasBytes {
		bytes, hasBytes = toml.Key{"ring", "total_bytes"}, l.has("ring", "total_bytes")
	}
	if !l.good(event, bytes) {
		return
	}
	name := keyName(toml.Key{"streams", s.Name})
	if batch := l.cfg.Kafka.MaxBatch; hasEvent && batch > 0 && s.MaxEvent > batch {
		l.warn("%s: %s is above kafka.max_batch: no event larger than %s arrives", keyName(event), formatSize(s.MaxEvent), formatSize(batch))
	}
	switch {
	case s.MaxEvent == 0:
		s.MaxEvent = s.Bytes
	case s.MaxEvent <= s.Bytes:
	case hasEvent:
		l.at(event...).wrong(formatSize(s.MaxEvent), fmt.Sprintf("is larger than the ring of %s (%s)", name, formatSize(s.Bytes)),
			"at most the ring, or a larger ring")
	case hasBytes:
		l.at(bytes...).wrong(l.given[joinKey(bytes)], fmt.Sprintf("gives %s a ring of %s, smaller than its largest event", name, formatSize(s.Bytes)),
			fmt.Sprintf("at least %s for each stream, or a lower max_event", formatSize(s.MaxEvent)))
	default:
		l.warn("%s.max_event: the default %s is lowered to the %s of the ring", name, formatSize(s.MaxEvent), formatSize(s.Bytes))
		s.MaxEvent = s.Bytes
	}
}

// origin is the key that a ring's property of a stream comes from, and whether
// the file gives it.
func (l *loader) origin(s *Stream, name string) (key toml.Key, given bool) {
	if own := (toml.Key{"streams", s.Name, name}); l.has(own...) {
		return own, true
	}
	general := toml.Key{"ring", name}
	return general, l.has(general...)
}
