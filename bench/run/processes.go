//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

// processes is several servers of one stream side by side, each with its own clients.
type processes struct {
	servers, clients int // with Bench.Full four servers with as many clients as a process can have, at 2 records/s
	rate             float64
	size             int
	long             time.Duration
}

// perProcess is the memory that a server with all its clients, their load generator and the kernel's sockets need, in bytes.
const perProcess = 1 << 30

func (c processes) run(ctx context.Context, b *Bench) (d report.Document, err error) {
	if b.Full {
		c.servers, c.clients, c.rate, c.long = 4, most, 2, 10*c.long
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return d, fmt.Errorf("cannot find out how much memory there is: %w", err)
	}
	if fit := int(info.Freeram * uint64(info.Unit) / perProcess); fit < c.servers {
		d.Notes = append(d.Notes, fmt.Sprintf("%d processes were to run; the memory is enough for %d.", c.servers, max(fit, 1)))
		c.servers = max(fit, 1)
	}
	d.Summary = fmt.Sprintf("%d processes of one stream with %d clients each, %d in all; %g records/s of %d B for %v.", c.servers, c.clients, c.servers*c.clients, c.rate, c.size, c.long)
	p99s := report.Chart{Title: "Latency, p99 of each process", X: "process", Y: "ms"}
	for i := range c.servers {
		p99s.Labels = append(p99s.Labels, fmt.Sprint(i+1))
	}
	for _, k := range []kind{subject, auto} {
		t, line, err := c.one(ctx, b, &d, k)
		if err != nil {
			return d, fmt.Errorf("%s: %w", b.label(k), err)
		}
		d.Tables = append(d.Tables, t)
		p99s.Series = append(p99s.Series, line)
	}
	d.Charts = []report.Chart{p99s}
	d.Notes = append(d.Notes, "Every process reads the topic for itself, in a consumer group of its own; every client has every record once and in order.")
	return d, nil
}

// one runs all servers of a kind at a time.
func (c processes) one(ctx context.Context, b *Bench, d *report.Document, k kind) (t report.Table, line report.Series, err error) {
	err = b.withSessionOf(ctx, k, setup{maxConnections: most}, 2, c.size, func(first session) error {
		t, line, err = c.with(ctx, b, d, k, []session{first})
		return err
	})
	return t, line, err
}

// with starts the servers that are still missing, and measures when all are there.
func (c processes) with(ctx context.Context, b *Bench, d *report.Document, k kind, all []session) (t report.Table, line report.Series, err error) {
	if len(all) == c.servers {
		return c.measure(ctx, b, d, k, all)
	}
	next := all[0]
	s, err := b.serveAs(ctx, k, setup{topic: next.topic, maxConnections: most})
	if err != nil {
		return t, line, err
	}
	next.server = s
	defer func() { err = errors.Join(err, s.stop()) }()
	if next.empty, err = s.resident(ctx); err != nil {
		return t, line, err
	}
	err = b.withClients(s, next.topic, 2, c.size, func(clients *clients) error {
		next.clients = clients
		t, line, err = c.with(ctx, b, d, k, append(all, next))
		return err
	})
	return t, line, err
}

func (c processes) measure(ctx context.Context, b *Bench, d *report.Document, k kind, all []session) (t report.Table, line report.Series, err error) {
	t = report.Table{Title: b.label(k), Rows: [][]string{{"process", "clients", "resident", "above itself without clients, for each", "server CPU", "load generator CPU",
		"CPU per delivery", "p50", "p99", "p99.9", "max", "threads", "Kafka connections"}}}
	line.Name = b.label(k)
	for i := range all {
		if _, err := all[i].clients.do(load.Command{Do: "connect", Clients: c.clients, Timeout: 5 * time.Minute}); err != nil {
			return t, line, err
		}
		all[i].total = c.clients
		b.progress("%s, process %d: %d clients", b.label(k), i+1, c.clients)
	}
	producer := all[0].producer
	if err := producer.Paced(ctx, c.rate, steadyWarm); err != nil {
		return t, line, err
	}
	var meters []meter
	for _, at := range all {
		if end, err := at.clients.await(producer.Sent()); verdict(end, err) != nil {
			return t, line, verdict(end, err)
		}
		m, err := b.startMeter(ctx, at)
		if err != nil {
			return t, line, err
		}
		meters = append(meters, m)
	}
	begin := time.Now()
	stop, err := costs(b.allProcesses(all))
	if err != nil {
		return t, line, err
	}
	if err := producer.Paced(ctx, c.rate, c.long); err != nil {
		return t, line, err
	}
	sh, err := stop()
	if err != nil {
		return t, line, err
	}
	d.Notes = append(d.Notes, fmt.Sprintf("%s: %v.", b.label(k), sh))
	for i, at := range all {
		end, err := at.clients.await(producer.Sent())
		s, err := meters[i].stop(ctx, time.Since(begin).Seconds(), end, verdict(end, err))
		if err != nil {
			return t, line, fmt.Errorf("process %d: %w", i+1, err)
		}
		b.judge(d, fmt.Sprintf("%s, process %d", b.label(k), i+1), s)
		b.progress("%s, process %d: p99 %s, %s", b.label(k), i+1, report.Micros(p99(s)), mebibytes(resident(s)))
		line.Values = append(line.Values, report.Over([]float64{p99(s) / 1e3}))
		t.Rows = append(t.Rows, []string{fmt.Sprint(i + 1), fmt.Sprint(c.clients), mebibytes(resident(s)), fmt.Sprintf("%.0f B", perClient(s)),
			report.Share(serverShare(s)), report.Share(clientShare(s)), fmt.Sprintf("%.2f µs", s.perDelivery()),
			report.Micros(p50(s)), report.Micros(p99(s)), report.Micros(p999(s)), report.Micros(maximum(s)), fmt.Sprint(s.uses.threads), fmt.Sprint(s.uses.kafka)})
	}
	return t, line, nil
}

// allProcesses are those of several sessions of one Kafka.
func (b *Bench) allProcesses(all []session) []process {
	list := b.processes(all[0].server, all[0].clients)
	for i, at := range all[1:] {
		list = append(list, process{fmt.Sprintf("server %d", i+2), at.server.child.PID()}, process{fmt.Sprintf("load generator %d", i+2), at.clients.child.PID()})
	}
	return list
}
