//go:build linux

package run

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
)

// idleFor is how long idle clients are watched: one period of the heartbeat.
const idleFor = 15 * time.Second

// idle measures what clients cost that get nothing but heartbeats.
func idle(ctx context.Context, b *Bench) (report.Document, error) {
	steps := []int{0, 2000, 5000, most}
	watched := idleFor
	if b.Full {
		watched *= 4
	}
	d := report.Document{Summary: "Clients that are connected and have their greeting, nothing is produced. Memory is resident memory after garbage collection."}
	d.Notes = append(d.Notes,
		"Memory per client is that above the same server without clients.",
		"The kernel's memory for the sockets' structures (about 5 KB for each end) is in none of the columns; that of their buffers is nothing while they are empty.",
		"Threads, Kafka connections, and descriptors other than one for each client must not depend on the number of clients.")
	memory := report.Chart{Title: "Resident memory of the server", X: "idle clients", Y: "MiB"}
	for _, k := range []kind{subject, auto} {
		t := report.Table{Title: b.label(k), Rows: [][]string{{
			"clients", "resident", "per client", "threads", "descriptors", "of them not clients", "Kafka connections"}}}
		line := report.Series{Name: b.label(k)}
		memory.At = nil
		err := b.withSessionOf(ctx, k, setup{maxConnections: most}, 2, 300, func(at session) error {
			var empty uint64
			for _, n := range steps {
				if err := at.clients.connect(n); err != nil {
					return err
				}
				f, err := b.footprint(ctx, at.server)
				if err != nil {
					return err
				}
				if n == 0 {
					empty = f.resident
				}
				b.progress("%s, %d clients: %.1f MiB", b.label(k), n, float64(f.resident)/(1<<20))
				t.Rows = append(t.Rows, f.row(n, empty))
				memory.At = append(memory.At, float64(n))
				line.Values = append(line.Values, report.Over([]float64{float64(f.resident) / (1 << 20)}))
			}
			if k == subject && !b.Mirror {
				beats, err := b.heartbeats(ctx, at, watched)
				if err != nil {
					return err
				}
				d.Tables = append(d.Tables, beats)
			}
			if failed := verdict(at.clients.do(load.Command{Do: "report"})); failed != nil {
				d.Failures = append(d.Failures, fmt.Sprintf("%s: %v", b.label(k), failed))
			}
			return nil
		})
		if err != nil {
			return d, fmt.Errorf("%s: %w", b.label(k), err)
		}
		d.Tables = append(d.Tables, t)
		memory.Series = append(memory.Series, line)
	}
	d.Charts = []report.Chart{memory}
	return d, nil
}

// heartbeats measures the processor time of a server that has nothing to send but them.
func (b *Bench) heartbeats(ctx context.Context, at session, d time.Duration) (t report.Table, err error) {
	stop, err := costs(b.processes(at.server, at.clients))
	if err != nil {
		return t, err
	}
	before, err := at.clients.do(load.Command{Do: "report"})
	if err != nil {
		return t, err
	}
	if err := pause(ctx, d); err != nil {
		return t, err
	}
	after, err := at.clients.do(load.Command{Do: "report"})
	if err != nil {
		return t, err
	}
	sh, err := stop()
	if err != nil {
		return t, err
	}
	n := after.Heartbeats - before.Heartbeats
	if n == 0 {
		return t, fmt.Errorf("cannot measure heartbeats: %d clients got none in %v", before.Clients, d)
	}
	cpu := sh.cpu[0]
	b.progress("%d heartbeats in %v: %.1f %% of a core", n, d, cpu/sh.seconds*100)
	return report.Table{Title: fmt.Sprintf("Idle with heartbeats (every 15 s), for %v", d), Rows: [][]string{
		{"clients", "heartbeats/s", "server CPU", "CPU per heartbeat", "load generator CPU"},
		{strconv.Itoa(before.Clients), fmt.Sprintf("%.0f", float64(n)/sh.seconds), fmt.Sprintf("%.1f %%", cpu/sh.seconds*100),
			fmt.Sprintf("%.1f µs", cpu/float64(n)*1e6), report.Share(sh.cpu[1] / sh.seconds)}}}, nil
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

// cells is a row of a table with a name.
func (f footprint) cells(name string) []string {
	return []string{name, fmt.Sprintf("%.1f MiB", float64(f.resident)/(1<<20)), strconv.Itoa(f.threads), strconv.Itoa(f.descriptors), strconv.Itoa(f.kafka)}
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
		now, err := s.memory()
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
