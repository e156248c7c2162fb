//go:build linux

package run

import (
	"context"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

const (
	slowReaders  = 64
	slowRate     = 5000     // bytes a second, just above what a client must take by default
	slowCache    = 16 << 20 // bytes: less than the chunks that the slow clients are in
	quickRecords = 20_000   // what the quick client reads, from the begin of the log
	slowLog      = 60_000   // records; the slow clients' places are spread over the rest
	slowSettles  = 2 * time.Second
	slowRepeats  = 3 // pairs a round with Bench.Full: a quick client is soon done
)

// slowReplay measures whether clients that replay slowly hold up one that is quick: 64 at 5 KB/s are more than
// there are reads from Kafka at a time, and what they are in the middle of is more than nothing of the cache.
func slowReplay(ctx context.Context, b *Bench) (report.Document, error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	d := report.Document{Summary: fmt.Sprintf("One client replays %s from Kafka, alone and beside %d that replay at %d B/s from other places in the same log of %s; the cache has %s.",
		megabytes(quickRecords*replaySize), slowReaders, slowRate, megabytes(slowLog*replaySize), mebibytes(slowCache))}
	pairs := b.Rounds
	if b.Full {
		pairs *= slowRepeats
	}
	var seconds [2][]float64 // alone, beside the slow ones
	err := b.withTopic(1, func(topic string) error {
		if err := b.fill(ctx, topic, 1, slowLog+smallRing); err != nil {
			return err
		}
		for round := range pairs {
			for _, i := range inTurn([]int{0, 1}, round) {
				s, err := b.quickReplay(ctx, topic, i*slowReaders)
				if err != nil {
					return fmt.Errorf("pair %d, %d slow clients: %w", round+1, i*slowReaders, err)
				}
				seconds[i] = append(seconds[i], s)
				b.progress("pair %d of %d, %d slow clients: %.3f s", round+1, pairs, i*slowReaders, s)
			}
		}
		return nil
	})
	row := func(name string, v []float64, ratio string) []string {
		s := report.Over(v)
		return []string{name, fmt.Sprintf("%.0f ms (%.0f–%.0f)", s.Median*1e3, s.Min*1e3, s.Max*1e3), ratio}
	}
	d.Tables = []report.Table{{Title: fmt.Sprintf("Time for %s (median of %d pairs, min–max)", megabytes(quickRecords*replaySize), pairs), Rows: [][]string{
		{"slow clients", "time", "ratio to alone"},
		row("0", seconds[0], "–"),
		row(fmt.Sprint(slowReaders), seconds[1], report.Over(report.Ratios(seconds[1], seconds[0])).Ratio()+" (aim 1)"),
	}}}
	d.Charts = []report.Chart{{Title: "Time for " + megabytes(quickRecords*replaySize), X: "slow clients beside it", Y: "seconds",
		Labels: []string{"0", fmt.Sprint(slowReaders)}, Series: []report.Series{{Name: "one quick client", Values: []report.Spread{report.Over(seconds[0]), report.Over(seconds[1])}}}}}
	return d, err
}

// quickReplay returns the seconds that a client needs beside slow ones, at a server of its own.
func (b *Bench) quickReplay(ctx context.Context, topic string, slow int) (seconds float64, err error) {
	err = b.withServer(ctx, setup{topic: topic, events: smallRing, cache: slowCache}, func(s *server) error {
		return b.withClients(s, topic, 1, replaySize, func(tortoises *clients) error {
			plan := load.Plan{From: []uint64{quickRecords}, Spread: slowLog - quickRecords - smallRing}
			if _, err := tortoises.do(load.Command{Do: "connect", Clients: slow, Plan: plan}); err != nil {
				return err
			}
			if _, err := tortoises.do(load.Command{Do: "first"}); err != nil {
				return err
			}
			err := b.withClients(s, topic, 1, replaySize, func(hare *clients) error {
				// The first replay of a server connects to Kafka and makes its heap grow; this one is of another place.
				if _, err := hare.replay(1, load.Plan{From: []uint64{quickRecords}, Until: []uint64{slowLog - smallRing}}, time.Minute); err != nil {
					return err
				}
				// Until all sockets and buffers on the way are full it is not the clients that are slow.
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(slowSettles):
				}
				if err := s.replaying(ctx, slow); err != nil {
					return err
				}
				end, err := hare.replay(2, load.Plan{From: []uint64{0}, Until: []uint64{quickRecords}}, time.Minute)
				seconds = end.replayed()
				return err
			})
			if err != nil {
				return err
			}
			// They must have stayed, and be as slow as they were to be.
			end, err := tortoises.do(load.Command{Do: "report"})
			return verdict(end, err)
		}, readSlowly(slowRate)...)
	})
	return seconds, err
}

// replaying returns an error unless n clients read from Kafka.
func (s *server) replaying(ctx context.Context, n int) error {
	text, err := s.metrics(ctx)
	if err != nil {
		return err
	}
	if is := int(metric(text, `ringcast_clients{state="replay"}`)); is != n {
		return fmt.Errorf("cannot measure beside %d clients that replay: there are %d", n, is)
	}
	return nil
}
