package sim

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// client is a reader that is cut and comes back, at any instance.
type client struct {
	*ledger.Client
	w    *world
	name string
	rng  *rand.Rand
}

func newClient(w *world, i int) *client {
	c := &client{w: w, name: fmt.Sprintf("c%d", i), rng: rand.New(rand.NewPCG(w.seed, uint64(1000+i)))}
	mode := ledger.SSE
	if c.rng.IntN(4) == 0 {
		mode = ledger.SSE10
	}
	var urls []string
	for _, in := range w.instances {
		urls = append(urls, in.url())
	}
	c.Client = ledger.NewClient(ledger.Config{
		URLs: urls, Mode: mode, Book: w.book, Start: w.plan.start(), OnEnd: c.ended, OnNotice: c.told, Dial: w.web.dial,
		ReadSize: 1 << c.rng.IntN(13),
	})
	return c
}

// live connects again and again until the context ends. While the world is not
// calm each connection is cut somehow, and the client stays away for a while.
func (c *client) live(ctx context.Context) {
	for ctx.Err() == nil {
		url := c.w.instances[c.rng.IntN(len(c.w.instances))].url()
		visit, stay := ledger.Visit{URL: url, Reset: c.rng.IntN(2) == 0}, time.Duration(math.MaxInt64)
		switch n := c.rng.IntN(10); {
		case n < 5:
			visit.CutAfter = 1 + c.rng.Int64N(1<<(3+c.rng.IntN(12)))
		case n < 9:
			stay = between(c.rng, time.Millisecond, c.w.plan.quiet)
		}
		lost := c.LastEventID() == "" // what it misses without a position is not owed to it
		if lost {
			visit.CutAfter, stay = 0, between(c.rng, 10*time.Second, c.w.plan.quiet)
		}
		visiting, stop := context.WithCancel(ctx)
		if c.w.isCalm() {
			visit.CutAfter = 0
		} else {
			go c.cut(visiting, stay)
		}
		c.Visit(visiting, visit)
		stop()
		away := between(c.rng, time.Millisecond, 5*time.Second)
		if c.rng.IntN(12) == 0 && !lost {
			away = between(c.rng, 10*time.Second, c.w.plan.quiet)
			c.w.trace.add("%s is away for %v", c.name, away)
		}
		c.w.rest(ctx, away)
	}
}

// cut cuts the connection after a time, or when it becomes calm and the
// connection would be cut otherwise.
func (c *client) cut(ctx context.Context, stay time.Duration) {
	t := time.NewTimer(stay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.w.calm:
	case <-ctx.Done():
		return
	}
	c.Cut(false)
}

// ended judges how a connection ended.
func (c *client) ended(e ledger.End) {
	switch {
	case e.Cause == ledger.Refused && e.Status == 503:
		c.w.trace.add("%s at %s: %d %s", c.name, e.URL, e.Status, e.Problem.Type)
		c.w.refusals.Add(1)
	case e.Cause == ledger.Refused, e.Cause == ledger.Garbled:
		c.w.fail("%s at %s was answered %d %+v (%v) with the id %s", c.name, e.URL, e.Status, e.Problem, e.Err, c.LastEventID())
	case e.Cause == ledger.ServerEnded && e.Said != "drain" && e.Said != "slow":
		c.w.fail("%s at %s was ended: %q", c.name, e.URL, e.Said)
	}
	c.w.visits.Add(1)
}

// told judges a notice: what is said to be missing must be missing.
func (c *client) told(n ledger.Notice) {
	if n.Gap == nil {
		return
	}
	c.w.trace.add("%s: %s", c.name, n.Text)
	if why := c.w.fate.excuses(*n.Gap); why != "" {
		c.w.fail("%s got a gap that is none, %s: %s", c.name, why, n.Text)
	}
}

// between draws a duration, each order of magnitude with the same chance.
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return time.Duration(float64(low) * math.Pow(float64(high)/float64(low), rng.Float64()))
}
