//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/produce"
	"github.com/ringcast/ringcast/bench/report"
)

const (
	reconnectPartitions = 2
	reconnectSize       = 300 // bytes of a record
	reconnectRate       = 10  // records a second, all the time
	reconnectMissed     = 20  // records produced while nobody is connected
)

// reconnect measures a crowd that comes back with ids that the ring still has: to the server that it was at, and to
// another one, whose merge of the partitions differs.
func reconnect(ctx context.Context, b *Bench) (report.Document, error) {
	if b.Mirror {
		return noYardstick(), nil
	}
	const crowd = 10_000
	d := report.Document{Summary: fmt.Sprintf("%d clients lose their connections at once, %d records are produced, and all come back with their last ids while %d records/s of %d B go on, on %d partitions.",
		crowd, reconnectMissed, reconnectRate, reconnectSize, reconnectPartitions)}
	t := report.Table{Title: "Coming back", Rows: [][]string{{"to", "all greeted and served after", "first event, from a client's own connect: p50", "p99",
		"goroutines before", "most", "aim", "bytes replayed", "Kafka connections", "before"}}}
	requests := report.Table{Title: "Requests to Kafka from both servers and the producer", Rows: [][]string{{"to", "API", "while coming back", "in the same time before"}}}
	first := report.Chart{Title: "First event, from a client's own connect", X: "coming back to", Y: "ms", Series: []report.Series{{Name: "p50"}, {Name: "p99"}}}
	err := b.withTopic(reconnectPartitions, func(topic string) error {
		return b.withServer(ctx, setup{topic: topic}, func(here *server) error {
			return b.withServer(ctx, setup{topic: topic}, func(there *server) error {
				return b.withClients(here, topic, reconnectPartitions, reconnectSize, func(c *clients) error {
					p, err := produce.New(b.brokers, topic, reconnectPartitions, reconnectSize)
					if err != nil {
						return err
					}
					defer p.Close()
					if err := c.connect(crowd); err != nil {
						return err
					}
					if err := p.Paced(ctx, reconnectRate, time.Second); err != nil {
						return err
					}
					if r, err := c.await(p.Sent()); verdict(r, err) != nil {
						return verdict(r, err)
					}
					crowd := comingBack{b, p, c}
					for _, to := range []struct {
						name   string
						server *server
					}{{"the same server", here}, {"another server", there}, {"and back", here}} {
						r, err := crowd.to(ctx, to.server)
						if err != nil {
							return fmt.Errorf("%s: %w", to.name, err)
						}
						b.progress("%s: %.2f s, at most %.0f goroutines, %.0f before; %v", to.name, r.seconds, r.goroutines, r.idle, r.busy)
						t.Rows = append(t.Rows, r.row(to.name))
						first.Labels = append(first.Labels, to.name)
						for i, us := range []float64{r.first, r.last} {
							first.Series[i].Values = append(first.Series[i].Values, report.Over([]float64{us / 1e3}))
						}
						requests.Rows = append(requests.Rows, r.requests(to.name)...)
						d.Notes = append(d.Notes, fmt.Sprintf("%s: %v.", to.name, r.busy))
					}
					return nil
				}, keepIDs)
			})
		})
	})
	d.Tables, d.Charts = []report.Table{t}, []report.Chart{first}
	if len(requests.Rows) > 1 {
		d.Tables = append(d.Tables, requests)
	} else {
		d.Notes = append(d.Notes, "Requests to Kafka were not counted: only the embedded one can.")
	}
	d.Notes = append(d.Notes,
		"Every client checks that it has every record once and in order, across its connections.",
		"The load generator connects one client after the other, without a pause: its pace bounds the storm.")
	return d, err
}

type comingBack struct {
	b        *Bench
	producer *produce.Producer
	clients  *clients
}

type cameBack struct {
	seconds                       float64 // from the first connect until the last client's first event
	first, last                   float64 // µs from a client's connect to its first event, p50 and p99
	idle, goroutines              float64
	replayed                      float64 // bytes
	connections, connectionsAfter int
	background, during            map[string]float64 // requests to Kafka
	busy                          shares
}

