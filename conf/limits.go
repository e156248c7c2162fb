package conf

import (
	"fmt"
	"net"

	"github.com/BurntSushi/toml"
)

const (
	// maxConnections bounds counts of connections; the kernel's own bound of
	// open files of a process (fs.nr_open) is 2^20 by default.
	maxConnections = 1 << 24

	// refusedSockets are accepted besides the streams, to be answered with 503.
	refusedSockets = 1024
	// ownFiles are listeners, epoll sets, Kafka connections and files.
	ownFiles = 256
)

// checkServer holds the limits of [server] and [replay] against each other.
func (l *loader) checkServer() {
	s, r := &l.cfg.Server, &l.cfg.Replay
	if _, port, err := net.SplitHostPort(s.Listen); err == nil && port != "0" && s.Listen == s.AdminListen {
		l.at("server", "admin_listen").wrong(s.AdminListen, "is the public listener too", "an address of its own")
	}
	if s.MaxConnections > 0 && s.MaxConnectionsPerIP > s.MaxConnections {
		l.at("server", "max_connections_per_ip").wrong(s.MaxConnectionsPerIP, "is above server.max_connections",
			fmt.Sprintf("at most %d", s.MaxConnections))
	}
	if s.Linger >= s.Heartbeat && l.good(toml.Key{"server", "heartbeat"}) {
		l.at("server", "linger").wrong(formatDuration(s.Linger), "is not below server.heartbeat",
			"less than "+formatDuration(s.Heartbeat))
	}
	if r.MaxClients > 0 && r.MaxPerIP > r.MaxClients {
		l.at("replay", "max_per_ip").wrong(r.MaxPerIP, "is above replay.max_clients",
			fmt.Sprintf("at most %d", r.MaxClients))
	}
}

// limitConnections holds max_connections against the limit of open files: a
// value of the file above it is an error, the default is lowered.
func (l *loader) limitConnections() {
	n, files := &l.cfg.Server.MaxConnections, l.sys.FileLimit
	// Half of a small limit is left for everything else.
	fits := max(files-refusedSockets-ownFiles, files/2, 1)
	given := l.has("server", "max_connections") && *n > 0
	switch {
	case files == 0:
	case !given && (*n == 0 || int64(*n) > fits):
		if *n > 0 {
			l.warn("server.max_connections: the default %d is lowered to %d: the limit of open files is %d", *n, fits, files)
		}
		*n = int(min(fits, maxConnections))
	case given && int64(*n) > files:
		l.at("server", "max_connections").wrong(*n, fmt.Sprintf("is above the limit of %d open files", files),
			fmt.Sprintf("at most %d, or a higher limit (ulimit -n, LimitNOFILE)", files))
	case given && int64(*n)+refusedSockets+ownFiles > files:
		l.warn("server.max_connections: %d leaves few of %d open files for Kafka, the admin listener and clients to be refused", *n, files)
	}
	l.limitConnectionsByMemory(given)
}

// limitConnectionsByMemory lowers the default so that connections take at most
// a quarter of the memory.
func (l *loader) limitConnectionsByMemory(given bool) {
	n := &l.cfg.Server.MaxConnections
	if given {
		return
	}
	fits := int64(maxConnections)
	if l.sys.Memory > 0 {
		each := connectionBytes + 2*l.cfg.Server.SendBuffer/blockedShare
		fits = max(l.sys.Memory/4/each, 1)
	}
	if *n == 0 {
		*n = int(min(fits, maxConnections))
	}
	if int64(*n) > fits {
		l.warn("server.max_connections: %d is lowered to %d: connections may take a quarter of %s of memory", *n, fits, roundSize(l.sys.Memory))
		*n = int(fits)
	}
}
