//go:build linux

package run

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/produce"
	"github.com/ringcast/ringcast/bench/report"
)

const (
	// replaySize is the size in bytes of every record of the logs that are replayed.
	replaySize = 1000
	// smallRing makes nearly every position of such a log one that only Kafka has, in events.
	smallRing = 1024
)

// noYardstick is the result of scenarios that say nothing about the yardstick, when it is measured against itself.
func noYardstick() report.Document {
	return report.Document{Summary: "Nothing was measured: this scenario says nothing of the yardstick (it knows no positions, no slow clients and no TLS)."}
}

// replay measures how soon and how fast one client is served from a position that the ring no longer has,
// beside kcat on the same records. Every run has a server of its own, so nothing is in its cache.
func replay(ctx context.Context, b *Bench) (d report.Document, err error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	const records, samples = 200_000, 10
	r := replayRun{records: records, samples: samples, kcat: true}
	if _, err := exec.LookPath("kcat"); err != nil {
		r.kcat = false
		d.Notes = append(d.Notes, "kcat was not found: there is nothing to compare with.")
	}
	err = b.withPeerKafka(ctx, func(b *Bench, kafka string) error {
		d.Summary = fmt.Sprintf("A log of %d MB in records of %d B on one partition of %s; the ring has its last %d.",
			records*replaySize/1_000_000, replaySize, kafka, smallRing)
		return b.withTopic(1, func(topic string) error {
			if err := b.fill(ctx, topic, 1, records); err != nil {
				return err
			}
			r.topic = topic
			for round := range b.Rounds {
				if err := r.round(ctx, b, round); err != nil {
					return fmt.Errorf("round %d: %w", round+1, err)
				}
			}
			return nil
		})
	})
	d.Tables, d.Charts = r.tables(), r.charts()
	d.Notes = append(d.Notes,
		"kcat's time counts from the start of its process, a client's from its connect. kcat writes to /dev/null; a client reads from a socket and checks every record.",
		"MB/s are those of the records' values. Processor time: for ringcast the server and its client, for kcat kcat; Kafka's is in neither.",
		"First events are taken in turn, the cache of the server knows none of the places.")
	if r.last.seconds > 0 {
		d.Notes = append(d.Notes, "Last replay of the whole log: "+r.last.String()+".")
	}
	return d, err
}

// replayRun collects the figures of the scenario.
type replayRun struct {
	topic            string
	records, samples int
	kcat             bool

	firsts      [2][]float64 // milliseconds; ringcast, kcat
	firstRatios []float64    // of the medians, one for each round
	speeds      [2][]float64 // MB/s
	server      []float64    // CPU seconds of the server
	cpu         [2][]float64 // CPU seconds
	last        shares
}

