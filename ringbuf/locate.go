package ringbuf

import "sort"

// Locate finds where a reader has to begin that wants the records from want[i]
// on of every partition i. Everything it wants has a sequence of at least seq;
// seq is Head+1 when there is nothing. ok is false when something it wants, or
// may want, is no longer in the ring. Partitions beyond want are not looked at.
func (r *Ring) Locate(want []int64) (seq uint64, ok bool) {
	for {
		floors := r.floors.Load()
		newest := r.Newest()
		if newest == nil || len(want) > len(*floors) {
			return 0, false
		}
		seq = newest.Seq + 1
		tail := r.tail.Load()
		for p, next := range want {
			seq = min(seq, r.search(tail, newest.Seq, func(e *Entry) bool { return e.At(p).Next > next }))
		}
		// The floors come last: whatever was evicted before this line has
		// raised them already, so what they do not show was there to be found.
		ok = true
		for p, next := range want {
			ok = ok && next >= (*floors)[p].next.Load()
		}
		if r.floors.Load() == floors {
			return seq, ok
		}
	}
}

// LocateTime finds the first record of a partition with a record time of at
// least ms (Unix milliseconds), as Kafka's ListOffsets does: by offset, whatever
// the times after it are. The entry is nil when no record is that new. ok is
// false when an older one that is no longer in the ring might be the answer.
func (r *Ring) LocateTime(part int, ms int64) (e *Entry, ok bool) {
	for {
		floors := r.floors.Load()
		newest := r.Newest()
		if newest == nil || part >= len(*floors) {
			return nil, false
		}
		// Times in a vector are running maxima, so they can be searched.
		seq := r.search(r.tail.Load(), newest.Seq, func(e *Entry) bool { return e.At(part).Time >= ms })
		e = nil
		if seq <= newest.Seq {
			if e = r.At(seq); e == nil {
				continue // evicted meanwhile
			}
		}
		if e != nil && int(e.Part) != part {
			// A time that came with Add or an epoch is that of a record this ring
			// never had, and hides how the times rise from there.
			for e = r.Record(part, (*floors)[part].next.Load()); e != nil && e.Time < ms; {
				e = r.Record(part, e.Offset+1)
			}
		}
		ok = ms > (*floors)[part].time.Load()
		if r.floors.Load() == floors {
			return e, ok
		}
	}
}

// search returns the lowest sequence in [low, high] for which f holds, high+1
// if there is none. f must be monotonic; entries that are gone count as below.
func (r *Ring) search(low, high uint64, f func(*Entry) bool) uint64 {
	n := sort.Search(int(high+1-min(low, high+1)), func(i int) bool {
		e := r.At(low + uint64(i))
		return e != nil && f(e)
	})
	return low + uint64(n)
}

// Record returns the first record of a partition at or above an offset, nil
// when there is none in the ring.
func (r *Ring) Record(part int, offset int64) *Entry {
	newest := r.Newest()
	if newest == nil {
		return nil
	}
	seq := r.search(r.tail.Load(), newest.Seq, func(e *Entry) bool { return e.At(part).Next > offset })
	for ; seq <= newest.Seq; seq++ {
		// What moved the partition may have been an advance.
		if e := r.At(seq); e != nil && e.Kind == Event && int(e.Part) == part {
			return e
		}
	}
	return nil
}

// First returns the lowest offset of a partition that a reader of this ring
// can begin at. ok is false when older records may exist elsewhere.
func (r *Ring) First(part int) (offset int64, ok bool) {
	floors := *r.floors.Load()
	if part >= len(floors) {
		return 0, false
	}
	return floors[part].next.Load(), floors[part].time.Load() == NoTime
}

// Floor returns what a ring that began with seq would lack of a partition: the
// lowest offset that could be read from it, and the largest time a record below
// may have, Unix milliseconds, as Add takes them. NoTime: there is none below.
// With seq 0 it is what this ring itself lacks.
func (r *Ring) Floor(part int, seq uint64) (next, lowTime int64) {
	next, lowTime = -1, NoTime
	if last := r.At(seq - 1); last != nil {
		next, lowTime = r.lastRecord(part, last)
	}
	// The floors come last: they show whatever was evicted meanwhile.
	if floors := *r.floors.Load(); part < len(floors) {
		f := &floors[part]
		next, lowTime = max(next, f.next.Load()), max(lowTime, f.time.Load())
	}
	return next, lowTime
}

// lastRecord returns the offset behind the newest record of a partition, or the
// newest gap, up to the entry last, and the largest record time up to there; -1
// and NoTime when the ring has none.
func (r *Ring) lastRecord(part int, last *Entry) (next, ms int64) {
	for pos := last.At(part); ; {
		// The entry that brought the partition to pos.
		seq := r.search(r.tail.Load(), last.Seq, func(e *Entry) bool { return e.At(part).Next >= pos.Next })
		e := r.At(seq)
		if e == nil || seq > last.Seq {
			return -1, NoTime // evicted: the floors tell
		}
		if int(e.Part) == part {
			// Above NoTime also for a record without a time, as in evict.
			return e.Offset + 1, max(last.At(part).Time, NoTime+1)
		}
		before := e.block.at(int(e.index), part)
		if before.Next < 0 || before.Next >= pos.Next {
			return -1, NoTime // it came with Add, with an epoch, or from before the tail
		}
		pos = before // an advance
	}
}
