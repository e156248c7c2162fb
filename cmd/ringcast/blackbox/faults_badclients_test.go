//go:build kafka && faults && linux

package blackbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	generator "github.com/ringcast/ringcast/bench/load"

	"github.com/ringcast/ringcast/bench/ledger"
)

const (
	goodClients = 100
	badClients  = 100 // of each kind, of the good ones' stream
	badLedger   = 4   // of each kind, that have everything in the end
)

// badKind is what clients, or the network before them, do.
type badKind struct {
	name  string
	begin func(*throng) (end func())
}

var badKinds = []badKind{
	{"resets in mid-event", (*throng).resets},
	{"black hole, half-open: nothing acknowledged, no FIN", (*throng).blackHole},
	{"half-closed", (*throng).halfClosed},
	{"never reading, 4 KiB of receive buffer", func(s *throng) func() { return s.badFleet(badClients, "-stall") }},
	{"1 KB/s, 4 KiB of receive buffer", func(s *throng) func() { return s.badFleet(badClients, "-rate", "1024") }},
	{"1 byte/s, 4 KiB of receive buffer", func(s *throng) func() { return s.badFleet(badClients, "-rate", "1") }},
}

// TestFaultsBadClients: clients of every bad kind together cost the others nothing.
func TestFaultsBadClients(t *testing.T) {
	all := badKind{name: "resets, black hole, half-closed, never reading, 1 KB/s, 1 byte/s together", begin: func(s *throng) func() {
		var ends []func()
		for _, k := range badKinds {
			ends = append(ends, k.begin(s))
		}
		return func() {
			for _, end := range ends {
				end()
			}
		}
	}}
	badRows(t, []badKind{all}, len(badKinds)*badClients, 4, 2*time.Second)
}

// TestLongFaultsBadClients is each kind by itself.
func TestLongFaultsBadClients(t *testing.T) { badRows(t, badKinds, badClients, 6, 4*time.Second) }

// TestLongFaultsHalfOpen: a client that is gone is found out also where it is sent
// nothing but heartbeats, which a socket takes many of.
func TestLongFaultsHalfOpen(t *testing.T) {
	s := newThrong(t, throngOptions{server: "slow_client_timeout = \"5s\"\nheartbeat = \"1s\"", lasts: time.Hour})
	s.fault(fault{name: "half-open on an idle stream (kfake)", says: "others: none; ended after slow_client_timeout and a heartbeat or two"}, func(row *fault) {
		end := s.blackHole()
		defer end()
		dug := time.Now()
		left := func() float64 { return s.in.metric(`ringcast_connections{stream="crowd"}`) }
		eventually(t, 3*time.Minute, func() bool { return left() == 0 }, func() string { return fmt.Sprintf("%v are there still", left()) })
		row.note = fmt.Sprintf("%d ended after %v: %s", badClients, time.Since(dug).Round(time.Second), s.in.closed())
	})
	s.end()
}

// badRows measures the others beside each kind, and beside so many clients that
// behave.
func badRows(t *testing.T, kinds []badKind, clients, rounds int, each time.Duration) {
	s := newThrong(t, throngOptions{server: "slow_client_timeout = \"5s\"\nheartbeat = \"1s\"", crowd: 100, lasts: time.Hour})
	good := s.fleet()
	good.connect(goodClients)
	for _, k := range kinds {
		s.fault(fault{name: k.name + " (kfake)", says: "others: none, p99 within 1.5×"}, func(row *fault) {
			var without, with, like []time.Duration
			for range rounds {
				without = append(without, good.p99(each))
				end := k.begin(s)
				with = append(with, good.p99(each))
				end()
				s.gone(goodClients)
				end = s.badFleet(clients)
				like = append(like, good.p99(each))
				end()
				s.gone(goodClients)
			}
			row.note = beside(median(without), median(with), median(like), s.in.closed())
		})
	}
	good.whole()
	s.end()
}

