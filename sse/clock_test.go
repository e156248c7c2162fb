package sse

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// setClock stands until it is set, Unix milliseconds.
type setClock struct{ atomic.Int64 }

func (c *setClock) now() time.Time { return time.UnixMilli(c.Load()) }

// The clock of the machine is set by an hour, forward or back: nobody's stream
// ends, beats more or less often, or stands still. A token lasts as long as it
// would have; whoever comes is judged by the new time.
func TestClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			bothPaths(t, func(t *testing.T, change func(*Config)) {
				t.Parallel()
				clockIsSet(t, by, change)
			})
		})
	}
}

func clockIsSet(t *testing.T, by time.Duration, change func(*Config)) {
	const every, life, half = 500 * time.Millisecond, 2 * time.Second, 30 * time.Minute
	var clock setClock
	clock.Store(time.Now().Truncate(time.Second).UnixMilli())
	begin := clock.now()
	p := newPublisher(100, 1)
	s, addr := serve(t, p, guarded(t, func(c *Config) {
		change(c)
		c.Now, c.Heartbeat = clock.now, every
	}))
	p.publishAt(0, 0, begin.Add(-2*time.Minute).UnixMilli(), `{"n":0}`)
	p.publishAt(0, 1, begin.UnixMilli(), `{"n":1}`)
	open := func(query string, life time.Duration, header string) net.Conn {
		text := tokenFor(`{"exp":%d,"streams":["s"]}`, begin.Add(life).Unix())
		return dial(t, addr, "GET /v2/stream/s"+query+" HTTP/1.0\r\nAuthorization: Bearer "+text+"\r\n"+header+"\r\n")
	}
	expect := func(c net.Conn, what string) {
		t.Helper()
		if err := readFor(c, what); err != nil {
			t.Error(err)
		}
	}
	healthy := func() {
		t.Helper()
		if !s.alive(healthTime) {
			t.Error("the server counts as dead")
		}
	}
	came := time.Now()
	short, long := open("", life, ""), open("", half, "")
	open("", half, "Last-Event-ID: "+p.id(1<<40)+"\r\n") // ahead of this instance
	until(t, "all are there", func() bool { return s.Connections() == 3 })

	clock.Store(begin.Add(by).UnixMilli())
	healthy()
	p.publish(0, 2, `{"n":2}`)
	expect(short, `{"n":2}`)
	expect(long, `{"n":2}`)
	for beat := range 3 {
		since := time.Now()
		expect(long, ":\n")
		if d := time.Since(since); beat > 0 && d < every*3/4 {
			t.Errorf("it beats after %v", d)
		}
	}
	rest, err := io.ReadAll(short)
	if lasted := time.Since(came); err != nil || !strings.HasSuffix(string(rest), "\n: token\n") || lasted < life/2 {
		t.Errorf("a token of %v lasted %v: %q %v", life, lasted, rest, err)
	}
	until(t, "it is counted", func() bool { return closedFor(t, s, closedToken) == 1 && s.Connections() == 2 })
	healthy()
	p.publish(0, 3, `{"n":3}`)
	expect(long, `{"n":3}`)

	status := "HTTP/1.1 200"
	if by > half {
		status = "HTTP/1.1 401"
	}
	expect(open("", half, ""), status)
	// A clock that is slow makes no time to come of one that has been.
	expect(open(fmt.Sprintf("?since=%d", begin.Add(-time.Minute).UnixMilli()), 3*time.Hour, ""), `{"n":1}`)
}
