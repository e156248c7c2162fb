//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
)

// idle measures what clients cost that get nothing but heartbeats.
func idle(ctx context.Context, b *Bench) (report.Document, error) {
	steps := []int{0, 500, 5000}
	if b.Full {
		steps = append(steps, 14000)
	}
	d := report.Document{Summary: "Clients that are connected and have their greeting, nothing is produced. Memory is resident memory after garbage collection."}
	d.Notes = append(d.Notes,
		"Memory per client is that above the same server without clients; the kernel's memory for sockets (about 5 KB for each end) is not in it.",
		"Threads, Kafka connections, and descriptors other than one for each client must not depend on the number of clients.")
	for _, k := range []kind{subject, auto} {
		t := report.Table{Title: b.label(k), Rows: [][]string{{
			"clients", "resident", "per client", "threads", "descriptors", "of them not clients", "Kafka connections"}}}
		err := b.withTopic(2, func(topic string) (err error) {
			s, err := b.serve(ctx, k, topic)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.stop()) }()
			c, err := b.clients(s, 2, 300)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, c.stop()) }()
			var empty uint64
			for _, n := range steps {
				if err := c.connect(n); err != nil {
					return err
				}
				f, err := b.footprint(ctx, s)
				if err != nil {
					return err
				}
				if n == 0 {
					empty = f.resident
				}
				b.progress("%s, %d clients: %.1f MiB", b.label(k), n, float64(f.resident)/(1<<20))
				t.Rows = append(t.Rows, f.row(n, empty))
			}
			if failed := verdict(c.do(load.Command{Do: "report"})); failed != nil {
				d.Failures = append(d.Failures, fmt.Sprintf("%s: %v", b.label(k), failed))
			}
			return nil
		})
		if err != nil {
			return d, fmt.Errorf("%s: %w", b.label(k), err)
		}
		d.Tables = append(d.Tables, t)
	}
	return d, nil
}

type footprint struct {
	resident                    uint64
	threads, descriptors, kafka int
}

func (f footprint) row(n int, empty uint64) []string {
	per := "–"
	if n > 0 {
		per = fmt.Sprintf("%.0f B", (float64(f.resident)-float64(empty))/float64(n))
	}
	return []string{strconv.Itoa(n), fmt.Sprintf("%.1f MiB", float64(f.resident)/(1<<20)), per,
		strconv.Itoa(f.threads), strconv.Itoa(f.descriptors), strconv.Itoa(f.descriptors - n), strconv.Itoa(f.kafka)}
}

// footprint waits until collecting garbage no longer changes the resident memory.
func (b *Bench) footprint(ctx context.Context, s *server) (f footprint, err error) {
	const (
		same   = 256 << 10 // bytes
		enough = 5         // readings in a row
	)
	deadline := time.Now().Add(30 * time.Second)
	for stable := 0; stable < enough; {
		if err := s.collect(ctx); err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-time.After(400 * time.Millisecond):
		}
		now, err := proc.Resident(s.child.PID())
		if err != nil {
			return f, err
		}
		if now+same > f.resident && now < f.resident+same {
			stable++
		} else {
			stable = 0
		}
		f.resident = now
		if time.Now().After(deadline) {
			b.progress("%s: resident memory did not settle in 30 s, now %d", b.label(s.kind), now)
			break
		}
	}
	pid := s.child.PID()
	if f.threads, err = proc.Threads(pid); err != nil {
		return f, err
	}
	if f.descriptors, err = proc.Descriptors(pid); err != nil {
		return f, err
	}
	f.kafka, err = proc.ConnectionsTo(pid, b.kafkaPort)
	return f, err
}
