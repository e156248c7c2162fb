package ledger

import (
	"bytes"
	"maps"
	"slices"
	"sync"
)

// Receipt is the account of one client over all its connections. It keeps counters per partition, not events. Its
// methods may be called from several goroutines; events must come in the order of the stream.
type Receipt struct {
	book *Book // set at construction

	// Guarded by mu.
	mu      sync.Mutex
	tracks  map[TopicPartition]*track
	greeted map[string]bool // topics that the first id named: a partition that comes later is due from its offset 0
	turned  bool            // the last greeting placed partitions elsewhere, and no event has come since
	report  Report
	entries []vectorEntry // scratch
}

// NewReceipt opens an account against a book. start says where the client begins where no id will tell (NDJSON, compact
// ids); nil: the first greeting tells, and without one the first event of each partition.
func NewReceipt(book *Book, start Positions) *Receipt {
	r := &Receipt{book: book, tracks: map[TopicPartition]*track{}, greeted: map[string]bool{}}
	for tp, offset := range start {
		r.track(tp).begin(book.place(tp, offset))
	}
	return r
}

// Greeting books the id with which a connection begins. The first one tells where the client starts. Where a later one
// stands elsewhere than the ids before, a notice must follow before the next event; if the connection ends before that,
// the notice was under way, and the greeting stands for it.
func (r *Receipt) Greeting(id []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked(id)
	first := len(r.greeted) == 0
	r.adoptLocked(id)
	for _, e := range r.entries {
		if first {
			r.greeted[string(e.topic)] = true
		}
		t := r.trackOfLocked(e)
		if e.offset >= 0 && !t.started && !t.floating && len(t.pending) == 0 { // else with the first event, once it is booked
			t.float(e.offset)
		}
	}
}

// turnLocked notes which partitions a greeting places elsewhere.
func (r *Receipt) turnLocked(id []byte) {
	for _, t := range r.tracks {
		t.untold(&r.report)
	}
	r.turned = false
	var err error
	if r.entries, err = parseVector(id, r.entries); err != nil || len(r.greeted) == 0 {
		return // adoptLocked says so
	}
	for _, e := range r.entries {
		t := r.trackOfLocked(e)
		if e.offset >= 0 && (t.jumped || len(t.pending) > 0) {
			t.pending = append(t.pending, arrival{back: true, floor: e.offset})
			t.resolve(&r.report, false)
		}
		renewed := t.epoch != "" && (!epochsMatch([]byte(t.epoch), e.epoch) || nameless(e.epoch) && e.offset < t.vector)
		switch {
		case renewed:
			t.turn = &GapNotice{t.at.Topic, t.at.Partition, -1, e.offset, "recreated"}
			t.vector, t.timestamp, t.epoch = -1, -1, ""
		case t.floating && e.offset > max(t.vector, t.from), t.started && !t.floating && e.offset > max(t.vector, t.cursor.offset):
			t.turn = &GapNotice{t.at.Topic, t.at.Partition, -1, e.offset, "expired"}
		}
		r.turned = r.turned || t.turn != nil
	}
}

// Event books one event. id is nil where the transport has none.
func (r *Receipt) Event(id, value []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unannouncedLocked()
	tp, n, ok := r.book.identityOf(value)
	if !ok {
		r.report.add(Unexpected, "value does not say who it is: %s", shorten(value))
		if id != nil {
			r.adoptLocked(id)
		}
		return
	}
	t := r.track(tp)
	a := arrival{n: n, value: r.book.fingerprint(value), floor: t.vector, ceiling: -1}
	if id != nil {
		r.adoptLocked(id)
		a.ceiling = r.ownOffsetLocked(tp, id)
	}
	t.pending = append(t.pending, a)
	t.resolve(&r.report, len(t.pending) > maxPending)
}

