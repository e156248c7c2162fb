package sse

import (
	"context"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// The reasons of a gap notice that a resume can have.
const (
	gapExpired      = "expired"
	gapTruncated    = "truncated"
	gapRecreated    = "recreated"
	gapOtherCluster = "other_cluster"
	gapMissed       = "missed"
	gapTopicRemoved = "topic_removed"
	gapGone         = "partition_gone"
	gapMaxAge       = "max_age"
	gapTooLarge     = "too_large"
)

// lookUpTime bounds what a request may ask of Kafka before it is answered:
// whether a partition exists that somebody else's id names, which offset
// belongs to a time, and where a log begins.
const lookUpTime = 3 * time.Second

// complete makes an id whole over the partitions known now (DESIGN.md, resume,
// step 0). since is where partitions start that the id leaves open, Unix
// milliseconds; nil: at the live end. own says that the id is a want's entries.
// ctx bounds the questions to Kafka; where it is nil none may be asked. Errors
// are *refusal and errNeedsKafka.
func (v *view) complete(ctx context.Context, id position.ID, since *int64, own bool) (*want, error) {
	if ctx != nil {
		v.awaitBegin(ctx)
	}
	for {
		w, err := v.tryComplete(ctx, id, since, own)
		if err != errAgain {
			return w, err
		}
	}
}

// beginTime is how long a position waits for a stream that has just been started:
// Kafka is not away because it has not been heard of in the first moments.
const beginTime = time.Second

// awaitBegin waits for the first position of the view.
func (v *view) awaitBegin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beginTime)
	defer cancel()
	for v.Ring.Newest() == nil && ctx.Err() == nil {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// tryComplete is complete, or errAgain when an answer of Kafka has changed the
// partitions or epochs meanwhile.
func (v *view) tryComplete(ctx context.Context, id position.ID, since *int64, own bool) (*want, error) {
	c := completion{view: v, ctx: ctx, since: since, ours: id.Ours(), own: own, time: -1}
	if err := c.refuseTopics(id); err != nil {
		return nil, err // the request is wrong, whatever Kafka does
	}
	var begun ringbuf.Vector
	if c.cold = !v.Source.Warm(); c.cold {
		var ok bool
		if begun, ok = v.Source.Live(); !ok {
			return nil, errNeedsKafka
		}
	}
	newest := v.Ring.Newest()
	if newest == nil {
		return nil, errNeedsKafka
	}
	c.live = newest.Vector()
	copy(c.live.Pos, begun.Pos) // asked for first, so it knows no more partitions
	c.want = &want{keys: c.live.Keys, pos: make([]ringbuf.Pos, len(c.live.Keys))}
	if err := c.name(id); err != nil {
		return nil, err
	}
	for i := range c.want.pos {
		if err := c.place(i); err == errNeedsKafka && !sameKeys(v.Ring.Newest().Keys(), c.want.keys) {
			return nil, errAgain // it was about an epoch that is over
		} else if err != nil {
			return nil, err
		}
	}
	return c.want, nil
}

// completion is the state of one call of complete.
type completion struct {
	view  *view
	ctx   context.Context // of questions to Kafka; nil: none
	want  *want
	live  ringbuf.Vector // the live end
	cold  bool           // the ring is still being filled: what it lacks may come yet
	since *int64
	ours  bool
	own   bool // made by entries: times are those of this instance, or waited for
	named map[partition]*position.Entry
	topic map[string]epochMatch // the best match among the named partitions of a topic
	asked map[string]bool       // whether a topic exists, where Kafka was asked
	// stream holds the streams of which something is named.
	stream map[*view]bool
	time   int64 // the id's own time: its largest timestamp, or -1
}

type partition struct {
	topic string
	id    int32
}

// refuseTopics returns an error when an id that is not ours names a topic of
// another stream.
func (c *completion) refuseTopics(id position.ID) error {
	for i := range id.Entries {
		if t := id.Entries[i].Topic; !c.ours && c.view.topics[t] == nil {
			return topicNotAvailable(fmt.Sprintf("Topic %.250q is not part of the requested streams.", t))
		}
	}
	return nil
}

// name sorts the entries of an id by partition and refuses too many of them.
func (c *completion) name(id position.ID) error {
	c.named = make(map[partition]*position.Entry, len(id.Entries))
	c.topic = make(map[string]epochMatch)
	c.asked = make(map[string]bool)
	c.stream = make(map[*view]bool)
	known := make(map[partition]string, len(c.want.keys))
	for _, k := range c.want.keys {
		known[partition{k.Topic, k.Partition}] = k.Epoch
	}
	if !c.ours && len(id.Entries) > len(known)+len(c.view.topics) {
		return badPosition(fmt.Sprintf("The position has %d entries, the stream has %d partitions.", len(id.Entries), len(known)))
	}
	for i := range id.Entries {
		e := &id.Entries[i]
		stream := c.view.topics[e.Topic]
		if stream == nil {
			c.tell(e, -1, gapTopicRemoved)
			continue
		}
		if e.OfTopic {
			continue
		}
		if e.HasTime {
			c.time = max(c.time, e.Timestamp)
		}
		epoch, ok := known[partition{e.Topic, e.Partition}]
		if !ok {
			if err := c.unknown(e); err != nil {
				return err
			}
			epoch = e.Epoch
		}
		c.named[partition{e.Topic, e.Partition}] = e
		c.stream[stream] = true
		c.topic[e.Topic] = max(c.topic[e.Topic], match(e.Epoch, epoch))
	}
	return nil
}

// unknown deals with a partition that this instance has not found. In an id of
// ours it stays as a position ahead until Kafka was asked.
func (c *completion) unknown(e *position.Entry) error {
	if c.ours {
		c.want.absent = append(c.want.absent, *e)
		return nil
	}
	if c.ctx == nil {
		return errNeedsKafka
	}
	n, exists, err := c.view.Source.LookUp(c.ctx, e.Topic)
	if err != nil {
		return errNeedsKafka
	}
	if !exists || int(e.Partition) >= n {
		return badPosition(fmt.Sprintf("Topic %.250q has no partition %d.", e.Topic, e.Partition))
	}
	found := *e
	if found.Epoch == "" {
		found.Epoch = anyEpoch // an id of ours from here on
	}
	c.want.absent = append(c.want.absent, found)
	return nil
}

// anyEpoch is the epoch of an entry of which neither tag is known.
const anyEpoch = "-.-"

// place decides where partition i starts.
func (c *completion) place(i int) error {
	k := c.want.keys[i]
	e := c.named[partition{k.Topic, k.Partition}]
	if e == nil {
		return c.placeUnnamed(i)
	}
	if c.unfound(i, e) {
		c.want.pos[i] = c.live.Pos[i]
		c.want.keep(i, *e, unfound)
		return nil
	}
	asked := e.Offset
	if !e.HasOffset {
		asked = -1
	}
	epoch := match(e.Epoch, k.Epoch)
	// An offset of 0 is the first record of whichever life.
	if epoch == otherTopic || epoch == sameEpoch && e.Epoch != "" && nameless(e.Epoch) != nameless(k.Epoch) && asked != 0 {
		exists, err := c.newest(k.Topic)
		switch {
		case err != nil:
			return err
		case !exists && nameless(k.Epoch):
			// Of the log that the id is of there is nothing any more, and of
			// the next one nothing yet.
			c.want.pos[i] = ringbuf.Pos{Next: 0, Time: ringbuf.NoTime}
			c.notice(i, asked, gapRecreated)
			return nil
		}
	}
	switch epoch {
	case otherCluster:
		ms := e.Timestamp - 1
		switch {
		case e.HasTime:
		case c.own && asked == 0:
			ms = -1 // it never had a record: whatever there is now is new
		case c.own && c.time >= 0:
			ms = max(0, c.time-1-mergeSlack) // what this instance gives is merged by time
		default:
			c.want.pos[i] = c.live.Pos[i]
			c.notice(i, asked, gapMissed)
			return nil
		}
		if err := c.placeTime(i, ms, false); err != nil {
			return err
		}
		if e.HasTime && c.view.formOf(k) != position.Timestamp {
			// For the next cluster, which it may come to before the next record.
			// Where ids are times alone it would leave out a record of ms here.
			c.want.pos[i].Time = ms
		}
		c.notice(i, asked, gapOtherCluster)
		return nil
	case otherTopic:
		if err := c.placeEarliest(i); err != nil {
			return err
		}
		c.notice(i, asked, gapRecreated)
		return nil
	}
	switch {
	case !e.HasOffset:
		return c.placeTime(i, e.Timestamp-1, true)
	case e.Offset == position.LiveEnd:
		c.want.pos[i] = c.live.Pos[i]
		return nil
	case e.Offset == position.Earliest:
		return c.placeEarliest(i)
	}
	p := ringbuf.Pos{Next: e.Offset, Time: ringbuf.NoTime}
	if e.HasTime && (c.own || c.view.formOf(k) != position.Timestamp) {
		// Where ids are times alone, a time that this instance never saw would
		// keep the client private until the partition speaks; its offset is exact.
		p.Time = e.Timestamp - 1
	}
	c.placeOffset(i, p)
	return nil
}

// mergeSlack is by how much records of one partition may come after newer ones
// of another, milliseconds.
const mergeSlack = 10_000

// placeOffset starts a partition at an offset.
func (c *completion) placeOffset(i int, p ringbuf.Pos) {
	c.want.pos[i] = p
	if first, ok := c.view.Ring.First(i); ok && p.Next < first {
		// Older than Kafka and the ring hold, and nothing lies between.
		c.want.pos[i].Next = first
		c.notice(i, p.Next, gapExpired)
	}
}

// placeUnnamed decides for a partition that the id does not name.
func (c *completion) placeUnnamed(i int) error {
	k := c.want.keys[i]
	switch {
	case !c.ours || !c.stream[c.view.streamOf(k)]:
		if c.since == nil {
			c.want.pos[i] = c.live.Pos[i]
			return nil
		}
		// A time to come is the live end. The clock alone cannot say so: it may be slow.
		if *c.since > max(c.view.now().UnixMilli(), c.live.Pos[i].Time) {
			c.want.pos[i] = c.live.Pos[i]
			return nil
		}
		return c.placeTime(i, *c.since, false)
	case c.topic[k.Topic] == sameEpoch || c.topic[k.Topic] == otherTopic:
		// Added since: from its first record.
		c.placeOffset(i, ringbuf.Pos{Next: 0, Time: ringbuf.NoTime})
		return nil
	case c.time < 0:
		c.want.pos[i] = c.live.Pos[i]
		c.notice(i, -1, gapMissed)
		return nil
	}
	return c.placeTime(i, c.time-1, false)
}

// placeEarliest starts a partition at the first record there is, in Kafka or
// in the ring: retention may have passed what the ring holds.
func (c *completion) placeEarliest(i int) error {
	first, ok := c.view.Ring.First(i)
	if !ok {
		if c.ctx == nil || c.view.History == nil {
			return errNeedsKafka
		}
		k := c.want.keys[i]
		switch earliest, err := c.view.earliest(c.ctx, k); {
		case err == nil:
			first = min(first, earliest)
		case !c.view.noSuch(c.ctx, k):
			return errNeedsKafka
		}
	}
	c.want.pos[i] = ringbuf.Pos{Next: first, Time: ringbuf.NoTime}
	return nil
}

// gone reports whether there is no such topic, by Kafka's word: what the ring
// still holds of it is all there is.
func (v *view) gone(ctx context.Context, topic string) bool {
	_, exists, err := v.Source.LookUp(ctx, topic)
	return err == nil && !exists
}

// noSuch is gone for a partition: its topic may have fewer now.
func (v *view) noSuch(ctx context.Context, k ringbuf.Key) bool {
	n, exists, err := v.Source.LookUp(ctx, k.Topic)
	return err == nil && (!exists || int(k.Partition) >= n)
}

// notice adds a gap notice for partition i, whose new position is set.
func (c *completion) notice(i int, asked int64, reason string) {
	k := c.want.keys[i]
	c.want.notices = append(c.want.notices, ringbuf.Notice{Topic: k.Topic, Partition: k.Partition, Asked: asked, Given: c.want.pos[i].Next, Reason: reason})
}

// tell adds a gap notice for an entry that has no partition here. Its topic is
// a client's text, so it is told only if it can be one of Kafka's names.
func (c *completion) tell(e *position.Entry, given int64, reason string) {
	if !topicName(e.Topic) {
		return
	}
	asked := e.Offset
	if !e.HasOffset {
		asked = -1
	}
	c.want.notices = append(c.want.notices, ringbuf.Notice{Topic: e.Topic, Partition: e.Partition, Asked: asked, Given: given, Reason: reason})
}

// topicName reports whether Kafka would accept s as the name of a topic
// (org.apache.kafka.common.internals.Topic: 249 of [a-zA-Z0-9._-]).
func topicName(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '.', b == '_', b == '-':
		default:
			return false
		}
	}
	return len(s) > 0 && len(s) <= 249
}

