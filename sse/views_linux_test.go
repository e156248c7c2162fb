package sse

import (
	"fmt"
	"strings"
	"testing"
)

// What a client of several streams still needs of an event is assembled for it
// alone, and counts from the beginning.
func TestCompositePendingBytes(t *testing.T) {
	list, of := alphabet(2, 1000)
	s, addr := serveStreams(t, func(c *Config) { c.SendBuffer, c.Shards = 4<<10, 1 }, list...)
	c := dial(t, addr, "GET /v2/stream/a,b HTTP/1.1\r\nHost: x\r\n\r\n")
	until(t, "it is live", func() bool { return s.shards[0].counts[stateLive].Load() == 1 })
	const size = 100 << 10
	n := int64(0)
	for s.shards[0].counts[stateLagging].Load() == 0 {
		before := metric(t, s, "ringcast_writes_total")
		of[0].publish(0, n, fmt.Sprintf(`{"n":%d,"fill":%q}`, n, strings.Repeat("x", size)))
		n++
		until(t, "it is written", func() bool { return metric(t, s, "ringcast_writes_total") > before })
	}
	until(t, "the rest of an event counts", func() bool { p := s.pending.Load(); return p > 0 && p <= size+1000 })
	c.Close()
	until(t, "nothing is left", func() bool { return s.pending.Load() == 0 })
}
