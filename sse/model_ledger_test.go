package sse

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// modelKey names a partition of one generation of a topic.
type modelKey struct {
	cluster, topic string
	gen            int
	part           int32
}

// modelValue is the value of a record: where it lies.
type modelValue struct {
	C, T string
	G    int
	P    int32
	O    int64
}

func (k modelKey) value(offset int64) []byte {
	return fmt.Appendf(nil, `{"C":%q,"T":%q,"G":%d,"P":%d,"O":%d}`, k.cluster, k.topic, k.gen, k.part, offset)
}

// modelLedger is what a client is owed, as of the id that it holds.
type modelLedger struct {
	next map[modelKey]int64 // every record below was received, or its loss told
	low  map[modelKey]int64 // where it had to go back to, and has not come to next again
}

// modelPage is the ledger of one visit: what may and must come.
type modelPage struct {
	next   map[modelKey]int64      // a record at or above it must not be left out
	low    map[modelKey]int64      // one below it must not come; next where there is none
	cursor map[modelKey]int64      // the record that came last
	told   map[modelKey][][2]int64 // whose loss was told
	vague  map[modelKey][][2]int64 // the same, perhaps of the topic before
	timed  map[modelKey]bool       // it begins at a time
	byTime map[modelKey]int64      // the id has only a time: what came with it may come again
	moved  map[modelKey]int64      // where the greeting begins a topic anew
	owed   map[modelKey]int64      // where the greeting has moved a position without a word so far
}

func newModelPage(l modelLedger) modelPage {
	p := modelPage{next: map[modelKey]int64{}, low: map[modelKey]int64{}, cursor: map[modelKey]int64{}, told: map[modelKey][][2]int64{}, vague: map[modelKey][][2]int64{}, timed: map[modelKey]bool{}, byTime: map[modelKey]int64{}, moved: map[modelKey]int64{}, owed: map[modelKey]int64{}}
	maps.Copy(p.next, l.next)
	maps.Copy(p.low, l.low)
	return p
}

// bound widens what may come first of a partition.
func (p *modelPage) bound(k modelKey, next, low int64, again bool) {
	if again {
		next, low = max(next, p.next[k]), min(low, p.low[k])
	}
	p.next[k], p.low[k] = next, low
}

func entryOf(id *position.ID, topic string, part int32) *position.Entry {
	for i := range id.Entries {
		if e := &id.Entries[i]; e.Topic == topic && e.Partition == part {
			return e
		}
	}
	return nil
}

// key names a partition as an instance knows it, or will.
func (in *modelInstance) key(s *modelSeen, p int) modelKey {
	if t := in.kafka.topics[s.name]; s.gen == 0 && t.exists {
		return modelKey{in.kafka.tag, s.name, t.gen, int32(p)}
	}
	return modelKey{in.kafka.tag, s.name, s.gen, int32(p)}
}

// event takes one record.
func (v *modelVisit) event(data []byte) {
	var x modelValue
	if err := json.Unmarshal(data, &x); err != nil {
		v.fail("an event that is no record: %q", data)
		return
	}
	k := modelKey{x.C, x.T, x.G, x.P}
	for k, to := range v.page.owed {
		if o := v.lost(k, v.next(k), to); o >= 0 {
			v.fail("SILENT: the greeting went over %v@%d without a word", k, o)
		}
		v.page.next[k] = max(v.page.next[k], to)
		delete(v.page.owed, k)
	}
	clear(v.page.moved)
	cur, ok := v.page.cursor[k]
	next := v.next(k)
	if !ok {
		low, bounded := v.page.low[k]
		if !bounded {
			low = next
		}
		if ms, ok := v.page.byTime[k]; ok {
			low = min(low, v.repeatFrom(k, ms))
		}
		if v.client.world.logOf(k) == nil {
			low = 0 // its generation is over, and with it what could be compared
		}
		if x.O < low {
			v.fail("DOUBLE: %v@%d, from %d on", k, x.O, low)
		}
		cur = next - 1
	} else if x.O <= cur {
		v.fail("DOUBLE: %v@%d after %d", k, x.O, cur)
	}
	if o := v.lost(k, cur+1, x.O); o >= 0 {
		v.fail("LOST: %v@%d, got %d", k, o, x.O)
	}
	v.page.cursor[k], v.page.next[k] = x.O, max(next, x.O+1)
}

// next is the first record of a partition that must not be left out. A time may
// have been newer than every record.
func (v *modelVisit) next(k modelKey) int64 {
	next := v.page.next[k]
	if ms, ok := v.page.byTime[k]; ok {
		l := v.client.world.logOf(k)
		if l == nil {
			return next
		}
		first, ok := l.at(0, ms)
		if !ok {
			first = l.end()
		}
		next = max(next, first)
	}
	return next
}

