//go:build kafka && faults

package blackbox

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// member is one of the crowd: a client that the ledger asks in the end.
type member struct {
	*ledger.Client
	name    string
	topics  []string
	allowed []ledger.Kind
}

// urls are those of a stream, or several, on all instances, the given one first.
func (s *soak) urls(stream string, first int) (urls []string) {
	for i := range hosts {
		urls = append(urls, "http://"+s.hosts[(first+i)%hosts].addr+"/v2/stream/"+stream)
	}
	return urls
}

// joins adds a member, whom do moves.
func (s *soak) joins(name, stream string, config ledger.Config, do func(context.Context, *ledger.Client, *rand.Rand)) {
	n := len(s.members)
	config.Book, config.URLs, config.OnNotice = s.book, s.urls(stream, n), s.fate.judge
	m := &member{Client: ledger.NewClient(config), name: name + " of " + stream, topics: strings.Split(stream, ",")}
	if strings.Contains(stream, "side") {
		m.allowed = []ledger.Kind{ledger.Gap} // of which each is judged
	}
	if config.Mode == ledger.NDJSON {
		m.allowed = []ledger.Kind{ledger.Double} // without ids it begins anew, where the next instance is
	}
	rng := rand.New(rand.NewPCG(s.seed, uint64(n+1)))
	s.members = append(s.members, m)
	s.running.Go(func() { do(s.following, m.Client, rng) })
}

// gather makes the crowd: of every stream, and of two at a time, clients that
// stay, that hop, that stay away for a while and that stop reading for a while.
func (s *soak) gather() {
	stays := func(ctx context.Context, c *ledger.Client, _ *rand.Rand) { c.Follow(ctx) }
	for _, stream := range []string{"edits", "small", "side", "sums", "small,edits", "side,sums"} {
		s.joins("live client", stream, ledger.Config{}, stays)
		s.joins("live client, HTTP/1.0,", stream, ledger.Config{Mode: ledger.SSE10}, stays)
		s.joins("hopping client", stream, ledger.Config{}, s.hops)
		s.joins("client that stays away", stream, ledger.Config{}, s.staysAway)
		s.joins("client that stops reading", stream, ledger.Config{ReceiveBuffer: smallWindow}, s.stopsReading)
	}
	s.joins("live client, JSON lines,", "edits", ledger.Config{Mode: ledger.NDJSON, Start: s.book.End("edits")}, stays)
	for _, m := range s.members {
		eventually(s.t, settleTime, func() bool { return len(m.Receipt().Start()) > 0 }, func() string { return m.name + " has no greeting" })
	}
}

// hops is cut after any byte and goes on elsewhere.
func (s *soak) hops(ctx context.Context, c *ledger.Client, rng *rand.Rand) {
	for ctx.Err() == nil && !s.last.Load() {
		c.Visit(ctx, ledger.Visit{CutAfter: 1 + rng.Int64N(hopRecords*recordSize), Reset: rng.IntN(2) == 0})
		pause(ctx, 20*time.Millisecond) // where nobody answers
	}
	c.Follow(ctx)
}

// staysAway is a hopper that is away until a small ring is of others.
func (s *soak) staysAway(ctx context.Context, c *ledger.Client, rng *rand.Rand) {
	for ctx.Err() == nil && !s.last.Load() {
		c.Visit(ctx, ledger.Visit{CutAfter: 1 + rng.Int64N(4*hopRecords*recordSize), Reset: rng.IntN(2) == 0})
		pause(ctx, drawTime(rng, 0, 10*time.Second))
	}
	c.Follow(ctx)
}

// stopsReading reads for a while and then does not.
func (s *soak) stopsReading(ctx context.Context, c *ledger.Client, rng *rand.Rand) {
	var reading sync.WaitGroup
	reading.Go(func() { c.Follow(ctx) })
	for ctx.Err() == nil && !s.last.Load() {
		pause(ctx, drawTime(rng, 0, 5*time.Second))
		c.Pause()
		pause(ctx, drawTime(rng, 0, 12*time.Second))
		c.Resume()
	}
	reading.Wait()
}

// silence is how long a client hears nothing, heartbeats included, before its
// connection is taken for dead: longer than anything here keeps quiet.
const silence = time.Minute

// watchSilence cuts connections on which nothing comes, which there are none of.
func (s *soak) watchSilence() {
	type heard struct {
		counts ledger.Counts
		at     time.Time
	}
	last := make([]heard, len(s.members))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.following.Done():
			return
		case now := <-tick.C:
			for i, m := range s.members {
				if c := m.Counts(); c != last[i].counts || !m.Connected() {
					last[i] = heard{c, now}
				} else if now.Sub(last[i].at) > silence {
					s.fails("a connection of the %s has been silent for %v", m.name, silence)
					m.Cut(true)
				}
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// ask waits until every member has what is booked, stops them and asks the
// ledger about each.
func (s *soak) ask() {
	s.last.Store(true)
	ctx, cancel := context.WithTimeout(s.ctx, 3*settleTime)
	defer cancel()
	for _, m := range s.members {
		if err := m.WaitUntil(ctx, s.book.End(m.topics...)); err != nil {
			s.fails("%s: %v; %+v, last id %s", m.name, err, m.Counts(), m.LastEventID())
		}
	}
	s.stopClients()
	s.running.Wait()
	for _, m := range s.members {
		s.judge(m, s.book.End(m.topics...))
	}
	s.outcome.settled = true
}

// judge asks the ledger about one, up to an end.
func (s *soak) judge(m *member, end ledger.Positions) {
	err := m.Receipt().CheckAllowing(end, m.allowed...)
	if err != nil {
		s.fails("%s: %v; %+v", m.name, err, m.Counts())
	}
	s.judging.Lock()
	defer s.judging.Unlock()
	s.outcome.clients++
	s.outcome.connections += m.Counts().Connections
	s.outcome.received += m.Receipt().Received()
	if err != nil {
		s.outcome.add(err)
	}
}