func (c comingBack) to(ctx context.Context, s *server) (r cameBack, err error) {
	before, err := c.b.requests()
	if err != nil {
		return r, err
	}
	const quiet = 4 * time.Second
	if err := c.producer.Paced(ctx, reconnectRate, quiet); err != nil {
		return r, err
	}
	middle, err := c.b.requests()
	if err != nil {
		return r, err
	}
	// What is not there yet when a client is cut off comes on its next connection.
	if _, err := c.clients.do(load.Command{Do: "disconnect"}); err != nil {
		return r, err
	}
	if err := c.producer.Burst(ctx, reconnectMissed); err != nil {
		return r, err
	}
	if err := s.awaitEvents(ctx, total(c.producer.Sent())); err != nil {
		return r, err
	}
	metrics, err := s.awaitClients(ctx, 0)
	if err != nil {
		return r, err
	}
	r.idle = metric(metrics, "go_goroutines")
	if r.connections, err = proc.ConnectionsTo(s.child.PID(), c.b.kafkaPort); err != nil {
		return r, err
	}
	if err := whileProducing(ctx, c.producer, reconnectRate, func() error { return c.storm(ctx, s, &r) }); err != nil {
		return r, err
	}
	r.replayed = -metric(metrics, replayedBytes)
	if metrics, err = s.metrics(ctx); err != nil {
		return r, err
	}
	r.replayed += metric(metrics, replayedBytes)
	r.background = perTime(before, middle, r.busy.seconds/quiet.Seconds())
	end, err := c.clients.await(c.producer.Sent())
	return r, verdict(end, err)
}

// storm brings everybody back and fills in what is seen during it.
func (c comingBack) storm(ctx context.Context, s *server, r *cameBack) error {
	stop, err := costs(c.b.processes(s, c.clients))
	if err != nil {
		return err
	}
	before, err := c.b.requests()
	if err != nil {
		return err
	}
	watched := s.watch(ctx, 20*time.Millisecond)
	end, err := c.clients.do(load.Command{Do: "reconnect", Server: s.addr, Timeout: 2 * time.Minute})
	if err == nil {
		end, err = c.clients.do(load.Command{Do: "first"})
	}
	peak, werr := watched()
	if err := errors.Join(err, werr); err != nil {
		return err
	}
	r.goroutines = peak.goroutines
	r.seconds = float64(end.LastFirst-end.BeganMicros) / 1e6
	r.first, r.last = float64(end.FirstP50), float64(end.FirstP99)
	after, err := c.b.requests()
	if err != nil {
		return err
	}
	r.during = perTime(before, after, 1)
	if r.busy, err = stop(); err != nil {
		return err
	}
	r.connectionsAfter, err = proc.ConnectionsTo(s.child.PID(), c.b.kafkaPort)
	return err
}

func (r cameBack) row(to string) []string {
	return []string{to, fmt.Sprintf("%.2f s", r.seconds), report.Micros(r.first), report.Micros(r.last),
		fmt.Sprintf("%.0f", r.idle), fmt.Sprintf("%.0f", r.goroutines), fmt.Sprintf("%.0f", r.idle+64),
		fmt.Sprintf("%.0f", r.replayed), fmt.Sprint(r.connectionsAfter), fmt.Sprint(r.connections)}
}

func (r cameBack) requests(to string) (rows [][]string) {
	all := maps.Clone(r.background)
	maps.Copy(all, r.during)
	for _, api := range slices.Sorted(maps.Keys(all)) {
		rows = append(rows, []string{to, api, fmt.Sprintf("%.0f", r.during[api]), fmt.Sprintf("%.1f", r.background[api])})
	}
	return rows
}

// perTime is what came between two counts, times factor.
func perTime(before, after map[string]uint64, factor float64) map[string]float64 {
	between := make(map[string]float64)
	for api, n := range after {
		if d := n - before[api]; d > 0 {
			between[api] = float64(d) * factor
		}
	}
	return between
}

func total(counts []uint64) (sum int) {
	for _, n := range counts {
		sum += int(n)
	}
	return sum
}
