//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

// disturbed measures healthy clients alone, and beside others of the same server that are not healthy.
type disturbed struct {
	clients    int     // healthy
	rate       float64 // records a second, over all partitions
	size       int     // bytes of a record
	partitions int
	backlog    int // records in the ring before the measurement; they fill the buffers of those who do not read
	crowds     []crowd
	herd       int // clients at a time that catch up on the backlog, again and again; with Bench.Full five times as many

	measured time.Duration
}

// crowd is clients that are no part of the measurement.
type crowd struct {
	name    string
	clients int
	flags   []string // of their load generator
}

// beside is ringcast, disturbed.
const beside kind = "ringcast, disturbed"

// aimDisturbed is how much later than alone the late ones of the healthy clients may be.
const aimDisturbed = 2

func (c disturbed) run(ctx context.Context, b *Bench) (report.Document, error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	if b.Full {
		c.measured, c.herd = 5*c.measured, 5*c.herd
	}
	d := report.Document{Summary: fmt.Sprintf("%d healthy clients, %g records/s of %d B on %d partitions, measured for %v: alone, and beside %s.",
		c.clients, c.rate, c.size, c.partitions, c.measured, c.others())}
	var caught []float64
	m, err := b.measure(ctx, &d, comparison{kinds: []kind{subject, beside, auto}, base: subject, one: func(ctx context.Context, k kind) (speed, error) {
		s, herds, err := c.one(ctx, b, k)
		if k == beside && c.herd > 0 {
			caught = append(caught, float64(herds))
		}
		return s, err
	}})
	if err != nil {
		return d, err
	}
	late := m.ratio(beside, p99)
	d.Tables = append(d.Tables, report.Table{Title: "The healthy clients, disturbed / alone", Rows: [][]string{
		{"p99", "aim", "is it held?"}, {late.Ratio(), fmt.Sprintf("at most %d", aimDisturbed), held(late.Median <= aimDisturbed)}}})
	if n := c.blocked(); n > 0 {
		d.Tables = append(d.Tables, c.memory(m, n))
	}
	if c.herd > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("Beside them %.0f herds (median) of %d clients caught up on %d records each from the ring, exactly; herd and its load generator take processor time from all.",
			report.Over(caught).Median, c.herd, c.backlog))
	}
	d.Notes = append(d.Notes, "The yardstick is not disturbed: it waits for its slowest client.",
		"Memory is read after garbage collection. The resident memory of two processes differs by some MB for reasons of its own; the live heap is what the clients take.",
		"Those who do not read stay connected all the time of a run, and what they got has no fault either.")
	d.Charts = []report.Chart{m.latencies(), costPerDelivery([]string{fmt.Sprintf("records of %d B", c.size)}, []compared{m})}
	return d, nil
}

func (c disturbed) others() string {
	var parts []string
	for _, o := range c.crowds {
		parts = append(parts, fmt.Sprintf("%d that %s", o.clients, o.name))
	}
	if c.herd > 0 {
		parts = append(parts, fmt.Sprintf("herds of %d that catch up from the ring", c.herd))
	}
	return strings.Join(parts, ", ")
}

// blocked is the number of clients that do not take what they are sent.
func (c disturbed) blocked() (n int) {
	for _, o := range c.crowds {
		n += o.clients
	}
	return n
}

func held(yes bool) string {
	if yes {
		return "yes"
	}
	return "**no**"
}

// memory is what clients that do not read cost on the server's side.
func (c disturbed) memory(m compared, n int) report.Table {
	each := func(f func(uses) float64) string {
		var v []float64
		for i, s := range m.got[beside] {
			v = append(v, (f(s.uses)-f(m.got[subject][i].uses))/float64(n))
		}
		return fmt.Sprintf("%.1f (%.1f–%.1f)", report.Over(v).Median/1024, report.Over(v).Min/1024, report.Over(v).Max/1024)
	}
	return report.Table{Title: "KiB for each client that does not read: with them, less without (min–max)", Rows: [][]string{
		{"clients", "live heap of the server", "its resident memory", "the kernel's sockets, both ends", "KiB of events kept for all of them that the ring no longer has"},
		{fmt.Sprint(n), each(func(u uses) float64 { return u.heap }), each(func(u uses) float64 { return float64(u.resident) }),
			each(func(u uses) float64 { return u.kernel }), fmt.Sprintf("%.0f", m.median(beside, func(s speed) float64 { return s.uses.pending })/1024)}}}
}