// lost returns a record in [from, to) that was not delivered, -1 if there is
// none.
func (v *modelVisit) lost(k modelKey, from, to int64) int64 {
	l := v.client.world.logOf(k)
	if l == nil {
		return -1 // its generation is over
	}
	for o := from; o < min(to, l.end()); o++ {
		if kind := l.records[o].kind; kind != goodRecord && kind != largeRecord || wasTold(v.page.told[k], o) || wasTold(v.page.vague[k], o) {
			continue
		} else if v.untold(k) && (kind == largeRecord || o < l.start && !v.in.holds(k, o)) {
			continue
		}
		return o
	}
	return -1
}

// untold reports whether records that are gone need no notice: the lane has
// none, or a position was a time, which says nothing of what lies between.
func (v *modelVisit) untold(k modelKey) bool {
	_, byTime := v.page.byTime[k]
	_, begun := v.page.cursor[k]
	return v.lane&laneLines != 0 || (byTime || v.page.timed[k]) && !begun
}

func wasTold(told [][2]int64, o int64) bool {
	return slices.ContainsFunc(told, func(t [2]int64) bool { return t[0] <= o && o < t[1] })
}

// gap takes a notice, and checks that it is true.
func (v *modelVisit) gap(n ringbuf.Notice) {
	in, w := v.in, v.client.world
	v.gaps++
	s := in.topic(n.Topic)
	if s == nil {
		if n.Reason != gapTopicRemoved {
			v.fail("FALSE: %+v of a topic that is not followed", n)
		}
		return
	}
	k := in.key(s, int(n.Partition))
	l := w.logOf(k)
	if v.switched && n.Reason != gapOtherCluster && n.Reason != gapMissed {
		// Of which of the two clusters?
		for _, c := range w.clusters {
			for gen := range c.topics[n.Topic].gen + 1 {
				k := modelKey{c.tag, n.Topic, gen, n.Partition}
				v.page.vague[k] = append(v.page.vague[k], [2]int64{n.Asked, max(n.Given, n.Asked)})
			}
		}
		v.page.told[k] = append(v.page.told[k], [2]int64{n.Asked, n.Given})
		if n.Reason == gapRecreated || n.Reason == gapTruncated || n.Reason == gapGone {
			delete(v.page.cursor, k)
			v.page.next[k], v.page.low[k] = math.MaxInt64, 0
		}
		return
	}
	if n.Reason != gapRecreated && v.gens[s.name] > 0 && v.gens[s.name] != s.gen {
		// Of the topic before, or of the one there is now: who can tell.
		v.page.vague[k] = append(v.page.vague[k], [2]int64{n.Asked, n.Given})
		return
	}
	good := func(low int64) int64 { // a good record among those told, from low on or in the ring
		for o := max(0, n.Asked); l != nil && o < min(n.Given, l.end()); o++ {
			if l.records[o].kind == goodRecord && (o >= low || in.holds(k, o)) {
				return o
			}
		}
		return -1
	}
	switch n.Reason {
	case gapExpired:
		if l != nil {
			if o := good(l.start); o >= 0 {
				v.fail("FALSE: %+v, and %d is there", n, o)
			}
		}
	case gapTooLarge:
		if o := good(0); o >= 0 {
			v.fail("FALSE: %+v, and %d is a good record", n, o)
		}
	case gapRecreated:
		if !w.recreated {
			v.fail("FALSE: %+v", n)
		}
		delete(v.page.cursor, k)
		v.page.low[k] = 0
		if v.gens[s.name] != s.gen && l != nil && good(l.start) >= 0 {
			return // of which of the two?
		}
		v.gens[s.name] = s.gen
		n.Asked = v.page.next[k]
		if t := in.kafka.topics[n.Topic]; l != nil && v.kafkaGens[n.Topic] == t.gen {
			if o := good(l.start); o >= 0 {
				v.fail("FALSE: %+v, and %d is there", n, o)
			}
		}
		v.page.next[k] = max(n.Asked, n.Given)
		if c := v.client; c.ledger.next != nil && len(v.page.cursor) == 0 {
			c.ledger.next[k], c.ledger.low[k] = v.page.next[k], 0 // the greeting has said so before
		}
		return
	case gapTruncated:
		if !v.client.made || l != nil && (n.Asked <= n.Given || n.Given > l.end()) {
			v.fail("FALSE: %+v", n)
		}
		v.page.next[k], v.page.low[k] = n.Given, n.Given
		return
	case gapOtherCluster, gapMissed:
		if !w.twoClusters && !w.reconfigured || l != nil && n.Given > l.stable() && !v.switched {
			v.fail("FALSE: %+v", n)
		}
		_, bounded := v.page.low[k]
		if n.Given >= 0 && (n.Reason == gapMissed || !bounded || v.unsure[k]) {
			v.page.next[k], v.page.low[k] = n.Given, n.Given
		}
		return
	case gapGone:
		if int(n.Partition) < v.parts[n.Topic] && !w.recreation {
			v.fail("FALSE: %+v", n)
		}
		v.page.low[k] = 0 // if it comes back, from its first record
		return
	}
	v.page.told[k] = append(v.page.told[k], [2]int64{n.Asked, n.Given})
}