func (r *replayRun) round(ctx context.Context, b *Bench, round int) error {
	var firsts [2][]float64
	err := b.withServer(ctx, setup{topic: r.topic, events: smallRing}, func(s *server) error {
		return b.withClients(s, r.topic, 1, replaySize, func(c *clients) error {
			for i := range r.samples {
				at := (2*i + 1) * r.records / (2*r.samples + 1)
				for _, who := range r.inTurn(i) {
					ms, err := r.first(ctx, b, c, who, i, at)
					if err != nil {
						return err
					}
					firsts[who] = append(firsts[who], ms)
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for who := range firsts {
		r.firsts[who] = append(r.firsts[who], firsts[who]...)
	}
	r.firstRatios = append(r.firstRatios, report.Ratios([]float64{report.Over(firsts[0]).Median}, []float64{report.Over(firsts[1]).Median})...)
	for _, who := range r.inTurn(round) {
		if err := r.whole(ctx, b, who); err != nil {
			return err
		}
		last := len(r.speeds[who]) - 1
		b.progress("round %d of %d, %s: %.0f MB/s, %.2f s of processor time, first event %.1f ms", round+1, b.Rounds,
			readers[who], r.speeds[who][last], r.cpu[who][last], report.Over(firsts[who]).Median)
	}
	return nil
}

// readers are who reads, by the indexes of replayRun's figures.
var readers = [2]string{"ringcast", "kcat"}

const (
	byRingcast = iota
	byKcat
)

func (r *replayRun) inTurn(i int) []int {
	if !r.kcat {
		return []int{byRingcast}
	}
	return inTurn([]int{byRingcast, byKcat}, i)
}

// first returns the milliseconds to the event at an offset, for the i-th client.
func (r *replayRun) first(ctx context.Context, b *Bench, c *clients, who, i, at int) (float64, error) {
	if who == byKcat {
		t, err := kcat(ctx, b.brokers[0], r.topic, at, 1)
		return t.first * 1e3, err
	}
	end, err := c.replay(i+1, load.Plan{From: []uint64{uint64(at)}, Until: []uint64{uint64(at) + 1}}, time.Minute)
	return float64(end.FirstMax) / 1e3, err
}

// whole has one of the two read the whole log.
func (r *replayRun) whole(ctx context.Context, b *Bench, who int) error {
	megabytes := float64(r.records) * replaySize / 1e6
	if who == byKcat {
		t, err := kcat(ctx, b.brokers[0], r.topic, 0, r.records)
		if err != nil {
			return err
		}
		r.speeds[who] = append(r.speeds[who], megabytes/t.seconds)
		r.cpu[who] = append(r.cpu[who], t.cpu)
		return nil
	}
	return b.withServer(ctx, setup{topic: r.topic, events: smallRing}, func(s *server) error {
		return b.withClients(s, r.topic, 1, replaySize, func(c *clients) error {
			stop, err := costs(b.processes(s, c))
			if err != nil {
				return err
			}
			end, err := c.replay(1, load.Plan{From: []uint64{0}, Until: []uint64{uint64(r.records)}}, 2*time.Minute)
			if err != nil {
				return err
			}
			if r.last, err = stop(); err != nil {
				return err
			}
			text, err := s.metrics(ctx)
			if err != nil {
				return err
			}
			if n := metric(text, replayedBytes) / 1e6; n < 0.9*megabytes {
				return fmt.Errorf("cannot measure replays: only %.0f of %.0f MB came from Kafka", n, megabytes)
			}
			r.speeds[who] = append(r.speeds[who], megabytes/end.replayed())
			r.server = append(r.server, r.last.cpu[0])
			r.cpu[who] = append(r.cpu[who], r.last.cpu[0]+r.last.cpu[1])
			return nil
		})
	})
}

func (r *replayRun) tables() []report.Table {
	first := report.Table{Title: "First event of a replay (ratio: to kcat, median of rounds, min–max)",
		Rows: [][]string{{"reader", "median", "least", "largest", "ratio"}}}
	whole := report.Table{Title: "One client, the whole log (ratios: to kcat, median of pairs, min–max)",
		Rows: [][]string{{"reader", "MB/s", "ratio", "CPU seconds", "of them server", "ratio"}}}
	millis := func(v float64) string { return fmt.Sprintf("%.1f ms", v) }
	seconds := func(v []float64) string { return fmt.Sprintf("%.2f", report.Over(v).Median) }
	for _, who := range r.inTurn(0) {
		f, v := report.Over(r.firsts[who]), report.Over(r.speeds[who])
		ratios, server := [3]string{"–", "–", "–"}, "–"
		if who == byRingcast {
			server = seconds(r.server)
			if r.kcat {
				ratios = [3]string{report.Over(r.firstRatios).Ratio(),
					report.Over(report.Ratios(r.speeds[0], r.speeds[1])).Ratio() + " (aim 0.8)",
					report.Over(report.Ratios(r.cpu[0], r.cpu[1])).Ratio()}
			}
		}
		first.Rows = append(first.Rows, []string{readers[who], millis(f.Median), millis(f.Min), millis(f.Max), ratios[0]})
		whole.Rows = append(whole.Rows, []string{readers[who], fmt.Sprintf("%.0f", v.Median), ratios[1], seconds(r.cpu[who]), server, ratios[2]})
	}
	return []report.Table{first, whole}
}

func (r *replayRun) charts() []report.Chart {
	first := report.Chart{Title: "First event of a replay", X: "reader", Y: "ms"}
	whole := report.Chart{Title: "One client, the whole log", X: "reader", Y: "MB/s"}
	for _, who := range r.inTurn(0) {
		first.Series = append(first.Series, report.Series{Name: readers[who], Values: []report.Spread{report.Over(r.firsts[who])}})
		whole.Series = append(whole.Series, report.Series{Name: readers[who], Values: []report.Spread{report.Over(r.speeds[who])}})
	}
	first.Labels, whole.Labels = []string{""}, []string{""}
	return []report.Chart{first, whole}
}

// fill produces records of replaySize to a new topic, in turn to its partitions.
func (b *Bench) fill(ctx context.Context, topic string, partitions, records int) error {
	p, err := produce.New(b.brokers, topic, partitions, replaySize)
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Burst(ctx, records)
}
