package sse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringcast/ringcast/sse/position"
)

// connect has a client ask a random instance for the stream.
func (w *modelWorld) connect(c *modelClient) {
	c.visits++
	v := &modelVisit{client: c, in: w.instances[w.rng.IntN(len(w.instances))], name: fmt.Sprintf("%s.%d", c.name, c.visits)}
	if w.chance(30) {
		v.lane |= laneBare
	}
	switch {
	case c.lines:
		v.lane |= laneLines
		c.lastID = ""
	case w.chance(20):
		v.lane |= laneNotices
	}
	if c.lastID == "" {
		c.ledger, c.made = modelLedger{}, false
		switch {
		case v.in.away || w.chance(50):
		case w.chance(50):
			ms := w.now - 20 + w.rng.Int64N(25)
			v.since = &ms
		case !c.lines:
			c.lastID, c.made = w.handMade(v.in), true
		}
	}
	if c.lastID != "" {
		id, err := position.Parse([]byte(c.lastID))
		if err != nil {
			v.fail("4xx: %v", err)
		}
		v.asked = &id
	}
	v.mend()
	v.unsure = map[modelKey]bool{}
	v.page, v.gens, v.kafkaGens, v.parts = newModelPage(c.ledger), map[string]int{}, map[string]int{}, map[string]int{}
	for _, s := range v.in.topics {
		v.gens[s.name] = s.gen
		if t := v.in.kafka.topics[s.name]; t.exists {
			v.parts[s.name], v.kafkaGens[s.name] = len(t.logs), t.gen
		}
	}
	v.expect(false)
	v.held = v.inRing()
	c.visit = v
	since := "-"
	if v.since != nil {
		since = fmt.Sprint(*v.since)
	}
	w.tracef("%s connects to %s, lane %d, since %s: %s; ring %v of [%d, %d]", v.name, v.in.name, v.lane, since, c.lastID, v.in.ring.Position(), v.in.ring.Tail(), v.in.ring.Head())
	srv := v.in.srv
	go v.request(srv)
	w.rest()
}

// mend has a client begin anew that holds an id of two clusters, because it hopped
// on before all partitions were found: what it is owed then is more than this
// ledger can tell.
func (v *modelVisit) mend() {
	w := v.client.world
	if v.asked == nil || !w.twoClusters {
		return
	}
	second := slices.ContainsFunc(v.asked.Entries, func(e position.Entry) bool { return strings.HasPrefix(e.Epoch, w.clusters[1].tag) })
	first := slices.ContainsFunc(v.asked.Entries, func(e position.Entry) bool { return strings.HasPrefix(e.Epoch, w.clusters[0].tag) })
	if first && second {
		v.client.lastID, v.client.ledger, v.asked = "", modelLedger{}, nil
	}
}

// inRing reports whether the ring holds everything behind the id, which says for
// every partition where that is.
func (v *modelVisit) inRing() bool {
	if v.asked == nil || !v.asked.Ours() {
		return false
	}
	for _, s := range v.in.topics {
		for p, part := range s.parts {
			e := entryOf(v.asked, s.name, int32(p))
			if first, _ := v.in.ring.First(part); e == nil || !e.HasOffset || e.Epoch != v.in.kafka.epoch(s.name, s.gen) || e.Offset < first {
				return false
			}
		}
	}
	return true
}

// answer takes note of the answer to a request.
func (v *modelVisit) answer() {
	if v.answered && v.start.want != nil && v.start.want.parked != nil && len(v.page.cursor) == 0 {
		v.expect(true) // it is placed later
	}
	if !v.answered || v.noted {
		return
	}
	v.noted = true
	v.expect(true)
	w := v.client.world
	switch {
	case v.refused != nil:
		w.tracef("%s is refused: %d %s", v.name, v.refused.Status, v.refused.Detail)
		if v.refused.Status < 500 && (v.asked == nil || v.asked.Ours()) {
			v.fail("4xx: %+v", v.refused)
		}
	case v.start.at != nil:
		w.tracef("%s joins at %d after %q", v.name, v.start.at.Seq, v.start.private)
	default:
		x := v.start.want
		if x.deep && v.held {
			v.fail("KAFKA: the ring holds everything that is asked for, and the position goes to Kafka")
		}
		w.tracef("%s waits: pos %v absent %v late %v notices %v deep %v parked %v long %v", v.name, x.pos, x.absent, x.late, x.notices, x.deep, x.parked != nil, x.long)
	}
}

// handMade is an id for some partitions that somebody wrote who knows Kafka.
func (w *modelWorld) handMade(in *modelInstance) string {
	var entries []string
	for _, s := range in.topics {
		t := in.kafka.topics[s.name]
		if !t.exists || t.gen != s.gen {
			continue
		}
		for p, l := range t.logs[:s.count] {
			switch w.rng.IntN(4) {
			case 0:
				entries = append(entries, fmt.Sprintf(`{"topic":%q,"partition":%d,"offset":%d}`, s.name, p, w.rng.Int64N(l.end()+4)))
			case 1:
				entries = append(entries, fmt.Sprintf(`{"topic":%q,"partition":%d,"offset":%d}`, s.name, p, -1-w.rng.IntN(2)))
			case 2:
				// A time that has come, which no record carries.
				if read := in.ring.Position().Pos[s.parts[p]].Next; read > 0 && !w.backwards && l.carry(l.records[read-1].time-1) == 0 {
					entries = append(entries, fmt.Sprintf(`{"topic":%q,"partition":%d,"timestamp":%d}`, s.name, p, l.records[read-1].time))
				}
			}
		}
	}
	if len(entries) == 0 {
		return ""
	}
	return "[" + strings.Join(entries, ", ") + "]"
}

// cut ends a client's connection at any byte.
func (w *modelWorld) cut(c *modelClient) {
	v := c.visit
	if v == nil || !v.answered {
		return
	}
	w.tracef("%s is cut", v.name)
	if v.refused == nil && !v.conn.over.Load() {
		switch x := v.shard; {
		case x != nil:
			if len(x.pend) > 0 {
				v.parser.take(v, x.pend[:w.rng.IntN(len(x.pend)+1)])
			}
			x.owner.Close()
		default:
			v.conn.cut.Store(true)
			for _, call := range w.waiting() {
				if call.visit == v && strings.HasSuffix(call.name, " is written to") {
					w.let(call, w.rng.Uint64())
				}
			}
			v.conn.Close()
		}
	}
	w.over(c)
}

// ended takes note of a connection that the instance has ended.
func (w *modelWorld) ended(c *modelClient) {
	if v := c.visit; v != nil && v.start.want != nil && v.start.want.parked != nil && (v.asked == nil || !v.asked.Ours()) {
		w.cut(c) // it starts at some time that nobody knows
		c.lastID = ""
	}
	if v := c.visit; v != nil && v.answered && (v.refused != nil || v.conn.over.Load()) {
		w.tracef("%s has ended", v.name)
		w.over(c)
	}
}

// over closes the page of a visit.
func (w *modelWorld) over(c *modelClient) {
	v := c.visit
	v.settleOwed()
	c.visit = nil
	w.forget(v)
	w.rest()
}
