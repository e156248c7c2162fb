package sse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/ringcast/ringcast/ringbuf"
)

// The kinds of records of a model log.
const (
	goodRecord   = 'r'
	badRecord    = 'b' // skipped: an advance
	markerRecord = 'm' // of a transaction, or an aborted record: nobody sees it
	openRecord   = 'o' // of a transaction that is not over
	largeRecord  = 'L' // a gap, too_large
)

type modelRecord struct {
	kind byte
	time int64
}

// modelLog is one partition.
type modelLog struct {
	records []modelRecord
	start   int64 // below it everything has expired
}

func (l *modelLog) end() int64 { return int64(len(l.records)) }

// stable is the last stable offset.
func (l *modelLog) stable() int64 {
	if i := slices.IndexFunc(l.records, func(r modelRecord) bool { return r.kind == openRecord }); i >= 0 {
		return int64(i)
	}
	return l.end()
}

// at is the first visible offset from low on with a record time of at least ms.
func (l *modelLog) at(low, ms int64) (int64, bool) {
	for o := low; o < l.stable(); o++ {
		if r := l.records[o]; r.kind != markerRecord && r.time >= ms {
			return o, true
		}
	}
	return 0, false
}

// good is at for those that become events: of the others a ring knows no time.
func (l *modelLog) good(low, ms int64) (int64, bool) {
	for o := low; o < l.stable(); o++ {
		if r := l.records[o]; r.kind == goodRecord && r.time >= ms {
			return o, true
		}
	}
	return 0, false
}

// carry counts the good records of one millisecond.
func (l *modelLog) carry(ms int64) (n int) {
	for _, r := range l.records {
		if r.kind == goodRecord && r.time == ms {
			n++
		}
	}
	return n
}

// shared reports whether several good records carry a millisecond, and nothing
// but they.
func (l *modelLog) shared(ms int64) bool {
	first, ok := l.at(0, ms)
	return ok && l.records[first].kind == goodRecord && l.carry(ms) > 1
}

// behindFirst is the offset behind the first good record of a millisecond, 0 if
// there is none.
func (l *modelLog) behindFirst(ms int64) int64 {
	return 1 + int64(slices.IndexFunc(l.records, func(r modelRecord) bool { return r.kind == goodRecord && r.time == ms }))
}

// modelTopic is a topic. When it is created anew its generation is another.
type modelTopic struct {
	name   string
	gen    int
	exists bool
	logs   []*modelLog
}

// modelKafka is a cluster.
type modelKafka struct {
	tag    string
	topics map[string]*modelTopic
}

// epoch is the tag of a generation; 0: the topic has never been seen.
func (k *modelKafka) epoch(topic string, gen int) string {
	if gen == 0 {
		return k.tag + ".-"
	}
	return fmt.Sprintf("%s.%s%05d", k.tag, topic, gen)
}

func (k *modelKafka) log(topic string, gen int, part int32) *modelLog {
	t := k.topics[topic]
	if t == nil || !t.exists || t.gen != gen || int(part) >= len(t.logs) {
		return nil
	}
	return t.logs[part]
}

var errModelAway = errors.New("kafka is away")

// modelHistory is History over a model cluster, as one instance sees it. Every
// call waits until the world lets it go on.
type modelHistory struct{ in *modelInstance }

func (h modelHistory) ask(what string, k ringbuf.Key) (*modelLog, error) {
	_, ok := h.in.world.pass(fmt.Sprintf("asks %s %s %s/%d", h.in.name, what, k.Topic, k.Partition))
	t, seen := h.in.kafka.topics[k.Topic], h.in.topic(k.Topic)
	if !ok || h.in.away || t == nil || !t.exists || int(k.Partition) >= len(t.logs) {
		return nil, errModelAway
	}
	if seen == nil || h.in.kafka.epoch(seen.name, seen.gen) != k.Epoch {
		return nil, errors.New("another topic")
	}
	return t.logs[k.Partition], nil
}

