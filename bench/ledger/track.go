package ledger

import (
	"math"
	"slices"
)

const (
	// maxPending bounds the events of a partition that wait for their acknowledgement; the oldest then counts as unexpected.
	maxPending = 1 << 16
	// keptPending is the capacity that an empty list of waiting events keeps.
	keptPending = 16
	// maxMissing bounds the places kept of records that were jumped over; beyond it they are only counted.
	maxMissing = 1024
)

// farthest is behind every place.
var farthest = spot{math.MaxInt32, math.MaxInt64}

// track is a client's account of one partition.
type track struct {
	// Set at construction.
	at   TopicPartition
	book *Book

	// What the ids said: next offset, time and epoch; -1 and "" before the first and after a gap.
	vector    int64
	timestamp int64
	epoch     string
	turn      *GapNotice // what a greeting has done without a notice yet
	nameless  bool       // an id was made while the topic did not exist: it is of whichever life comes next

	// What arrived.
	started     bool
	floating    bool  // due from the offset below in the life of its topic in which the next event is
	from        int64 // while floating
	unplaced    bool  // a gap without a new position: the next event gives it
	jumped      bool  // by notices behind which no event of the partition has come
	before      spot  // where the cursor was before those
	start       spot
	cursor      spot   // behind the last record that arrived in order
	received    int64  // booked records that arrived, each counted once
	excused     int64  // booked records that a gap notice covers
	missing     []spot // jumped over so far
	missingMore int64  // jumped over, not kept in missing

	pending []arrival // in the order of the stream; the head's record is not booked yet
}

// arrival is an event or a gap on its way into the account.
type arrival struct {
	n       int64
	value   fingerprint
	floor   int64 // position that the id before it claimed, -1: none
	ceiling int64 // position in its own id, -1: none
	gap     *GapNotice
	back    bool // a greeting that places the partition at floor
}

func newTrack(at TopicPartition, book *Book) *track {
	return &track{at: at, book: book, vector: -1, timestamp: -1}
}

func (t *track) begin(s spot) { t.started, t.start, t.cursor = true, s, s }

// float makes the partition due from an offset on, in the life of its topic in which the next event is: what the ledger
// hears of a partition that was added, or of a topic that was created again, does not say which life that is.
func (t *track) float(from int64) { t.floating, t.from = true, from }

// land ends the floating in a life of the topic. What of it arrived before comes again, and nothing comes of an older one.
func (t *track) land(l *logBook, generation int32) {
	t.floating = false
	if !t.started {
		t.begin(spot{generation, t.from})
		return
	}
	to := spot{max(generation, t.cursor.generation), t.from}
	t.rewind(l, to)
	jumped := len(t.missing)
	t.missing = slices.DeleteFunc(t.missing, func(s spot) bool { return s.generation < to.generation })
	t.excused += int64(jumped-len(t.missing)) + l.count(t.cursor, to)
	t.cursor = to
}

// landed is t, or where it would be with the next event in the newest life of its topic.
func (t *track) landed() *track {
	if !t.floating || len(t.pending) > 0 {
		return t
	}
	c := t.clone()
	c.land(t.book.log(t.at), t.book.place(t.at, 0).generation)
	return c
}

// untold takes what a greeting has done for told: the connection has ended before the notice came.
func (t *track) untold(report *Report) {
	if t.turn == nil {
		return
	}
	t.pending = append(t.pending, arrival{gap: t.turn})
	t.turn = nil
	t.resolve(report, false)
}

func (t *track) clone() *track {
	c := *t
	c.missing = slices.Clone(t.missing)
	c.pending = slices.Clone(t.pending)
	return &c
}

// resolve takes what has been booked from the head of pending; force takes the head whether booked or not.
func (t *track) resolve(report *Report, force bool) {
	l := t.book.log(t.at)
	done := 0
	for _, a := range t.pending {
		if a.gap != nil {
			t.jump(l, a.gap, report)
			done++
			continue
		}
		if a.back {
			t.takeBack(l, a.floor)
			done++
			continue
		}
		e, ok := l.find(a.n)
		if !ok {
			if !force {
				break
			}
			force = false
			report.add(Unexpected, "n=%d of %v is not in the book", a.n, t.at)
			done++
			continue
		}
		t.settle(l, a, e, report)
		done++
	}
	if done == 0 {
		return
	}
	t.pending = t.pending[:copy(t.pending, t.pending[done:])]
	if len(t.pending) == 0 && cap(t.pending) > keptPending {
		t.pending = nil
	}
}

