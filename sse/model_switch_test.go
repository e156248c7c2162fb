package sse

import (
	"math"
	"strings"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// switchCluster has an instance read the other cluster in place, as a reload
// does. Not while somebody connects, or has gone along once: what those are owed
// is more than this ledger can tell.
func (w *modelWorld) switchCluster(in *modelInstance) {
	if !w.switching || in.away || in.ring.Newest() == nil {
		return
	}
	to := w.clusters[0]
	if in.kafka == to {
		to = w.clusters[1]
	}
	var visits []*modelVisit
	for _, c := range w.clients {
		if v := c.visit; v != nil && v.in == in {
			if !v.answered || v.switched || len(v.page.cursor) == 0 {
				return
			}
			visits = append(visits, v)
		}
	}
	was := in.ring.Position()
	times := make([]int64, len(was.Pos))
	for part, p := range was.Pos {
		times[part] = p.Time
	}
	in.moveTo(to)
	w.tracef("%s is switched to %s: %v", in.name, to.tag, in.ring.Position())
	for _, v := range visits {
		v.switched = true
		v.carried(times, false)
	}
	in.ring.Wake()
}

// moveTo carries the ring over: what broker/carry.go does.
func (in *modelInstance) moveTo(k *modelKafka) {
	in.kafka = k
	was := in.ring.Position()
	latest := ringbuf.NoTime
	for _, p := range was.Pos {
		latest = max(latest, p.Time)
	}
	var moves []ringbuf.Move
	var notices []ringbuf.Notice
	for _, s := range in.topics {
		s.gen, s.exists, s.count = 0, false, 0
		t := k.topics[s.name]
		if t.exists {
			s.gen, s.exists, s.count = t.gen, true, len(t.logs)
		}
		for p, part := range s.parts {
			at := was.Pos[part]
			m := ringbuf.Move{Part: part, Epoch: k.epoch(s.name, s.gen), At: ringbuf.Pos{Time: at.Time}, LowTime: ringbuf.NoTime}
			n := ringbuf.Notice{Topic: s.name, Partition: int32(p), Asked: at.Next, Reason: gapOtherCluster}
			if in.world.form == position.Timestamp && at.Time > 0 {
				m.At.Time--
			}
			in.target[part] = 0
			switch {
			case p < s.count:
				since := at.Time
				if _, low := in.ring.Floor(part, 0); since == ringbuf.NoTime && at.Next > 0 {
					if since = latest; low < math.MaxInt64 {
						since = low + 1
					}
				}
				m.At.Next, m.LowTime = t.logs[p].since(since)
				n.Given, in.target[part] = m.At.Next, t.logs[p].stable()
			case s.exists:
				n.Given, n.Reason = -1, gapGone
			}
			moves, notices = append(moves, m), append(notices, n)
		}
		for p := len(s.parts); p < s.count; p++ {
			at, low := t.logs[p].since(latest)
			in.add(s, at, low, t.logs[p].stable())
		}
	}
	in.ring.PublishMoves(moves, in.enc.Gap(notices...))
	in.cold = true
	in.noteWarm()
}

// since is where a log goes on at a time, inclusive, and the largest time that a
// record before may have.
func (l *modelLog) since(ms int64) (offset, lowTime int64) {
	if ms == ringbuf.NoTime {
		return l.start, ringbuf.NoTime
	}
	at, ok := l.at(l.start, ms)
	if !ok {
		at = l.stable()
	}
	if at <= l.start {
		return l.start, ringbuf.NoTime
	}
	return at, ms - 1
}

// carried works out what a client that is connected is owed by the other
// cluster: where both it and the ring know a time, what comes from there on. Of
// the others the notices tell. again: its position was further than was known.
func (v *modelVisit) carried(times []int64, again bool) {
	in := v.in
	v.times = times
	id, err := position.Parse([]byte(v.client.lastID))
	for _, s := range in.topics {
		for p, part := range s.parts {
			k := in.key(s, p)
			var e *position.Entry
			if err == nil && v.lane&laneLines == 0 {
				e = entryOf(&id, s.name, int32(p))
			}
			if e != nil && strings.HasPrefix(e.Epoch, in.kafka.tag) {
				continue // it has come over
			}
			if e == nil || !e.HasTime || part >= len(times) || times[part] == ringbuf.NoTime || v.unsure[k] {
				v.unsure[k] = true
				v.page.next[k], v.page.low[k] = math.MaxInt64, 0
				continue
			}
			v.expectTime(k, part, e.Timestamp-1, again)
			v.expectTime(k, part, times[part], true)
		}
	}
}
