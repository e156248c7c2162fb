package sse

import "github.com/ringcast/ringcast/ringbuf"

// mirror publishes what an entry of a stream says in the view's ring. What only
// moves positions goes with the next event, or with the end of the batch.
func (p *pump) mirror(f *feed, e *ringbuf.Entry) {
	if e.Kind == ringbuf.Epoch {
		p.epoch(f, e)
		return
	}
	if !e.Alone() {
		p.sync(f, e)
	}
	if e.Part < 0 || f.parts[e.Part] < 0 {
		return
	}
	part := f.parts[e.Part]
	var err error
	switch e.Kind {
	case ringbuf.Event:
		v := p.ring.Position()
		p.id = p.ids.Append(p.id[:0], v, part, ringbuf.Pos{Next: e.Offset + 1, Time: max(v.Pos[part].Time, e.Time)})
		w := e.Wire
		w.ID = string(p.id)
		err = p.ring.Publish(part, e.Offset, e.Time, w)
	case ringbuf.Gap:
		err = p.ring.PublishGap(part, e.Offset+1, e.Wire)
	}
	if err != nil {
		panic("BUG: cannot mirror an entry: " + err.Error())
	}
}

// sync brings to the view what an entry of a stream did beside its own record:
// partitions found, epochs that have become known, offsets without a record.
func (p *pump) sync(f *feed, e *ringbuf.Entry) {
	v := e.Vector()
	for i, k := range v.Keys {
		if i == len(f.parts) {
			p.add(f, e, i, v)
		}
		part := f.parts[i]
		if part < 0 {
			continue
		}
		if p.ring.Position().Keys[part].Epoch != k.Epoch {
			p.ring.Retag(part, k.Epoch)
		}
		if i != int(e.Part) {
			p.ring.Advance(part, v.Pos[i].Next)
		}
	}
}

// add makes the view follow partition i of a stream, which came with e, from
// where the stream does. v is the position after e.
func (p *pump) add(f *feed, e *ringbuf.Entry, i int, v ringbuf.Vector) {
	part := p.newPart(f, v.Keys[i])
	if f.parts = append(f.parts, part); part < 0 {
		return
	}
	at, lowTime := f.ring.Floor(i, 0)
	if at = min(at, v.Pos[i].Next); i == int(e.Part) && e.Kind == ringbuf.Event {
		at = min(at, e.Offset)
	}
	if p.ring.Add(v.Keys[i], ringbuf.Pos{Next: at, Time: ringbuf.NoTime}, lowTime) != part {
		panic("BUG: partitions of a view out of order")
	}
}

// epoch mirrors an entry after which partitions of a stream are further back.
func (p *pump) epoch(f *feed, e *ringbuf.Entry) {
	before, after := e.Before(), e.Vector()
	var moves []ringbuf.Move
	for i, k := range after.Keys[:len(before.Keys)] {
		// An epoch that has become known is no other one.
		if pos := after.Pos[i]; f.parts[i] >= 0 && (pos.Next < before.Pos[i].Next || match(before.Keys[i].Epoch, k.Epoch) != sameEpoch) {
			_, lowTime := f.ring.Floor(i, 0)
			moves = append(moves, ringbuf.Move{Part: f.parts[i], Epoch: k.Epoch, At: pos, LowTime: lowTime})
		}
	}
	if len(moves) > 0 {
		p.ring.PublishMoves(moves, e.Wire)
	}
	p.sync(f, e)
}