func (h modelHistory) At(_ context.Context, _ string, k ringbuf.Key, ms int64) (int64, bool, error) {
	l, err := h.ask(fmt.Sprintf("at %d", ms), k)
	if err != nil {
		return 0, false, err
	}
	o, found := l.at(l.start, ms)
	return o, found, nil
}

func (h modelHistory) Earliest(_ context.Context, _ string, k ringbuf.Key) (int64, error) {
	l, err := h.ask("earliest", k)
	if err != nil {
		return 0, err
	}
	return l.start, nil
}

func (h modelHistory) Open(ranges []Range) (HistoryReader, error) {
	h.in.world.meet()
	r := &modelReader{h: h, kafka: h.in.kafka, ranges: slices.Clone(ranges)}
	for _, g := range ranges {
		seen := h.in.topic(g.Key.Topic)
		if seen == nil || h.in.kafka.epoch(seen.name, seen.gen) != g.Key.Epoch {
			return nil, errors.New("another topic")
		}
		r.gens = append(r.gens, seen.gen)
	}
	return r, nil
}

// modelReader hands out a few items at a time, the oldest first.
type modelReader struct {
	h      modelHistory
	kafka  *modelKafka
	ranges []Range // From moves
	gens   []int
	items  []HistoryItem
}

func (r *modelReader) Next(ctx context.Context) (int, error) {
	in := r.h.in
	name := "reads of " + in.name
	for _, g := range r.ranges {
		name += fmt.Sprintf(" %s/%d [%d,%d)", g.Key.Topic, g.Key.Partition, g.From, g.To)
	}
	x, ok := in.world.pass(name)
	if ctx.Err() != nil || !ok {
		return 0, errModelAway
	}
	if in.kafka != r.kafka {
		return 0, errors.New("another cluster")
	}
	r.items = r.items[:0]
	for n := 1 + int(x%4); len(r.items) < n && !in.away; {
		best, open, least := -1, false, int64(math.MaxInt64)
		for i, g := range r.ranges {
			if g.From >= g.To {
				continue
			}
			open = true
			l := in.kafka.log(g.Key.Topic, r.gens[i], g.Key.Partition)
			if l == nil {
				return 0, errors.New("unknown topic")
			}
			if t := l.head(g.From); g.From < max(l.stable(), l.start) && (best < 0 || t < least) {
				best, least = i, t
			}
		}
		switch {
		case !open && len(r.items) == 0:
			return 0, io.EOF
		case best < 0:
			n = 0
		default:
			r.step(best)
		}
	}
	if len(r.items) == 0 {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return len(r.items), nil
}

// head is the time by which a partition is merged.
func (l *modelLog) head(o int64) int64 {
	if o >= l.start && o < l.end() && l.records[o].kind == goodRecord {
		return l.records[o].time
	}
	return math.MinInt64
}

func (r *modelReader) step(i int) {
	g := &r.ranges[i]
	k := modelKey{r.h.in.kafka.tag, g.Key.Topic, r.gens[i], g.Key.Partition}
	l := r.h.in.kafka.log(k.topic, k.gen, k.part)
	it := HistoryItem{Kind: ringbuf.Advance, Range: i, Offset: g.From, Next: g.From + 1, Time: ringbuf.NoTime}
	switch {
	case g.From < l.start:
		it.Kind, it.Reason, it.Next = ringbuf.Gap, gapExpired, min(l.start, g.To)
	case l.records[g.From].kind == goodRecord:
		it.Kind, it.Time, it.Value = ringbuf.Event, l.records[g.From].time, k.value(g.From)
	case l.records[g.From].kind == largeRecord:
		it.Kind, it.Reason = ringbuf.Gap, gapTooLarge
	}
	g.From = it.Next
	r.items = append(r.items, it)
}

func (r *modelReader) Item(i int) HistoryItem { return r.items[i] }
func (r *modelReader) Release()               { r.items = r.items[:0] }
func (r *modelReader) Close()                 {}
