package ringbuf

// Restart has the ring begin anew at other positions, after entries were lost
// on their way to it: partition i is keys[i] and goes on from at[i], and
// lowTimes[i] is what it is for Add. keys may have more partitions than before
// and other epochs, but not another order. Everything before is evicted, and one
// sequence is left out, so that a reader that had taken all of it finds itself
// out of the ring like every other. The entry is an Epoch without a notice: a
// position may be lower after it. Publisher only.
func (r *Ring) Restart(keys []Key, at []Pos, lowTimes []int64) {
	if len(keys) < len(r.keys) || len(at) != len(keys) || len(lowTimes) != len(keys) {
		panic("BUG: a ring that restarts with fewer partitions")
	}
	r.evictAll()
	fresh := make([]floor, len(keys))
	for i := range fresh {
		fresh[i].next.Store(at[i].Next)
		fresh[i].time.Store(lowTimes[i])
	}
	r.floors.Store(&fresh)
	r.keys = append([]Key(nil), keys...)
	r.pos = append([]Pos(nil), at...)
	r.dirty = true
	// Readers hold sequences up to head, and what follows head must not be
	// there for them: tail goes behind the hole before head does.
	seq := r.head.Load() + 2
	r.tail.Store(seq)
	r.put(seq, Epoch, -1, -1, NoTime, Wire{})
}