// adopt takes an id: from here on the client is owed what comes behind it.
func (v *modelVisit) adopt(id string) {
	c := v.client
	c.lastID = id
	if v.switched {
		v.carried(v.times, true)
	}
	for k, vague := range v.page.vague {
		for _, t := range vague {
			if l := c.world.logOf(k); l != nil && t[1] > 0 && t[1] <= l.end() && (t[1] <= l.start || l.records[t[1]-1].kind == largeRecord) {
				v.page.told[k] = append(v.page.told[k], t)
			}
		}
	}
	for k, told := range v.page.told {
		l := c.world.logOf(k)
		for l != nil && len(told) > 0 {
			next := v.page.next[k]
			if next >= l.end() || l.records[next].kind != badRecord && l.records[next].kind != markerRecord && !wasTold(told, next) {
				break
			}
			v.page.next[k]++
		}
	}
	for k := range v.page.byTime {
		v.placed(k, id)
	}
	c.ledger = modelLedger{maps.Clone(v.page.next), map[modelKey]int64{}}
	for k, low := range v.page.low {
		if _, begun := v.page.cursor[k]; !begun && low < v.page.next[k] {
			c.ledger.low[k] = low
		}
	}
	for k, o := range v.page.cursor {
		if o+1 < v.page.next[k] {
			c.ledger.low[k] = o + 1
		}
	}
	if c.world.reconfigured { // a topic that the id leaves out is owed no more
		text, err := position.Parse([]byte(id))
		if err != nil {
			v.fail("the id %s: %v", id, err)
		}
		for k := range c.ledger.next {
			if !slices.ContainsFunc(text.Entries, func(e position.Entry) bool { return e.Topic == k.topic }) {
				delete(c.ledger.next, k)
			}
		}
	}
}

// placed takes note of where a time has led to.
func (v *modelVisit) placed(k modelKey, id string) {
	c := v.client
	x, err := position.Parse([]byte(id))
	if err != nil {
		v.fail("the id %s: %v", id, err)
		return
	}
	e := entryOf(&x, k.topic, k.part)
	if e != nil && !strings.HasPrefix(e.Epoch, k.cluster) {
		return
	}
	if l := c.world.logOf(k); l != nil && e != nil && !e.HasOffset && !c.world.backwards && !c.world.recreation && l.shared(v.page.byTime[k]) && e.Timestamp-1 < v.page.byTime[k] {
		// It went back to the first record of its millisecond, and has to see that again.
		v.fail("BACK: %v at %d, was at %d", k, e.Timestamp-1, v.page.byTime[k])
	}
	if e == nil || !e.HasOffset || v.lane&laneLines != 0 {
		return
	}
	if _, begun := v.page.cursor[k]; e.Offset <= v.page.next[k] {
		if !begun && e.Offset >= v.repeatFrom(k, v.page.byTime[k]) {
			v.page.low[k] = e.Offset
		}
		return
	}
	if o := v.lost(k, v.next(k), e.Offset); o >= 0 {
		v.fail("SILENT: the id went over %v@%d without a word", k, o)
	}
	v.page.next[k] = e.Offset
}

// greeted takes the id of the greeting.
func (v *modelVisit) greeted(text string) {
	id, err := position.Parse([]byte(text))
	if err != nil {
		v.fail("the greeting's id: %v", err)
		return
	}
	for _, e := range id.Entries {
		s := v.in.topic(e.Topic)
		if s == nil || !e.HasOffset || e.Epoch != v.in.kafka.epoch(e.Topic, s.gen) {
			continue
		}
		k := v.in.key(s, int(e.Partition))
		if v.asked != nil && !v.page.timed[k] {
			if v.asked.Ours() && slices.ContainsFunc(v.asked.Entries, func(a position.Entry) bool {
				return a.Topic == e.Topic && a.Epoch != e.Epoch && !strings.HasSuffix(a.Epoch, "-")
			}) {
				v.page.moved[k] = e.Offset
				continue // a notice will say so
			}
		}
		low, bounded := v.page.low[k]
		switch {
		case e.Offset > v.page.next[k]:
			v.page.owed[k] = e.Offset
		case e.Offset < 0 || !bounded:
		case e.Offset < low:
			v.fail("DOUBLE: the greeting says %v@%d, want %d to %d", k, e.Offset, low, v.page.next[k])
		default:
			v.page.next[k], v.page.low[k] = e.Offset, e.Offset // exact from here on
		}
	}
	v.adopt(text)
}

// settleOwed ends the page: what the greeting has moved is moved, for the notice
// may have been under way.
func (v *modelVisit) settleOwed() {
	for k, to := range v.page.owed {
		if v.client.ledger.next[k] < to {
			v.client.ledger.next[k] = to
		}
	}
	for k, to := range v.page.moved {
		v.client.ledger.next[k], v.client.ledger.low[k] = max(to, v.client.ledger.next[k]), 0
	}
}

// missing returns a record that a client has not got although nothing is left
// to come.
func (v *modelVisit) missing() error {
	for _, s := range v.in.topics {
		for p := range s.count {
			k := v.in.key(s, p)
			if o := v.lost(k, v.next(k), math.MaxInt64); o >= 0 {
				return fmt.Errorf("LOST at the end: %v@%d", k, o)
			}
		}
	}
	return nil
}
