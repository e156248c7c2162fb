package conf

import "math/bits"

// Bound is one part of the memory that the process may take at worst.
type Bound struct {
	Name  string // such as "rings"; from a closed set, in a fixed order
	Bytes int64
	Heap  bool // on Go's heap; false: in the kernel, yet charged to the cgroup
}

const (
	// connectionBytes is what DESIGN.md section 7 counts for a connection: under
	// 1 KiB of our own, the rest is the kernel's socket.
	connectionBytes     = 4 * kib
	connectionHeapBytes = kib
	// tlsBytes is what TLS adds to a connection: a goroutine and what crypto/tls
	// keeps (13.4 KB measured).
	tlsBytes = 14 * kib
	// blockedShare is the part of all clients, one in so many, that is counted
	// with full send buffers; the kernel lets a buffer grow to twice its size.
	blockedShare = 20
	// entryBytes is one event in a ring besides its bytes: the slot and its share
	// of position checkpoints.
	entryBytes = 96
	// leastEvent is the shortest event: it has an id line of at least that.
	leastEvent = 128
	// baseBytes is a process without streams and clients: runtime, code, metrics.
	baseBytes = 32 * mib
)

// WorstCase is the memory that the process may take when every bound is
// reached, in parts and in sum. A limit that is 0 (off) is counted as nothing.
func (c *Config) WorstCase() (parts []Bound, total int64) {
	streams := int64(len(c.Streams))
	connections := int64(c.Server.MaxConnections)
	var rings, entries int64
	for i := range c.Streams {
		s := &c.Streams[i]
		rings += s.Bytes
		entries += entryBytes*min(int64(s.Events), s.Bytes/leastEvent) + 8*powerOfTwo(s.Events)
	}
	parts = []Bound{
		{"base", baseBytes, true},
		{"rings", rings, true},
		{"ring entries", entries, true},
		{"connections", connections*connectionHeapBytes + c.Server.tlsConnections()*tlsBytes, true},
		{"sockets", connections * (connectionBytes - connectionHeapBytes), false},
		{"send buffers", connections * 2 * c.Server.SendBuffer / blockedShare, false},
		{"pending", c.Server.PendingBytes, true},
		{"views", c.Views.Bytes, true},
		{"replay cache", c.Replay.Cache, true},
		// A fetch is held once as it came and once as records.
		{"replay reads", int64(c.Replay.MaxConcurrent) * 2 * c.Kafka.FetchBytes, true},
		{"kafka fetches", streams * 2 * c.Kafka.FetchBytes, true},
		{"kafka batch", c.Kafka.MaxBatch, true},
	}
	for _, p := range parts {
		total += p.Bytes
	}
	return parts, total
}

// tlsConnections is how many connections may speak TLS.
func (s *Server) tlsConnections() int64 {
	if s.TLS == nil {
		return 0
	}
	return int64(s.MaxConnections)
}

// powerOfTwo is the number of slots of a ring of n events.
func powerOfTwo(n int) int64 { return 1 << bits.Len64(uint64(max(n, 1)-1)) }

// GoLimits are the values for GOMEMLIMIT in bytes and for GOGC in percent;
// memoryLimit 0 leaves GOMEMLIMIT alone.
//
// GOMEMLIMIT is what the kernel's part of the worst case leaves of the memory,
// less a twentieth for stacks and fragmentation, but never below the live heap
// at its bounds plus a twentieth, where the collector would run without pause;
// it never exceeds what is left.
//
// GOGC lets the heap grow from live to that limit: (limit-live)/live, at most
// Go's own 100 %. A ring of gigabytes must not be doubled before the collector
// runs. Below 10 % the collector would cost more than it gives.
func (c *Config) GoLimits() (memoryLimit int64, gcPercent int) {
	if c.Memory == 0 {
		return 0, 100
	}
	parts, total := c.WorstCase()
	var live int64
	for _, p := range parts {
		if p.Heap {
			live += p.Bytes
		}
	}
	left := c.Memory - (total - live)
	memoryLimit = min(max(left-left/20, live+live/20), max(left, live))
	grow := float64(memoryLimit-live) / float64(live) * 100
	return memoryLimit, int(min(max(grow, 10), 100))
}