// unannouncedLocked reports what a greeting placed elsewhere without a notice before the event that comes now. Where
// only the offset was another, the records between are missing.
func (r *Receipt) unannouncedLocked() {
	if !r.turned {
		return
	}
	r.turned = false
	for _, t := range r.tracks {
		if t.turn != nil && t.turn.Reason == "recreated" {
			r.report.add(BadID, "epoch of %v changes with a greeting without a notice", t.at)
		}
		t.turn = nil
	}
}

// Gap books a gap notice: the record range that it admits is no loss any more, but a difference of kind Gap.
func (r *Receipt) Gap(g GapNotice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.add(Gap, "%v", g)
	tp := TopicPartition{g.Topic, g.Partition}
	t := r.track(tp)
	t.vector, t.epoch, t.turn = -1, "", nil
	if g.Reason == "recreated" || g.Reason == "other_cluster" {
		// One topic has one epoch: its other partitions change with it.
		for other, o := range r.tracks {
			if other.Topic == g.Topic {
				o.vector, o.timestamp, o.epoch = -1, -1, ""
			}
		}
	}
	t.pending = append(t.pending, arrival{gap: &g})
	t.resolve(&r.report, false)
}

// Rejoin says that a new connection begins without a position (NDJSON): what was produced meanwhile is not owed.
func (r *Receipt) Rejoin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for tp, t := range r.tracks {
		if t.started {
			t.pending = append(t.pending, arrival{gap: &GapNotice{Topic: tp.Topic, Partition: tp.Partition, Asked: -1, Given: -1}})
		}
	}
}

// Complain books bytes that the protocol does not allow.
func (r *Receipt) Complain(what string, bytes []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.add(Framing, "%s: %s", what, shorten(bytes))
}

// Expect returns the counter of the next record due from a partition, by what is booked now.
func (r *Receipt) Expect(topic string, partition int32) (n int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tp := TopicPartition{topic, partition}
	t := r.tracks[tp]
	if t == nil {
		return 0, false
	}
	t.resolve(&r.report, false)
	if t = t.landed(); !t.started {
		return 0, false
	}
	r.book.log(tp).between(t.cursor, farthest, func(e entry) bool { n, ok = e.n, true; return false })
	return n, ok
}

// Received returns how many different booked records arrived.
func (r *Receipt) Received() (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tracks {
		n += t.received
	}
	return n
}

// Differences returns what was found so far. A record that is overdue is not in it: Check says that.
func (r *Receipt) Differences() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tracks {
		t.resolve(&r.report, false)
	}
	return r.report.clone()
}

// Start returns where the client began, for the partitions where it is known.
func (r *Receipt) Start() Positions {
	r.mu.Lock()
	defer r.mu.Unlock()
	start := Positions{}
	for tp, t := range r.tracks {
		switch {
		case t.started:
			start[tp] = t.start.offset
		case t.floating:
			start[tp] = t.from
		}
	}
	return start
}

// Position returns the newest position of each partition that an id told.
func (r *Receipt) Position() Positions {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := Positions{}
	for tp, t := range r.tracks {
		if t.vector >= 0 {
			now[tp] = t.vector
		}
	}
	return now
}

// Reached says whether every record below end has arrived or is excused by a gap.
func (r *Receipt) Reached(end Positions) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for tp, offset := range end {
		t := r.dueLocked(tp)
		t.resolve(&r.report, false)
		if len(t.pending) > 0 || !t.started || len(t.missing) > 0 {
			return false
		}
		if !t.unplaced && r.book.log(tp).count(t.cursor, r.book.place(tp, offset)) > 0 {
			return false
		}
	}
	return true
}

// Check compares everything from the client's start to end, partition by partition. It returns nil or a *Report. Events
// of partitions that end does not name count only where they were wrong in themselves.
func (r *Receipt) Check(end Positions) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report.clone()
	tracks := maps.Clone(r.tracks)
	for tp := range end {
		tracks[tp] = r.dueLocked(tp)
	}
	for _, tp := range slices.SortedFunc(maps.Keys(tracks), TopicPartition.compare) { // the same report each time
		t := tracks[tp].clone()
		for len(t.pending) > 0 {
			t.resolve(&report, true)
		}
		t = t.landed()
		offset, ok := end[tp]
		t.audit(&report, r.book.place(tp, offset), ok)
	}
	if report.Total() == 0 {
		return nil
	}
	return &report
}

