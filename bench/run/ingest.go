//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/ringcast/ringcast/bench/intake"
	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/produce"
	"github.com/ringcast/ringcast/bench/report"
)

// ingestPartitions is the number of partitions of the log that is read.
const ingestPartitions = 4

// ingest measures how long a server takes from its start until it has a prefilled log in its ring, against
// a bare consumer group that reads the same log. What both take to start on an empty topic is subtracted.
func ingest(ctx context.Context, b *Bench) (report.Document, error) {
	scale := 1
	if b.Full {
		scale = 4
	}
	d := report.Document{Summary: "A log on 4 partitions that was there before, no clients: from the start of the process until all is taken in, less the same with an empty topic. The bare consumer is a sarama consumer group that only counts."}
	name := "ringcast"
	if b.Mirror {
		name = "bare consumer again"
	}
	t := report.Table{Title: fmt.Sprintf("%s and a bare consumer, median of %d rounds (ratio: min–max)", name, b.Rounds), Rows: [][]string{{
		"log", name + " records/s", "bare records/s", "ratio", name + " CPU/record", "bare CPU/record", "ratio"}}}
	speed := report.Chart{Title: "Taking in a log that was there before", X: "log", Y: "records/s", Series: []report.Series{{Name: name}, {Name: "bare consumer"}}}
	cost := report.Chart{Title: "Processor time", X: "log", Y: "µs per record", Series: []report.Series{{Name: name}, {Name: "bare consumer"}}}
	for _, log := range []struct{ records, size int }{{400_000 * scale, 300}, {200_000 * scale, 1024}} {
		row, rate, cpu, err := b.ingestLog(ctx, name, log.records, log.size)
		if err != nil {
			return d, err
		}
		t.Rows = append(t.Rows, row)
		speed.Labels, cost.Labels = append(speed.Labels, row[0]), append(cost.Labels, row[0])
		for i := range rate {
			speed.Series[i].Values = append(speed.Series[i].Values, report.Over(rate[i]))
			cost.Series[i].Values = append(cost.Series[i].Values, report.Over(cpu[i]))
		}
	}
	d.Tables = append(d.Tables, t)
	d.Charts = []report.Chart{speed, cost}
	return d, nil
}

// ingestLog returns a row of the table, and records/s and µs of processor time per record of every round: ringcast's
// and the bare consumer's.
func (b *Bench) ingestLog(ctx context.Context, name string, records, size int) (row []string, rate, cpu [2][]float64, err error) {
	err = b.withTopic(ingestPartitions, func(full string) error {
		return b.withTopic(ingestPartitions, func(empty string) error {
			if err := b.prefill(ctx, full, records, size); err != nil {
				return err
			}
			takes := []func(context.Context, string, int, int) (cost, error){b.ringcastTakes, b.consumerTakes}
			// The first to read a log finds it less close at hand than all who follow.
			if _, err := b.consumerTakes(ctx, full, records, size); err != nil {
				return err
			}
			for round := range b.Rounds {
				for _, i := range inTurn([]int{0, 1}, round) {
					take := takes[i]
					none, err := take(ctx, empty, 0, size)
					if err != nil {
						return err
					}
					all, err := take(ctx, full, records, size)
					if err != nil {
						return err
					}
					if all.seconds <= none.seconds || all.cpu <= none.cpu {
						return fmt.Errorf("cannot measure %d records: %+v is not more than %+v for none", records, all, none)
					}
					rate[i] = append(rate[i], float64(records)/(all.seconds-none.seconds))
					cpu[i] = append(cpu[i], (all.cpu-none.cpu)/float64(records)*1e6)
					b.progress("round %d of %d, %s: %d records of %d B in %.2f s, start alone %.2f s", round+1, b.Rounds,
						[]string{name, "bare consumer"}[i], records, size, all.seconds, none.seconds)
				}
			}
			return nil
		})
	})
	perRecord := func(v []float64) string { return fmt.Sprintf("%.2f µs", report.Over(v).Median) }
	return []string{fmt.Sprintf("%s × %d B", report.Count(float64(records)), size),
		report.Count(report.Over(rate[0]).Median), report.Count(report.Over(rate[1]).Median), report.Over(report.Ratios(rate[0], rate[1])).Ratio(),
		perRecord(cpu[0]), perRecord(cpu[1]), report.Over(report.Ratios(cpu[0], cpu[1])).Ratio()}, rate, cpu, err
}

func (b *Bench) prefill(ctx context.Context, topic string, records, size int) error {
	p, err := produce.New(b.brokers, topic, ingestPartitions, size)
	if err != nil {
		return err
	}
	defer p.Close()
	begin := time.Now()
	err = p.Burst(ctx, records)
	b.progress("prefilled %d records of %d B in %v", records, size, time.Since(begin).Round(time.Millisecond))
	return err
}

// cost is what taking in a log took from the start of the process.
type cost struct{ seconds, cpu float64 }

func (b *Bench) consumerTakes(_ context.Context, topic string, records, _ int) (c cost, err error) {
	begin := time.Now()
	child, err := b.self("consume", "-brokers", b.brokers[0], "-topic", topic, "-records", strconv.Itoa(records))
	if err != nil {
		return c, err
	}
	var counted intake.Counted
	if err := child.Read(&counted); err != nil {
		return c, errors.Join(err, child.Stop(time.Second))
	}
	c.seconds = time.Since(begin).Seconds()
	if err := child.Wait(); err != nil {
		return c, err
	}
	c.cpu = child.Used()
	return c, nil
}

func (b *Bench) ringcastTakes(ctx context.Context, topic string, records, size int) (c cost, err error) {
	if b.Mirror {
		return b.consumerTakes(ctx, topic, records, size)
	}
	listen, admin, err := twoPorts()
	if err != nil {
		return c, err
	}
	config, err := b.writeConfig(ingestConfig(b.brokers[0], listen, admin, topic, records))
	if err != nil {
		return c, err
	}
	begin := time.Now()
	s, err := b.serveRingcast(ctx, listen, admin, "-config", config)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.awaitEvents(ctx, records); err != nil {
		return c, err
	}
	c.seconds = time.Since(begin).Seconds()
	c.cpu, err = proc.CPUSeconds(s.child.PID())
	return c, err
}

// ringRoom bounds the ring's bytes in the ingest scenario.
const ringRoom = 64 << 20

// ingestConfig asks for the whole log, and for a ring that is soon full: that
// is what a server has, while the first filling of one that is large enough
// for all would mostly measure the page faults of fresh memory.
func ingestConfig(broker, listen, admin, topic string, records int) string {
	events := 1 << bits.Len(uint(max(records, 65536)-1))
	return fmt.Sprintf(`[server]
listen = %q
admin_listen = %q
[kafka]
brokers = [%q]
[streams.%s]
topics = [%q]
warm_up = "1d"
events = %d
bytes = "%dMiB"
`, listen, admin, broker, streamName, topic, events, ringRoom>>20)
}