func (c disturbed) one(ctx context.Context, b *Bench, k kind) (s speed, herds int, err error) {
	server, crowds, herd := k, c.crowds, c.herd
	if k != beside {
		crowds, herd = nil, 0
	} else {
		server = subject
	}
	err = b.withSession(ctx, server, c.partitions, c.size, c.clients, func(at session) error {
		return b.withCrowds(at, crowds, c.partitions, c.size, func(pids []int) error {
			if err := at.producer.Burst(ctx, c.backlog); err != nil {
				return err
			}
			backlog := at.producer.Sent()
			if err := at.producer.Paced(ctx, c.rate, steadyWarm); err != nil {
				return err
			}
			if r, err := at.clients.await(at.producer.Sent()); verdict(r, err) != nil {
				return fmt.Errorf("warming up: %w", verdict(r, err))
			}
			if len(crowds) > 0 {
				if err := at.server.behind(ctx); err != nil {
					return err
				}
			}
			for _, o := range crowds {
				at.crowd += o.clients
			}
			m, err := b.startMeter(ctx, at, pids...)
			if err != nil {
				return err
			}
			begin := time.Now()
			err = whileProducing(ctx, at.producer, c.rate, func() error {
				for herd > 0 && time.Since(begin) < c.measured {
					if err := c.catchUp(b, at, herd, backlog); err != nil {
						return err
					}
					herds++
				}
				return pause(ctx, c.measured-time.Since(begin))
			})
			if err != nil {
				return err
			}
			end, err := at.clients.await(at.producer.Sent())
			s, err = m.stop(ctx, time.Since(begin).Seconds(), end, verdict(end, err))
			return err
		})
	})
	return s, herds, err
}

// catchUp sends a herd for the backlog, which the ring holds.
func (c disturbed) catchUp(b *Bench, at session, herd int, backlog []uint64) error {
	return b.withClients(at.server, at.topic, c.partitions, c.size, func(h *clients) error {
		_, err := h.replay(herd, load.Plan{From: make([]uint64, c.partitions), Until: backlog}, 2*time.Minute)
		if err != nil {
			return fmt.Errorf("herd: %w", err)
		}
		return nil
	})
}

// withCrowds runs do while crowds are at the server of a session. do is told their processes.
func (b *Bench) withCrowds(at session, crowds []crowd, partitions, size int, do func(pids []int) error) error {
	var with func(rest []crowd, pids []int) error
	with = func(rest []crowd, pids []int) error {
		if len(rest) == 0 {
			return do(pids)
		}
		return b.withClients(at.server, at.topic, partitions, size, func(c *clients) error {
			if err := c.connect(rest[0].clients); err != nil {
				return err
			}
			if err := with(rest[1:], append(pids, c.child.PID())); err != nil {
				return err
			}
			end, err := c.do(load.Command{Do: "report"})
			if err := verdict(end, err); err != nil {
				return fmt.Errorf("%d clients that %s: %w", rest[0].clients, rest[0].name, err)
			}
			return nil
		}, rest[0].flags...)
	}
	return with(crowds, nil)
}

// behind returns an error when the server never had to wait for a client.
func (s *server) behind(ctx context.Context) error {
	text, err := s.metrics(ctx)
	if err == nil && metric(text, "ringcast_short_writes_total") == 0 {
		err = errors.New("cannot measure beside clients that do not read: all of them took everything")
	}
	return err
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
