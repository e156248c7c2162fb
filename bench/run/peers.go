//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
)

// Peers is a scenario that compares with what people use today, each where it still lives. It is not one of Scenarios:
// the peers must be installed.
func Peers() Scenario { return Scenario{"peers", peersScenario{size: 1200, small: 300}.run} }

// peersScenario is its sizes in bytes of a record: at light load, and at saturation.
type peersScenario struct{ size, small int }

// peerPoint is one load at which ringcast is compared with peers.
type peerPoint struct {
	name  string
	kinds []kind // ringcast first
	one   func(context.Context, kind) (peerRun, error)
	got   map[kind][]peerRun
}

// peerRun is what one run of one server measured: a load, or an idle crowd.
type peerRun struct {
	speed
	publisher float64 // seconds that what feeds the server used for each record, whole session

	clients             int
	perClient           float64 // bytes
	threads, kafka      float64 // per client
	connect             float64 // seconds of processor time per client that connects, or comes back
	resident, residentN uint64  // bytes, without and with clients
}

// saturated says how large a crowd and a burst are that a server still gets through.
type saturated struct{ clients, burst int }

func (s saturated) String() string {
	return fmt.Sprintf("%d clients × %d records", s.clients, s.burst)
}

// peerLimits are loads near the most that each can do: KafkaSSE has a consumer for each client, and collapses between 100
// and 300 clients at 20 records/s on two cores (measured).
var peerLimits = map[kind]struct {
	saturated
	idle int // clients
}{
	subject:  {saturated{2000, 1000}, 5000},
	naive:    {saturated{2000, 200}, 5000},
	nchan:    {saturated{2000, 200}, 5000},
	kafkaSSE: {saturated{100, 100}, 100},
}

const (
	peerPartitions = 2
	peerRate       = 20 // records a second
	lightMany      = 1000
	lightFew       = 100 // for KafkaSSE
)

func (c peersScenario) run(ctx context.Context, b *Bench) (report.Document, error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	measured, bursts := 8*time.Second, 4
	if b.Full {
		measured, bursts = 4*measured, 12
	}
	d := report.Document{Summary: fmt.Sprintf("Beside a naive Go server, Nchan and KafkaSSE, on the same records. Light load: %d records/s of %d B on %d partitions for %v. "+
		"Saturation: %d bursts of records of %d B, as fast as Kafka takes them; the next begins when all clients have the last.",
		peerRate, c.size, peerPartitions, measured, bursts, c.small)}
	all := []kind{subject, naive}
	for _, k := range []kind{nchan, kafkaSSE} {
		version, err := peerVersion(k)
		if err != nil {
			d.Notes = append(d.Notes, fmt.Sprintf("%s was not run: %v.", k, err))
			continue
		}
		if version != "" {
			d.Notes = append(d.Notes, fmt.Sprintf("%s is %s.", k, version))
		}
		all = append(all, k)
	}
	without := func(not kind) []kind {
		return slices.DeleteFunc(slices.Clone(all), func(k kind) bool { return k == not })
	}
	points := []*peerPoint{{name: fmt.Sprintf("%d clients", lightMany), kinds: without(kafkaSSE), one: c.light(b, lightMany, measured)}}
	if slices.Contains(all, kafkaSSE) {
		points = append(points, &peerPoint{name: fmt.Sprintf("%d clients", lightFew), kinds: []kind{subject, kafkaSSE}, one: c.light(b, lightFew, measured)})
	}
	points = append(points,
		&peerPoint{name: "saturation", kinds: all, one: c.saturation(b, bursts)},
		&peerPoint{name: "idle", kinds: all, one: c.idle(b)})
	loads, idle := points[:len(points)-1], points[len(points)-1]
	back := &peerPoint{name: "coming back", kinds: slices.DeleteFunc(without(kafkaSSE), func(k kind) bool { return k == naive }), one: c.comingBack(b)}
	points = append(points, back)
	for round := range b.Rounds {
		for _, p := range points {
			if err := b.peerRound(ctx, &d, p, round); err != nil {
				return d, err
			}
		}
	}
	light, saturation := loads[:len(loads)-1], loads[len(loads)-1]
	d.Tables = []report.Table{peerRatios(all, light, saturation, idle), peerLight(light, b.Rounds),
		peerSaturation(saturation, b.Rounds), peerIdle(idle, b.Rounds), peerBack(back, b.Rounds)}
	d.Charts = peerCharts(all, loads, idle)
	d.Notes = append(d.Notes, peerNotes...)
	return d, nil
}

