//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/produce"
	"github.com/ringcast/ringcast/bench/report"
)

const (
	herdReaders    = 300 // with Bench.Full 1000
	herdPartitions = 2
	liveClients    = 200
	liveRate       = 20              // records a second
	liveAlone      = 5 * time.Second // how long they are measured without a herd

	herdPatience = 10 * time.Minute

	// perReader is what a client that replays may take of the server's memory, in bytes.
	perReader = 64 << 10
)

// herdCase is one way in which many clients ask for the same history at once.
type herdCase struct {
	name    string
	readers int
	cache   int     // bytes
	bytes   int     // of the range, values alone
	spread  float64 // the part of the range over which the starting points are spread
	aim     float64 // bytes fetched / bytes of the range
}

// herd measures a thousand clients that want the same history at once: what they cost Kafka, the server's memory,
// and those who are live meanwhile.
func herd(ctx context.Context, b *Bench) (report.Document, error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	same := herdCase{name: "same range", cache: 128 << 20, bytes: 10_000_000, aim: 1.2}
	large := herdCase{name: "4 × cache, starts in its first tenth", cache: 4 << 20, bytes: 16 << 20, spread: 0.1, aim: 1.5}
	readers := herdReaders
	if b.Full {
		readers, same.bytes, large.cache, large.bytes = 1000, 50_000_000, 16<<20, 64<<20
	}
	same.readers, large.readers = readers, readers
	d := report.Document{Summary: fmt.Sprintf("%d clients replay the same range from Kafka at once, %d B a record, %d partitions, while %d live clients of the stream get %d records/s.",
		readers, replaySize, herdPartitions, liveClients, liveRate)}
	kafka := report.Table{Title: "Read from Kafka", Rows: [][]string{{"range", "size", "cache", "seconds", "MB/s to clients", "fetched / range", "aim"}}}
	memory := report.Table{Title: "Resident memory of the server", Rows: [][]string{{"range", "live clients alone", "above it at the peak", "aim: cache + 64 KiB a client"}}}
	live := report.Table{Title: "Latency of the live clients, p99", Rows: [][]string{
		{"range", "without herd", "herd at another server", "herd at their server", "ratio to without (aim 2)", "ratio to another server"}}}
	waits := report.Chart{Title: "Latency of the live clients, p99", X: "while a herd is", Y: "ms, logarithmic", Labels: []string{"nowhere", "at another server", "at their server"}, Log: true, Lines: true}
	for _, c := range []herdCase{same, large} {
		var runs []herdResult
		for round := range b.Rounds {
			r, err := c.run(ctx, b)
			if err != nil {
				return d, fmt.Errorf("round %d, %s: %w", round+1, c.name, err)
			}
			b.progress("round %d of %d, %s: %.1f s, fetched %.2f of the range, %.0f MiB above idle, live p99 %s, %s, %s", round+1, b.Rounds,
				c.name, r.seconds, r.fetched, r.above/(1<<20), report.Micros(r.p99[alone]), report.Micros(r.p99[elsewhere]), report.Micros(r.p99[together]))
			runs = append(runs, r)
		}
		of := func(f func(herdResult) float64) report.Spread {
			var v []float64
			for _, r := range runs {
				v = append(v, f(r))
			}
			return report.Over(v)
		}
		p99 := func(i int) func(herdResult) float64 { return func(r herdResult) float64 { return r.p99[i] } }
		ratio := func(i int) string {
			return of(func(r herdResult) float64 { return r.p99[together] / max(r.p99[i], 1) }).Ratio()
		}
		seconds := of(func(r herdResult) float64 { return r.seconds }).Median
		kafka.Rows = append(kafka.Rows, []string{c.name, megabytes(float64(c.bytes)), mebibytes(float64(c.cache)), fmt.Sprintf("%.1f", seconds),
			fmt.Sprintf("%.0f", of(func(r herdResult) float64 { return r.sent }).Median),
			of(func(r herdResult) float64 { return r.fetched }).Ratio(), fmt.Sprintf("%.1f", c.aim)})
		memory.Rows = append(memory.Rows, []string{c.name, mebibytes(of(func(r herdResult) float64 { return r.idle }).Median),
			mebibytes(of(func(r herdResult) float64 { return r.above }).Max), mebibytes(float64(c.cache + readers*perReader))})
		live.Rows = append(live.Rows, []string{c.name, report.Micros(of(p99(alone)).Median), report.Micros(of(p99(elsewhere)).Median),
			report.Micros(of(p99(together)).Median), ratio(alone), ratio(elsewhere)})
		millis := func(i int) report.Spread { return of(func(r herdResult) float64 { return r.p99[i] / 1e3 }) }
		waits.Series = append(waits.Series, report.Series{Name: c.name, Values: []report.Spread{millis(alone), millis(elsewhere), millis(together)}})
		d.Notes = append(d.Notes, fmt.Sprintf("%s, last round: without herd: %s; herd at their server: %s.", c.name, runs[len(runs)-1].busy[alone], runs[len(runs)-1].busy[together]))
	}
	d.Tables, d.Charts = []report.Table{kafka, memory, live}, []report.Chart{waits}
	d.Notes = append(d.Notes,
		"Fetched is ringcast_replay_bytes_total. Clients stop at the end of the range, the server reads on to a quarter of its ring (256 records, and what comes meanwhile).",
		"Memory is sampled every 100 ms, garbage included; the table has the largest of all rounds.",
		"The herd, its load generator and all servers share the cores of this machine. With the herd at another server the live clients suffer from that alone; what their own server adds is the last column.")
	return d, nil
}