// settle books the arrival of a known record.
func (t *track) settle(l *logBook, a arrival, e entry, report *Report) {
	if a.value != e.fingerprint {
		report.add(BytesDiffer, "%v@%d n=%d: %d bytes, booked are %d", t.at, e.offset, e.n, a.value.size, e.size)
	}
	if a.ceiling >= 0 && a.ceiling <= e.offset {
		report.add(IDBehind, "%v@%d n=%d came with position %d", t.at, e.offset, e.n, a.ceiling)
	}
	if t.floating {
		t.land(l, e.generation)
	}
	t.jumped = false
	switch {
	case !t.started:
		t.begin(e.spot)
	case t.unplaced:
		if t.cursor.less(e.spot) {
			t.excused += l.count(t.cursor, e.spot)
			t.cursor = e.spot
		}
	}
	t.unplaced = false
	if first := (spot{e.generation, 0}); t.nameless && t.cursor.less(first) {
		t.excused += l.count(t.cursor, first)
		t.cursor = first
	}
	t.nameless = false
	if e.less(t.cursor) {
		if i := slices.Index(t.missing, e.spot); i >= 0 {
			t.missing = slices.Delete(t.missing, i, i+1)
			t.received++
			report.add(OutOfOrder, "%v@%d n=%d came behind %d", t.at, e.offset, e.n, t.cursor.offset-1)
			return
		}
		report.add(Double, "%v@%d n=%d", t.at, e.offset, e.n)
		return
	}
	if a.floor > e.offset {
		report.add(IDAhead, "%v@%d n=%d came after an id with position %d", t.at, e.offset, e.n, a.floor)
	}
	t.miss(l, e.spot)
	t.received++
	t.cursor = spot{e.generation, e.offset + 1}
}

// miss notes the records between the cursor and to as jumped over.
func (t *track) miss(l *logBook, to spot) {
	l.between(t.cursor, to, func(e entry) bool {
		if len(t.missing) < maxMissing {
			t.missing = append(t.missing, e.spot)
		} else {
			t.missingMore++
		}
		return true
	})
}

// jump moves the cursor as a gap notice says.
func (t *track) jump(l *logBook, g *GapNotice, report *Report) {
	if g.Given < 0 {
		t.unplaced = true
		return
	}
	if t.floating && g.Reason != "recreated" && g.Asked > t.from {
		t.land(l, t.book.place(t.at, 0).generation) // what lies before the gap may be lost
	}
	to := spot{t.cursor.generation, g.Given}
	switch {
	case g.Reason == "recreated":
		// Records of the new log that came under the old epoch, before the server noticed, come again.
		t.float(g.Given)
		t.jumped = false // what was told of the old log is over
		return
	case t.floating:
		t.jumping(spot{offset: t.from})
		t.from = max(t.from, g.Given)
		return
	case !t.started:
		t.begin(to)
		return
	case g.Reason == "other_cluster" || g.Reason == "truncated":
		// What was asked for is no place in this log.
	default:
		if asked := (spot{t.cursor.generation, g.Asked}); t.cursor.less(asked) {
			t.miss(l, asked)
			t.cursor = asked
		}
	}
	if to.less(t.cursor) && g.Reason != "truncated" && g.Reason != "other_cluster" {
		report.add(IDBehind, "gap of %v gives %d, delivered is up to %d", t.at, g.Given, t.cursor.offset)
		return
	}
	t.jumping(t.cursor)
	t.excused += l.count(t.cursor, to)
	t.cursor = to
}

// jumping notes where the partition stands before a notice moves it.
func (t *track) jumping(from spot) {
	if !t.jumped {
		t.jumped, t.before = true, from
	}
}

// takeBack undoes notices. They have no id, so a client that is cut before the next event asks for the same again, and
// another instance may still hold what the first one had lost.
func (t *track) takeBack(l *logBook, offset int64) {
	switch {
	case !t.jumped:
	case t.floating:
		t.from = min(t.from, max(t.before.offset, offset))
	case t.before.generation == t.cursor.generation:
		if to := (spot{t.cursor.generation, max(t.before.offset, offset)}); to.less(t.cursor) {
			t.excused -= l.count(to, t.cursor)
			t.cursor = to
		}
	}
	t.jumped = false
}

// rewind takes back what arrived, or was jumped over, from to on: all of it is still to come.
func (t *track) rewind(l *logBook, to spot) {
	if !to.less(t.cursor) {
		return
	}
	jumped := len(t.missing)
	t.missing = slices.DeleteFunc(t.missing, func(s spot) bool { return !s.less(to) })
	t.received -= l.count(to, t.cursor) - int64(jumped-len(t.missing))
}

// audit adds what is wrong in the end: records not delivered, up to end where one is demanded.
func (t *track) audit(report *Report, end spot, demanded bool) {
	l := t.book.log(t.at)
	lost := func(s spot) { report.add(Lost, "%v@%d", t.at, s.offset) }
	for _, s := range t.missing {
		lost(s)
	}
	report.Counts[Lost] += t.missingMore
	if !t.started {
		if demanded && l.count(spot{}, end) > 0 {
			report.add(StartUnknown, "%v: nothing arrived and no greeting named it", t.at)
		}
		return
	}
	if t.excused == 0 { // with excused ranges the sum below is not exact: a range may be excused and delivered
		booked := l.count(t.start, t.cursor)
		if late := booked - t.received - int64(len(t.missing)) - t.missingMore; late > 0 {
			report.Counts[Lost] += late - 1
			report.add(Lost, "%v: %d booked only after later ones had arrived", t.at, late)
		}
	}
	if demanded && !t.unplaced {
		l.between(t.cursor, end, func(e entry) bool { lost(e.spot); return true })
	}
}