// entries is the want as an id of ours, to be completed again when the
// partitions or epochs have changed under it.
func (w *want) entries() position.ID {
	id := position.ID{Entries: append([]position.Entry(nil), w.absent...)}
	for i, k := range w.keys[:len(w.pos)] {
		if _, ok := w.late[i]; ok {
			continue // among the absent
		}
		e := position.Entry{Topic: k.Topic, Partition: k.Partition, Offset: w.pos[i].Next, HasOffset: true, Epoch: k.Epoch}
		if w.pos[i].Time != ringbuf.NoTime {
			e.Timestamp, e.HasTime = w.pos[i].Time+1, true
		}
		id.Entries = append(id.Entries, e)
	}
	return id
}

// wait notes that partition i cannot be placed before the ring has a record of
// at least ms, Unix milliseconds.
func (w *want) wait(i int, ms int64) {
	k := w.keys[i]
	// The offset is for ids that need one: nothing below it is lacking.
	w.keep(i, position.Entry{Topic: k.Topic, Partition: k.Partition, Offset: w.pos[i].Next, Timestamp: ms + 1, HasTime: true, Epoch: k.Epoch}, ms)
}

// keep keeps the entry of partition i as it is until the ring has a record of
// at least ms, or the topic is found.
func (w *want) keep(i int, e position.Entry, ms int64) {
	if w.late == nil {
		w.late = make(map[int]int64)
	}
	w.late[i] = ms
	w.absent = append(w.absent, e)
}

// vector is the want as a vector, absent partitions included.
func (w *want) vector() ringbuf.Vector {
	v := ringbuf.Vector{Keys: w.keys[:len(w.pos)], Pos: w.pos}
	if len(w.absent) == 0 {
		return v
	}
	v.Keys, v.Pos = nil, nil
	for i, k := range w.keys[:len(w.pos)] {
		if _, ok := w.late[i]; !ok {
			v.Keys, v.Pos = append(v.Keys, k), append(v.Pos, w.pos[i])
		}
	}
	for _, e := range w.absent {
		p := ringbuf.Pos{Next: e.Offset, Time: ringbuf.NoTime}
		if e.HasTime {
			p.Time = e.Timestamp - 1
		}
		v.Keys = append(v.Keys, ringbuf.Key{Topic: e.Topic, Partition: e.Partition, Epoch: e.Epoch})
		v.Pos = append(v.Pos, p)
	}
	return v
}
