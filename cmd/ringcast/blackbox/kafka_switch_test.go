//go:build kafka

package blackbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// realFake is a real cluster where a test wants to write to one of its own.
func realFake(t *testing.T, c *kafka.Cluster) *fake {
	t.Helper()
	k := awayFake(t)
	k.addr = c.Addrs()[0]
	k.client = k.connect()
	t.Cleanup(func() { k.client.Close() })
	for topic, partitions := range map[string]int32{"t": 2, "u": 1} {
		if err := c.CreateTopic(t.Context(), topic, partitions, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// TestKafkaSwitched: two clusters hold the same records at other offsets. The
// stream is switched to the second one under load, back, and again, and then the
// first one is killed.
func TestKafkaSwitched(t *testing.T) {
	first, second := kafka.ForTest(t, kafka.Options{}), kafka.ForTest(t, kafka.Options{})
	s := newSwitchScene(t, realFake(t, first), realFake(t, second), "both", false)
	m, start := s.m, s.m.end()
	t0, t1, u := switchParts[0], switchParts[1], switchParts[2]
	live := []*switched{
		s.client("live", "s", start, nil, t0, t1),
		s.client("http/1.0", "s", start, func(c *ledger.Config) { c.Mode = ledger.SSE10 }, t0, t1),
		s.client("lines", "s", start, func(c *ledger.Config) { c.Mode = ledger.NDJSON }, t0, t1),
		s.client("composite", "s,v", start, nil, t0, t1, u),
	}
	eventually(t, patience, func() bool { return s.in.sum("ringcast_connections{") == 5 }, func() string { return "clients are missing" })
	m.write(30, 300)
	s.have(m.end(), live...)
	early, at := live[0].LastEventID(), m.end()
	for range 20 {
		m.write(30, 300)
		s.have(m.end(), live...)
	}
	stop := s.load()
	later := func(d time.Duration) {
		end := time.Now().Add(d)
		eventually(t, patience, func() bool { return time.Now().After(end) }, func() string { return "" })
		s.have(m.end(), live...)
	}
	pauses := func(what string) {
		t.Helper()
		longest := time.Duration(0)
		for _, c := range live {
			longest = max(longest, c.longest())
		}
		t.Logf("%s: longest pause of a live client %v", what, longest.Round(time.Millisecond))
	}
	later(5 * time.Second) // the group has been joined
	pauses("before")
	for i := range 3 {
		s.to(1 - i%2)
		s.client(fmt.Sprint("came back ", i), "s", at, func(c *ledger.Config) { c.LastEventID = early }, t0, t1)
		later(5 * time.Second)
		pauses(fmt.Sprintf("switch %d", i+1))
	}
	stop()
	m.alone()
	if err := first.Kill(1); err != nil {
		t.Fatal(err)
	}
	stop = s.load()
	later(5 * time.Second)
	pauses("first cluster killed")
	stop()
	s.have(m.end(), s.clients...)
	for _, c := range live {
		if n := c.Counts(); n.Connections != 1 || n.Refusals+n.Failures > 0 {
			t.Errorf("%s: %+v, want one connection", c.name, n)
		}
		want := 3 * len(c.parts)
		if c.name == "lines" {
			want = 0
		}
		if n := len(c.Notices()); n != want {
			t.Errorf("%s was told %d things, want %d: %v", c.name, n, want, c.Notices())
		}
	}
	if n := s.in.metric(`ringcast_stream_stalled{stream="s"}`); n != 0 {
		t.Error("the stream is stalled")
	}
	s.in.noPrivate()
	repeats := 0
	for _, c := range s.clients {
		repeats += c.repeats
	}
	t.Logf("%d clients, %v records, %d repeats", len(s.clients), m.end(), repeats)
}

// longest is the longest pause between two events since the last call.
func (t *tally) longest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pause
	t.pause = 0
	return p
}

// alone says that the cluster that is not being read is no longer written to.
func (m *mirror) alone() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.one = true
}