// CheckAllowing is Check, except that differences of the given kinds are accepted.
func (r *Receipt) CheckAllowing(end Positions, allowed ...Kind) error {
	err := r.Check(end)
	if err == nil {
		return nil
	}
	report := err.(*Report)
	for _, k := range allowed {
		report.Counts[k], report.Texts[k] = 0, nil
	}
	if report.Total() == 0 {
		return nil
	}
	return report
}

func (r *Receipt) track(tp TopicPartition) *track {
	t := r.tracks[tp]
	if t == nil {
		t = newTrack(tp, r.book)
		if r.greeted[tp.Topic] {
			t.float(0)
		}
		r.tracks[tp] = t
	}
	return t
}

// dueLocked is the track of a partition of which nothing may have been heard yet; such a one is not kept.
func (r *Receipt) dueLocked(tp TopicPartition) *track {
	t := r.tracks[tp]
	if t == nil {
		t = newTrack(tp, r.book)
		if r.greeted[tp.Topic] {
			t.float(0)
		}
	}
	return t.landed()
}

func (r *Receipt) trackOfLocked(e vectorEntry) *track {
	if t := r.tracks[TopicPartition{string(e.topic), e.partition}]; t != nil { // no allocation
		return t
	}
	return r.track(TopicPartition{string(e.topic), e.partition})
}

// adoptLocked checks an id against the ones before it and keeps its positions. r.entries holds it afterwards.
func (r *Receipt) adoptLocked(id []byte) {
	var err error
	if r.entries, err = parseVector(id, r.entries); err != nil {
		r.report.add(BadID, "%v: %s", err, shorten(id))
		return
	}
	for _, e := range r.entries {
		t := r.trackOfLocked(e)
		if e.offset >= 0 {
			if e.offset < t.vector {
				r.report.add(IDBehind, "%v goes back from %d to %d", t.at, t.vector, e.offset)
			}
			t.vector = e.offset
		}
		if e.timestamp >= 0 {
			// Beside an offset a time is what an instance has seen: one that never read what has expired since knows less.
			if e.timestamp < t.timestamp && t.epoch != "" && e.offset < 0 {
				r.report.add(IDBehind, "time of %v goes back from %d to %d", t.at, t.timestamp, e.timestamp)
			}
			t.timestamp = e.timestamp
		}
		if t.epoch == string(e.epoch) {
			continue
		}
		if t.epoch != "" && !epochsMatch([]byte(t.epoch), e.epoch) {
			r.report.add(BadID, "epoch of %v changes from %s to %s without a notice", t.at, t.epoch, e.epoch)
		}
		t.epoch = string(e.epoch)
		t.nameless = t.nameless || nameless(e.epoch)
	}
}

// ownOffsetLocked finds the position of an event's own partition in its id, which must name it.
func (r *Receipt) ownOffsetLocked(tp TopicPartition, id []byte) int64 {
	for _, e := range r.entries {
		if e.partition == tp.Partition && string(e.topic) == tp.Topic {
			return e.offset
		}
	}
	if len(id) > 0 && id[0] == '[' {
		r.report.add(BadID, "the id of an event of %v does not name it: %s", tp, shorten(id))
	}
	return -1
}

// nameless says that an epoch has no tag of a topic: there was none.
func nameless(epoch []byte) bool { return bytes.HasSuffix(epoch, []byte(".-")) }

// epochsMatch compares two epochs tag by tag; `-` (not known) matches any.
func epochsMatch(a, b []byte) bool {
	aCluster, aTopic, _ := bytes.Cut(a, []byte("."))
	bCluster, bTopic, _ := bytes.Cut(b, []byte("."))
	match := func(x, y []byte) bool { return string(x) == "-" || string(y) == "-" || bytes.Equal(x, y) }
	return match(aCluster, bCluster) && match(aTopic, bTopic)
}
