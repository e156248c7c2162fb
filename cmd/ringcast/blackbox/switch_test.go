package blackbox

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/bench/ledger"
)

// switchParts are the partitions of the streams s (topic t) and v (topic u).
var switchParts = []ledger.TopicPartition{{Topic: "t"}, {Topic: "t", Partition: 1}, {Topic: "u"}}

// switched is one client of a stream whose Kafka is switched.
type switched struct {
	*follower
	*tally
	name  string
	parts []ledger.TopicPartition
}

// switchScene is an instance that reads one of two mirrored clusters.
type switchScene struct {
	t        *testing.T
	m        *mirror
	in       *instance
	before   int64 // of the tallies
	document func(k *fake) string
	url      func(path string) string
	config   ledger.Config // what all clients have in common
	clients  []*switched
}

// newSwitchScene starts one that reads the first of two clusters with the topics.
func newSwitchScene(t *testing.T, one, two *fake, id string, secure bool) *switchScene {
	t.Helper()
	s := &switchScene{t: t, m: newMirror(t, one, two, switchParts...)}
	more := fmt.Sprintf("[replay]\nrate = \"400KiB\"\n[streams.v]\ntopics = [\"u\"]\nevents = 300\nid = %q\n", id)
	if secure {
		files := newTLSFiles(t)
		more += files.table()
		s.config.TLS = files.authority.client()
	}
	s.document = func(k *fake) string {
		return k.config("slow_client_timeout = \"60s\"", fmt.Sprintf("events = 300\nid = %q\n", id)) + more
	}
	s.in = startConfig(t, s.document(one))
	s.in.waitReady()
	s.url = s.in.url
	if secure {
		s.url = s.in.secure
	}
	return s
}

// client starts a client of a path that owes the records of some partitions from
// start on.
func (s *switchScene) client(name, path string, start ledger.Positions, change func(*ledger.Config), parts ...ledger.TopicPartition) *switched {
	s.t.Helper()
	c := s.config
	c.URLs, c.ReconnectDelay = []string{s.url(path)}, 5*time.Millisecond
	if change != nil {
		change(&c)
	}
	from := ledger.Positions{}
	for _, tp := range parts {
		from[tp] = start[tp]
	}
	tl := count(&c, from)
	tl.before = s.before
	x := &switched{tally: tl, name: name, parts: parts}
	x.follower = follow(s.t, c)
	s.clients = append(s.clients, x)
	return x
}

// have waits until clients have everything below end, and looks at how.
func (s *switchScene) have(end ledger.Positions, clients ...*switched) {
	s.t.Helper()
	for _, c := range clients {
		eventually(s.t, patience, func() bool { return c.lacks(end) == "" || len(c.faults()) > 0 }, func() string {
			return fmt.Sprintf("%s: %s %v", c.name, c.lacks(end), c.all())
		})
		if f := c.faults(); len(f) > 0 {
			s.t.Errorf("%s: %q; told %v", c.name, f, c.Notices())
		}
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// load writes some hundred records a second until stop is called.
func (s *switchScene) load() (stop func()) {
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				s.m.write(4, 300)
			}
		}
	})
	return func() {
		close(over)
		wg.Wait()
	}
}

// to reloads with another cluster.
func (s *switchScene) to(i int) {
	s.t.Helper()
	s.in.reload(s.document(s.m.both[i]), taken)
	s.m.reads(i)
}

// TestSwitch: the cluster behind an instance is switched by a reload, and back.
// Whoever is connected stays connected and gets every record, those of the last
// millisecond perhaps twice; whoever comes back with an id from before too.
func TestSwitch(t *testing.T) {
	f := func(id string, secure bool) {
		t.Run(fmt.Sprintf("%s %v", id, secure), func(t *testing.T) {
			t.Parallel()
			one := newFake(t, topics(2, "t"), topics(1, "u"))
			two := newFake(t, topics(2, "t"), topics(1, "u"), kfake.ClusterID("another"))
			s := newSwitchScene(t, one, two, id, secure)
			if id == "timestamp" {
				s.before = 4 // one for each switch before which nothing came
			}
			s.switches(id != "offset")
		})
	}
	f("both", false)
	f("offset", false)
	f("timestamp", false)
	f("compact", false)
	f("both", true)
}

