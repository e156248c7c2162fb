//go:build kafka

package blackbox

import (
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// smallRing is how many events a ring holds where nearly every resume is to go
// to Kafka.
const smallRing = 64

// recorded writes records to the partitions of a topic in small steps, and
// returns every position that a live client was given on the way.
func (s *scene) recorded(in *instance, topic string, partitions int32, records int) []point {
	s.t.Helper()
	r := record(s.t, s.book, s.url(in), topic, partitions)
	s.paced(topic, partitions, records, r.reach)
	return r.end()
}

// paced writes so many records to each partition; reach waits for so many in all.
func (s *scene) paced(topic string, partitions int32, records int, reach func(int64)) {
	s.t.Helper()
	w := s.writer(0)
	const step = 8
	for n := 0; n < records; n += step {
		w.write(topic, partitions, step)
		reach(int64(n+step) * int64(partitions))
	}
}

// back starts a client at a position.
func (s *scene) back(in *instance, p point) *follower {
	s.t.Helper()
	return follow(s.t, ledger.Config{URLs: []string{s.url(in)}, Book: s.book, LastEventID: p.id, Start: p.at})
}

// replays: whatever event a client had last, it gets exactly the rest, at the
// instance that it was at or at another one.
func (s *scene) replays() {
	const topic, partitions = "replays", 3
	s.topic(topic, partitions)
	one := s.serve(smallRing, topic)
	one.waitReady()
	points := s.recorded(one, topic, partitions, 400)
	two := s.serve(smallRing, topic)
	two.waitReady()
	var clients []*follower
	for i := 0; i < len(points); i += 13 {
		clients = append(clients, s.back([]*instance{one, two}[i%2], points[i]))
	}
	exact(s.t, s.book, nil, clients...)
	s.writer(0).write(topic, partitions, 10)
	exact(s.t, s.book, nil, clients...)
	for i, c := range clients {
		if n := c.Counts(); n.Connections != 1 || n.Refusals+n.Failures > 0 {
			s.t.Errorf("client %d: %+v", i, n)
		}
	}
	for _, in := range []*instance{one, two} {
		in.noPrivate()
		if n := in.metric(`ringcast_resumes_total{stream="s0",from="kafka"}`); n < float64(len(clients))/4 {
			s.t.Errorf("%v of %d resumes went to Kafka", n, len(clients))
		}
	}
}

// since: a time gives every record of that time and later, whether the ring has
// it or Kafka.
func (s *scene) since() {
	const topic, partitions, records = "since", 3, 400
	s.topic(topic, partitions)
	began := time.Now().Add(-5 * time.Minute)
	s.writeHistory(topic, partitions, records)
	in := s.serve(smallRing, topic)
	in.waitReady()
	first := s.firstTime(topic)
	if d := first.Sub(began); d < -time.Second || d > time.Minute {
		s.t.Fatalf("history begins at %v", first)
	}
	for _, i := range []int{0, 7, 100, 380, 395, records - 1} {
		// Record i of partition p is (i*partitions+p)*10 ms behind the first.
		for p := range partitions {
			start := ledger.Positions{}
			for q := range int32(partitions) {
				start[ledger.TopicPartition{Topic: topic, Partition: q}] = int64(i)
				if q < int32(p) {
					start[ledger.TopicPartition{Topic: topic, Partition: q}]++
				}
			}
			at := first.Add(time.Duration(i*partitions+p) * 10 * time.Millisecond).UTC()
			for _, text := range []string{fmt.Sprint(at.UnixMilli()), at.Format("2006-01-02T15:04:05.000Z"), at.Format("2006-01-02T15:04:05.000")} {
				c := follow(s.t, ledger.Config{URLs: []string{s.url(in) + "?since=" + text}, Book: s.book, Start: start})
				exact(s.t, s.book, []ledger.Kind{ledger.IDBehind}, c)
				c.end()
			}
		}
	}
	all := follow(s.t, ledger.Config{URLs: []string{s.url(in) + "?since=2001-01-01"}, Book: s.book, Start: s.zeros(topic, partitions)})
	exact(s.t, s.book, []ledger.Kind{ledger.IDBehind}, all)
	if n := all.Counts(); n.Gaps > 0 {
		s.t.Errorf("told %v", all.Notices())
	}
}

// firstTime is the time of the first record of partition 0.
func (s *scene) firstTime(topic string) time.Time {
	s.t.Helper()
	lines, err := kafka.KcatConsume(s.ctx, s.c.Addrs()[0], topic, 0, 0, `%T\n`)
	s.must(err)
	var ms int64
	if len(lines) == 0 {
		s.t.Fatal("there is no record")
	}
	if _, err := fmt.Sscan(lines[0], &ms); err != nil {
		s.t.Fatal(err)
	}
	return time.UnixMilli(ms)
}

// fallingOut: live clients of every wire form stop reading, fall out of the
// ring, and go on.
func (s *scene) fallingOut() {
	const topic, partitions = "falling", 2
	s.topic(topic, partitions)
	in := s.serve(smallRing, topic)
	in.waitReady()
	var clients []*follower
	for _, mode := range []ledger.Mode{ledger.SSE, ledger.SSE10, ledger.NDJSON} {
		for _, query := range []string{"", "?notices=event"} {
			c := ledger.Config{URLs: []string{s.url(in) + query}, Mode: mode, Book: s.book, Start: s.zeros(topic, partitions), ReceiveBuffer: smallWindow, StartPaused: true}
			clients = append(clients, follow(s.t, c))
		}
	}
	eventually(s.t, settleTime, func() bool { return in.metric(`ringcast_connections{stream="s0"}`) == float64(len(clients)) }, func() string { return "not all clients are there" })
	r := record(s.t, s.book, s.url(in), topic, partitions)
	s.paced(topic, partitions, 1600, r.reach)
	for _, c := range clients {
		c.Resume()
	}
	exact(s.t, s.book, nil, clients...)
	in.noPrivate()
	s.writer(0).write(topic, partitions, 10)
	exact(s.t, s.book, nil, clients...)
	for i, c := range clients {
		if n := c.Counts(); n.Connections != 1 || n.Gaps > 0 {
			s.t.Errorf("client %d: %+v", i, n)
		}
	}
	if n := in.metric("ringcast_replay_bytes_total"); n <= 0 {
		s.t.Errorf("%v bytes were read from Kafka", n)
	}
}