// The times at which the latency of live clients is measured.
const (
	alone     = iota // without a herd
	elsewhere        // while a herd is at another server of the same stream
	together         // while a herd is at their server
)

type herdResult struct {
	seconds     float64
	sent        float64 // MB/s of values, to all clients
	fetched     float64 // bytes from Kafka / bytes of the range
	idle, above float64 // bytes of resident memory
	p99         [3]float64
	busy        [3]shares
}

func (h herdCase) run(ctx context.Context, b *Bench) (r herdResult, err error) {
	// Behind the range comes what the ring holds, so that nobody is served from it.
	records := h.bytes / replaySize
	o := setup{events: smallRing, cache: h.cache}
	err = b.withTopic(herdPartitions, func(topic string) error {
		o.topic = topic
		p, err := produce.New(b.brokers, topic, herdPartitions, replaySize)
		if err != nil {
			return err
		}
		defer p.Close()
		if err := p.Burst(ctx, records+smallRing); err != nil {
			return err
		}
		return b.withServer(ctx, o, func(s *server) error {
			return b.withServer(ctx, o, func(other *server) error {
				return b.withClients(s, topic, herdPartitions, replaySize, func(c *clients) error {
					if _, err := c.do(load.Command{Do: "connect", Clients: liveClients, Plan: load.Plan{From: p.Sent()}}); err != nil {
						return err
					}
					scene := herdScene{h, b, topic, p, s, c}
					return scene.run(ctx, other, &r)
				})
			})
		})
	})
	return r, err
}

// herdScene is a server with its live clients.
type herdScene struct {
	herdCase
	b        *Bench
	topic    string
	producer *produce.Producer
	server   *server
	live     *clients
}

func (h herdScene) run(ctx context.Context, other *server, r *herdResult) error {
	idle, err := h.b.footprint(ctx, h.server)
	if err != nil {
		return err
	}
	r.idle = float64(idle.resident)
	err = h.measure(ctx, r, alone, h.b.processes(h.server, h.live), func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(liveAlone):
			return nil
		}
	})
	if err != nil {
		return err
	}
	if err := h.stampede(ctx, other, r, elsewhere); err != nil {
		return err
	}
	before, err := h.server.metrics(ctx)
	if err != nil {
		return err
	}
	watched := h.server.watch(ctx, 100*time.Millisecond)
	err = h.stampede(ctx, h.server, r, together)
	peak, werr := watched()
	if err := errors.Join(err, werr); err != nil {
		return err
	}
	r.above = max(0, float64(peak.resident)-r.idle)
	after, err := h.server.metrics(ctx)
	r.fetched = (metric(after, replayedBytes) - metric(before, replayedBytes)) / float64(h.bytes)
	if err == nil && r.fetched < 0.9 {
		err = fmt.Errorf("cannot measure replays: only %.2f of the range came from Kafka", r.fetched)
	}
	return err
}

// stampede sends the herd to a server.
func (h herdScene) stampede(ctx context.Context, to *server, r *herdResult, when int) error {
	return h.b.withClients(to, h.topic, herdPartitions, replaySize, func(c *clients) error {
		processes := append(h.b.processes(h.server, h.live), process{"herd", c.child.PID()})
		if to != h.server {
			processes = append(processes, process{"other server", to.child.PID()})
		}
		return h.measure(ctx, r, when, processes, func() error {
			each := uint64(h.bytes / replaySize / herdPartitions)
			plan := load.Plan{From: make([]uint64, herdPartitions), Spread: uint64(h.spread * float64(each)), Until: []uint64{each, each}}
			end, err := c.replay(h.readers, plan, herdPatience)
			if err != nil {
				return fmt.Errorf("herd: %w", err)
			}
			r.seconds = end.replayed()
			r.sent = float64(end.Events) * replaySize / 1e6 / r.seconds
			return nil
		})
	})
}

// measure takes the latency of the live clients while do runs.
func (h herdScene) measure(ctx context.Context, r *herdResult, when int, processes []process, do func() error) error {
	if _, err := h.live.mark(); err != nil {
		return err
	}
	stop, err := costs(processes)
	if err != nil {
		return err
	}
	err = whileProducing(ctx, h.producer, liveRate, do)
	var serr error
	r.busy[when], serr = stop()
	if err := errors.Join(err, serr); err != nil {
		return err
	}
	end, err := h.live.await(h.producer.Sent())
	r.p99[when] = float64(end.P99)
	if err := verdict(end, err); err != nil {
		return fmt.Errorf("live clients: %w", err)
	}
	return nil
}

// whileProducing runs do while p produces rate records a second. p is the caller's again when it returns.
func whileProducing(ctx context.Context, p *produce.Producer, rate float64, do func() error) error {
	stop, produced := make(chan struct{}), make(chan error, 1)
	go func() { produced <- p.PacedUntil(ctx, rate, stop) }()
	err := do()
	close(stop)
	return errors.Join(err, <-produced)
}

func megabytes(n float64) string { return fmt.Sprintf("%.0f MB", n/1e6) }
func mebibytes(n float64) string { return fmt.Sprintf("%.0f MiB", n/(1<<20)) }
