package sse

import "github.com/ringcast/ringcast/ringbuf"

// fill begins the view's ring with the newest part of the streams' rings that
// fits, so that it can serve what they can. It reports false, and has done
// nothing, while a stream has no position: an id of the union would lack its
// partitions.
func (p *pump) fill() bool {
	for {
		if !p.choose() {
			return false
		}
		var b beginning
		ok := true
		for _, f := range p.feeds {
			ok = ok && b.add(p, f)
		}
		if ok {
			p.ring.Restart(b.keys, b.floor, b.lowTime)
			for part, next := range b.next {
				p.ring.Advance(part, next)
			}
			p.ring.Flush()
			for _, f := range p.feeds {
				f.taken.Store(f.next - 1)
			}
			p.filled = true
			return true
		}
	}
}

// choose finds where to begin in every stream: as far back as the bounds of
// the view's ring allow, at about the same time everywhere.
func (p *pump) choose() bool {
	idSize := int64(0)
	for _, f := range p.feeds {
		newest := f.ring.Newest()
		if newest == nil {
			return false
		}
		f.next, f.entry = newest.Seq+1, newest
		idSize += int64(len(f.stream.idOf(newest)))
	}
	events, bytes := p.ring.Bounds()
	back := merge{newest: true}
	back.reset(p.feeds)
	for f := back.first(); f != nil && events > 0; f = back.first() {
		if bytes -= f.entry.Size() + idSize; bytes < 0 {
			break
		}
		// An epoch is the oldest entry of its ring: nothing before it counts.
		if f.entry.Kind == ringbuf.Epoch {
			f.entry = nil
		} else {
			f.next = f.entry.Seq
			f.entry = f.ring.At(f.next - 1)
			events--
		}
		back.moved()
	}
	return true
}

// beginning is where the view's ring begins, by its partitions.
type beginning struct {
	keys    []ringbuf.Key
	floor   []ringbuf.Pos // from here on nothing is lacking
	lowTime []int64
	next    []int64 // of the first entry
}

// add adds the partitions of one stream, from the entry f.next on. It reports
// false when the stream's ring has evicted that meanwhile.
func (b *beginning) add(p *pump, f *feed) bool {
	newest := f.ring.Newest()
	var begin ringbuf.Vector
	if e := f.ring.At(f.next); e != nil {
		begin = e.Before()
	} else if e := f.ring.At(f.next - 1); e != nil {
		begin = e.Vector()
	} else {
		return false
	}
	keys := newest.Keys()[:max(len(begin.Keys), len(f.parts))]
	for i, k := range keys {
		if i == len(f.parts) {
			f.parts = append(f.parts, p.newPart(f, k))
		}
		part := f.parts[i]
		if part < 0 {
			continue
		}
		floor, lowTime := f.ring.Floor(i, f.next)
		at := ringbuf.Pos{Next: floor, Time: ringbuf.NoTime}
		next := floor
		if i < len(begin.Keys) {
			k, next = begin.Keys[i], begin.Pos[i].Next
			at = ringbuf.Pos{Next: min(floor, next), Time: begin.Pos[i].Time}
		}
		b.set(part, k, at, max(lowTime, at.Time), next)
	}
	// What was read of the floors belongs to begin only if nothing from there
	// on has been evicted, and no epoch has come between.
	if e := f.ring.At(f.next); e != nil {
		return e.Kind != ringbuf.Epoch
	}
	return f.ring.At(f.next-1) != nil
}

// set places one partition.
func (b *beginning) set(part int, k ringbuf.Key, floor ringbuf.Pos, lowTime, next int64) {
	for len(b.keys) <= part {
		b.keys, b.floor = append(b.keys, ringbuf.Key{}), append(b.floor, ringbuf.Pos{})
		b.lowTime, b.next = append(b.lowTime, 0), append(b.next, 0)
	}
	b.keys[part], b.floor[part], b.lowTime[part], b.next[part] = k, floor, lowTime, next
}

// newPart returns the index of a stream's partition in the view's ring, -1 if
// its topic is read from another stream.
func (p *pump) newPart(f *feed, k ringbuf.Key) int {
	if p.view.topics[k.Topic] != f.stream {
		return -1
	}
	p.parts++
	return p.parts - 1
}