// peerNotes say what the figures are worth.
var peerNotes = []string{
	"Every record was checked at every client of every server: lost, repeated, out of order, damaged. A run with a fault is none.",
	"Processor time is that of the server's processes alone. Nchan is fed by a process of ours that reads Kafka and posts each record; its time stands beside, and is in no ratio.",
	"KafkaSSE makes Kafka work for each client; that is not in its figures either.",
	"Memory is resident memory after garbage collection, above the same server without clients; what a peer's processes share with others counts in parts. What the kernel keeps for sockets is not in it.",
	"Connecting is the server's processor time from the first connect until all have their greeting; below a hundred clients it has few ticks of 10 ms.",
	"Events differ: the peers' ids are shorter or, from KafkaSSE, of the same form without time and epoch. The value is the same.",
	"Threads of KafkaSSE are its consumers' and those of Node.js' pool, which it needs.",
	"Coming back: the naive server knows no ids, and so many are more than KafkaSSE gets through.",
	"The naive server holds up everybody for a client whose channel is full; it would lose events otherwise.",
}

// peerRound runs every server once. What a peer does not get through is told, and its figures are not used.
func (b *Bench) peerRound(ctx context.Context, d *report.Document, p *peerPoint, round int) error {
	if p.got == nil {
		p.got = map[kind][]peerRun{}
	}
	for _, k := range inTurn(p.kinds, round) {
		r, err := p.one(ctx, k)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = r.failed
		}
		where := fmt.Sprintf("round %d, %s, %s", round+1, p.name, k)
		switch {
		case err != nil && k == subject:
			d.Failures = append(d.Failures, fmt.Sprintf("%s: %v", where, err))
			r = peerRun{}
		case err != nil:
			d.Notes = append(d.Notes, fmt.Sprintf("%s did not get through: %s.", where, brief(err)))
			b.progress("%s did not get through: %v", where, err)
			r = peerRun{}
		case r.seconds > 0 && r.clients > 0:
			b.progress("%s: back after %.2f s, %s CPU each", where, r.seconds, report.Micros(r.connect*1e6))
		case r.clients > 0:
			b.progress("%s: %.0f B per client, %s CPU per connect", where, r.perClient, report.Micros(r.connect*1e6))
		default:
			b.progress("%s: %s deliveries/s, %s per CPU second, p99 %s", where, report.Count(r.perSecond()), report.Count(r.perCPUSecond()), report.Micros(p99(r.speed)))
			b.judge(d, where, r.speed)
		}
		p.got[k] = append(p.got[k], r)
	}
	return nil
}

// brief leaves out what comes after the counts and the reason: the log of a process.
func brief(err error) string {
	lines := strings.SplitN(err.Error(), "\n", 3)
	return strings.Join(lines[:min(2, len(lines))], "; ")
}

// light is a fan-out to so many clients that every server has time to spare.
func (c peersScenario) light(b *Bench, clients int, measured time.Duration) func(context.Context, kind) (peerRun, error) {
	f := fanout{clients: clients, rate: peerRate, partitions: peerPartitions, warm: 2 * time.Second, measured: measured}
	return func(ctx context.Context, k kind) (r peerRun, err error) {
		r.speed, err = f.one(ctx, b, k, c.size)
		return r, err
	}
}

// saturation gives each server bursts of the size that it gets through.
func (c peersScenario) saturation(b *Bench, bursts int) func(context.Context, kind) (peerRun, error) {
	return func(ctx context.Context, k kind) (r peerRun, err error) {
		limit := peerLimits[k]
		err = b.withSession(ctx, k, peerPartitions, c.small, limit.clients, func(at session) (err error) {
			if r.speed, err = (saturation{burst: limit.burst}).one(ctx, b, at, bursts); err != nil || at.server.publisher == nil {
				return err
			}
			used, err := proc.CPUSeconds(at.server.publisher.PID())
			r.publisher = used / float64(total(at.producer.Sent()))
			return err
		})
		return r, err
	}
}

// idle connects a crowd that gets nothing but heartbeats.
func (c peersScenario) idle(b *Bench) func(context.Context, kind) (peerRun, error) {
	return func(ctx context.Context, k kind) (r peerRun, err error) {
		r.clients = peerLimits[k].idle
		err = b.withTopic(peerPartitions, func(topic string) (err error) {
			s, err := b.serve(ctx, k, topic)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.stop()) }()
			return b.withClients(s, topic, peerPartitions, c.small, func(c *clients) error { return b.crowd(ctx, s, c, &r) })
		})
		return r, err
	}
}

func (b *Bench) crowd(ctx context.Context, s *server, c *clients, r *peerRun) error {
	empty, err := b.footprint(ctx, s)
	if err != nil {
		return err
	}
	before, err := cpuSeconds(s.pids())
	if err != nil {
		return err
	}
	if err := c.connect(r.clients); err != nil {
		return err
	}
	after, err := cpuSeconds(s.pids())
	if err != nil {
		return err
	}
	full, err := b.footprint(ctx, s)
	if err != nil {
		return err
	}
	n := float64(r.clients)
	r.connect = (after - before) / n
	r.resident, r.residentN = empty.resident, full.resident
	r.perClient = (float64(full.resident) - float64(empty.resident)) / n
	r.threads, r.kafka = float64(full.threads-empty.threads)/n, float64(full.kafka-empty.kafka)/n
	end, err := c.do(load.Command{Do: "report"})
	return verdict(end, err)
}
