package sse

import (
	"io"
	"strings"
	"testing"
	"time"
)

// A client that waits for Kafka ends with its token, as any other: one whose
// position could not be placed, and one in the middle of a replay.
func TestTokenEndsWhileKafkaIsAway(t *testing.T) {
	const life = 2 * time.Second
	f := func(name string, prepare func(*archive), meanwhile func(*Server) bool) {
		t.Helper()
		p, a := archived(50)
		prepare(a)
		var clock setClock // stands, so that nobody comes too late
		clock.Store(time.Now().Truncate(time.Second).UnixMilli())
		s, addr := serve(t, p, guarded(t, func(c *Config) { c.History, c.LimitAsResponse, c.Now = a, true, clock.now }))
		text := tokenFor(`{"exp":%d,"streams":["s"]}`, clock.now().Add(life).Unix())
		came := time.Now()
		c := dial(t, addr, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+text+"\r\nLast-Event-ID: "+p.id(0)+"\r\n\r\n")
		until(t, name, func() bool { return meanwhile(s) })
		b, err := io.ReadAll(c)
		if lasted := time.Since(came); err != nil || !strings.HasSuffix(string(b), "\n: token\n\r\n0\r\n\r\n") || lasted < life/2 {
			t.Errorf("%s: after %v %q %v", name, lasted, b, err)
		}
		until(t, "it is counted", func() bool { return closedFor(t, s, closedToken) == 1 && s.Connections() == 0 && replays(t, s) == 0 })
	}
	f("it is parked", func(a *archive) { a.away = true }, func(s *Server) bool { return s.Connections() == 1 })
	f("it replays", func(a *archive) { a.free = make(chan struct{}) }, func(s *Server) bool { return replays(t, s) == 1 })
}