// beside says what the others' p99 was: with bad clients, with as many that behave
// in their place, which is what more clients of any kind cost, and without either.
func beside(without, with, like time.Duration, closed string) string {
	ratio := float64(with) / float64(like)
	note := fmt.Sprintf("p99 of %d others %v, with as many that behave %v: %.2f×, without either %v: %.2f×; ended so far: %s", goodClients, with, like, ratio, without, float64(with)/float64(without), closed)
	if ratio > 1.5 {
		note += " **more than promised**"
	}
	return note
}

// p99 is that of deliveries while d passes.
func (f *fleet) p99(d time.Duration) time.Duration {
	f.s.t.Helper()
	f.do(generator.Command{Do: "mark", Since: time.Now().UnixMicro()})
	<-time.After(d) // the length of a measurement
	return time.Duration(f.do(generator.Command{Do: "report"}).P99) * time.Microsecond
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}

// closed is why connections have ended.
func (in *instance) closed() string {
	var list []string
	_, body := in.get("/metrics")
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, `ringcast_connections_closed_total{reason="`); ok {
			if reason, n, _ := strings.Cut(strings.TrimSpace(rest), `"} `); n != "0" {
				list = append(list, reason+" "+n)
			}
		}
	}
	return strings.Join(list, ", ")
}

// badFleet are n clients of the good ones' stream, well-behaved without flags;
// end closes them.
func (s *throng) badFleet(n int, flags ...string) (end func()) {
	s.t.Helper()
	f := s.aside(flags...)
	f.connect(n)
	return func() { s.must(f.child.Stop(5 * time.Second)) }
}

// bad starts clients that do what visit says until end is called: of the good
// ones' stream, and of the ledger's, which are well then and have to have
// everything.
func (s *throng) bad(config ledger.Config, visit func(context.Context, *ledger.Client)) (all []*ledger.Client, end func()) {
	ctx, cancel := context.WithCancel(s.following)
	var running sync.WaitGroup
	crowd := config
	crowd.URLs, crowd.Foreign = []string{"http://" + s.in.addr + "/v2/stream/crowd"}, true
	for range badClients {
		c := ledger.NewClient(crowd)
		all = append(all, c)
		running.Go(func() { visit(ctx, c) })
	}
	config.URLs = []string{s.url(s.in)}
	for range badLedger {
		all = append(all, s.client(config, func(following context.Context, c *ledger.Client) {
			visit(ctx, c)
			c.Follow(following)
		}))
	}
	eventually(s.t, settleTime, func() bool {
		return !slices.ContainsFunc(all, func(c *ledger.Client) bool { return c.LastEventID() == "" })
	}, func() string { return "bad clients are not connected" })
	return all, func() {
		cancel()
		for _, c := range all {
			c.Cut(true)
		}
		running.Wait()
	}
}

// resets are clients that reset their connections somewhere in the next second and
// come again.
func (s *throng) resets() (end func()) {
	s.t.Helper()
	_, end = s.bad(ledger.Config{}, func(ctx context.Context, c *ledger.Client) {
		for ctx.Err() == nil {
			c.Visit(ctx, ledger.Visit{CutAfter: 700 + rand.Int64N(50_000), Reset: true})
		}
	})
	return end
}

// blackHole are clients of which nothing is heard any more.
func (s *throng) blackHole() (end func()) {
	s.t.Helper()
	var h hole
	_, end = s.bad(ledger.Config{Dial: h.dial}, func(ctx context.Context, c *ledger.Client) { c.Visit(ctx, ledger.Visit{}) })
	s.must(h.dig())
	return end
}

// halfClosed are clients that have closed their sending side.
func (s *throng) halfClosed() (end func()) {
	s.t.Helper()
	all, end := s.bad(ledger.Config{}, func(ctx context.Context, c *ledger.Client) { c.Visit(ctx, ledger.Visit{}) })
	for _, c := range all {
		s.must(c.HalfClose())
	}
	return end
}