// switches plays it. timed: ids have times, so they mean something elsewhere.
func (s *switchScene) switches(timed bool) {
	t, m := s.t, s.m
	t0, t1, u := switchParts[0], switchParts[1], switchParts[2]
	start := m.end()
	live := []*switched{
		s.client("live", "s", start, nil, t0, t1),
		s.client("http/1.0", "s", start, func(c *ledger.Config) { c.Mode = ledger.SSE10 }, t0, t1),
		s.client("lines", "s", start, func(c *ledger.Config) { c.Mode = ledger.NDJSON }, t0, t1),
		s.client("notices as events", "s?notices=event", start, nil, t0, t1),
		s.client("composite", "s,v", start, nil, t0, t1, u),
		s.client("quiet", "v", start, nil, u),
	}
	lagging := s.client("lagging", "s", start, func(c *ledger.Config) { c.ReceiveBuffer, c.StartPaused = 4096, true }, t0, t1)
	eventually(t, patience, func() bool { return s.in.sum("ringcast_connections{") == 8 }, func() string { return "clients are missing" })
	m.write(30, 300)
	s.have(m.end(), live...)
	early, at := live[0].LastEventID(), m.end()
	both := live[4].LastEventID()
	for range 40 { // the ring leaves them behind
		m.write(30, 600)
		s.have(m.end(), live...)
	}
	replaying := s.client("replaying", "s", at, func(c *ledger.Config) { c.LastEventID = early }, t0, t1)
	together := s.client("composite, replaying", "s,v", at, func(c *ledger.Config) { c.LastEventID = both }, t0, t1, u)
	for _, c := range []*switched{replaying, together} {
		// A position that is an offset alone has a time with the first event.
		eventually(t, patience, func() bool { return c.Counts().Events > 100 }, func() string { return "nobody replays" })
	}
	if n := s.in.metric(`ringcast_clients{state="replay"}`); n < 2 {
		t.Errorf("%v clients replay", n)
	}

	stop := s.load()
	for i := range 4 {
		s.to(1 - i%2)
		if i == 1 {
			lagging.Resume()
		}
		if timed {
			back := s.client(fmt.Sprint("came back ", i), "s", at, func(c *ledger.Config) { c.LastEventID = early }, t0, t1)
			back.Cut(true)
		}
		s.have(m.end(), live...)
	}
	stop()
	s.have(m.end(), s.clients...)
	for _, c := range append(live, lagging, replaying, together) {
		if n := c.Counts(); n.Connections != 1 || n.Refusals+n.Failures > 0 {
			t.Errorf("%s: %+v, want one connection", c.name, n)
		}
	}
	for _, c := range live {
		// Each switch is told once for each partition, and nothing else is.
		want, told := 4*len(c.parts), 0
		if c.name == "lines" {
			want = 0
		}
		for _, n := range c.Notices() {
			if n.Gap == nil || n.Gap.Reason != "other_cluster" {
				t.Errorf("%s was told %q", c.name, n.Text)
				continue
			}
			told++
		}
		if told != want {
			t.Errorf("%s was told of %d partitions, want %d: %v", c.name, told, want, c.Notices())
		}
	}
	for _, c := range s.clients {
		for _, n := range c.Notices() {
			if n.Gap == nil || n.Gap.Reason != "other_cluster" {
				t.Errorf("%s was told %q", c.name, n.Text)
			}
		}
	}
	s.in.noPrivate()
	if strings.Contains(s.in.text(), "fell out of the ring") {
		t.Log("a shard or a view fell out of its ring")
	}
	repeats := 0
	for _, c := range s.clients {
		repeats += c.repeats
	}
	t.Logf("%d clients, %v records, %d repeats", len(s.clients), m.end(), repeats)
}

// TestSwitchRefused: a Kafka that does not answer, has nothing of what is read or
// does not let us in is not switched to, and nobody notices; neither does the
// rest of that configuration come in force.
func TestSwitchRefused(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t"))
	wrong := newFake(t, topics(1, "other"), kfake.ClusterID("another"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	live := followAll(t, 2, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	nobody := &fake{addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	const refusal = "the new configuration cannot be used, the old one stays in force"
	f := func(document, says string) {
		t.Helper()
		k.produce("t", 0, 20, 200)
		in.reload(document, refusal)
		if log := in.text(); !strings.Contains(log[strings.LastIndex(log, "cannot go on with Kafka at"):], says) {
			t.Errorf("the log does not say %q:\n%s", says, in.tail(1000))
		}
		k.produce("t", 1, 20, 200)
		k.complete(live...)
	}
	f(nobody.config("max_connections_per_ip = 1", ""), "connection refused")
	f(wrong.config("max_connections_per_ip = 1", ""), "none of the topics")
	f(strings.Replace(k.config("max_connections_per_ip = 1", ""), "[ring]", "[kafka.tls]\n[ring]", 1), "no broker answered")
	followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	for i, c := range live {
		if n := c.Counts(); n.Connections != 1 || n.Gaps > 0 {
			t.Errorf("client %d: %+v", i, n)
		}
	}
	if n := in.metric(`ringcast_kafka_client_rebuilds_total{stream="s"}`); n != 0 {
		t.Errorf("%v clients were rebuilt", n)
	}
}

// TestSwitchWithinACluster: other brokers of the same cluster, another group or
// other sizes are taken under load, and nobody is told anything: not one record
// is lost or comes twice.
func TestSwitchWithinACluster(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t"), kfake.NumBrokers(2))
	addrs := k.cluster.ListenAddrs()
	document := func(i int) string {
		lines := []string{"", "group_prefix = \"moved\"", "fetch_bytes = \"64KiB\"\nisolation = \"read_uncommitted\"", "client_id = \"other\"\nrack = \"r\""}
		d := strings.Replace(k.config("", "events = 64"), k.addr, addrs[i%2], 1)
		return strings.Replace(d, "[ring]", lines[i%4]+"\n[replay]\ncache = \""+fmt.Sprint(32+i)+"MiB\"\n[ring]", 1)
	}
	in := startConfig(t, document(0))
	in.waitReady()
	live := followAll(t, 3, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	hopping := followAll(t, 3, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)
	events := float64(0)
	for i := range 6 {
		over, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-over:
					return
				default:
					k.produce("t", 0, 10, 200)
					k.produce("t", 1, 10, 200)
				}
			}
		}()
		hopping[i%3].Cut(i%2 == 0)
		in.reload(document(i+1), taken)
		close(over)
		<-done
		k.complete(live...)
		now := in.metric(`ringcast_events_total{stream="s"}`)
		if now <= events {
			t.Errorf("%v events are counted, %v were", now, events)
		}
		events = now
	}
	k.complete(append(live, hopping...)...)
	for i, c := range append(live, hopping...) {
		n := c.Counts()
		if n.Gaps > 0 || i < len(live) && n.Connections != 1 {
			t.Errorf("client %d: %+v", i, n)
		}
	}
	if status, _ := in.get("/readyz"); status != 200 {
		t.Errorf("/readyz is %d", status)
	}
	in.noPrivate()
}
