package sse

import (
	"sync/atomic"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// pump is the one publisher of the ring of several streams: it reads their
// rings and mirrors every entry, by time as far as they are there at once. An
// event shares its bytes with the stream's and has an id of the union. It is
// owned by one goroutine: first that which makes the view, then its own.
type pump struct {
	srv   *Server
	view  *view
	ring  *ringbuf.Ring // of the view
	ids   *position.Encoder
	id    []byte // scratch
	feeds []*feed
	merge merge
	c     chan struct{} // a stream's ring moved

	// A batch is an eighth of the ring at most. After as much the readers are
	// looked for: none may be more than half of the ring behind, so that all
	// stay in it until the next look.
	events int
	bytes  int64
	since  struct { // published since the last look
		events int
		bytes  int64
	}
	parts  int       // partitions that have an index
	filled bool      // every stream has a position, and so has the view
	large  bool      // the batch before was one large event
	told   time.Time // when a loss was logged last
}

// feed is the ring of one stream as the pump reads it.
type feed struct {
	stream *view
	ring   *ringbuf.Ring
	waker  *ringbuf.Waker
	next   uint64         // sequence to be mirrored next
	entry  *ringbuf.Entry // of next, in a merge
	parts  []int          // index in the view's ring by that in the stream's; -1: read from another stream

	taken atomic.Uint64 // sequence mirrored last; stored by the pump
	warm  warmth
}

func newPump(s *Server, v *view) *pump {
	events, bytes := v.Ring.Bounds()
	p := &pump{srv: s, view: v, ring: v.Ring, ids: v.newEncoder(), c: make(chan struct{}, 1),
		events: max(1, events/8), bytes: bytes / 8}
	for _, stream := range v.streams {
		p.feeds = append(p.feeds, &feed{stream: stream, ring: stream.Ring, waker: ringbuf.NewWaker(p.c)})
	}
	return p
}

// start fills the view's ring, as far as the streams have anything.
func (p *pump) start() {
	warm := make([]bool, len(p.feeds))
	for i, f := range p.feeds {
		warm[i] = f.stream.Source.Warm()
		f.ring.Attach(f.waker)
	}
	p.round()
	for i, f := range p.feeds {
		f.warm.is.Store(warm[i] && p.filled)
	}
}

// run mirrors what arrives until the view has no clients any more.
func (p *pump) run() {
	defer p.stop()
	for {
		select {
		case <-p.c:
		case <-p.view.shared.gone:
			return
		case <-p.srv.ctx.Done():
			return
		}
		for _, f := range p.feeds {
			f.waker.Take()
		}
		p.round()
	}
}

// stop ends what start began.
func (p *pump) stop() {
	for _, f := range p.feeds {
		f.ring.Detach(f.waker)
	}
}

// round mirrors all that has arrived, in batches. What a stream's ring has
// evicted before it was read is never passed over: the view's ring begins anew,
// without anybody in it.
func (p *pump) round() {
	for !p.view.dropped() {
		if !p.filled && !p.fill() {
			return
		}
		if lost := p.look(); lost != nil {
			if now := time.Now(); now.Sub(p.told) > time.Second {
				p.told = now
				p.srv.log.Warn().Str("stream", lost.stream.Name).Str("view", p.view.Name).Uint64("position", lost.next).Uint64("oldest", lost.ring.Tail()).
					Msg("view fell out of the ring of a stream: it is too small, or the processor too busy")
			}
			p.filled = false
			continue
		}
		first := p.merge.first()
		if first == nil {
			return
		}
		if all := p.large || first.entry.Size() > p.bytes; all || p.since.events >= p.events || p.since.bytes >= p.bytes {
			p.wait(all)
			p.since.events, p.since.bytes = 0, 0
		}
		p.batch()
	}
}

// look finds what every stream has next. It returns one that has evicted it.
func (p *pump) look() (lost *feed) {
	for _, f := range p.feeds {
		if !f.load() {
			return f
		}
	}
	p.merge.reset(p.feeds)
	return nil
}

// load looks for the next entry of a stream; false: it has been evicted.
func (f *feed) load() bool {
	head := f.ring.Head()
	if f.entry = nil; f.next <= head {
		f.entry = f.ring.At(f.next)
	}
	return f.entry != nil || f.next > head
}

// batch mirrors what there is, up to an eighth of the ring or one entry, and
// wakes the readers.
func (p *pump) batch() {
	bytes, n := int64(0), 0
	for ; n < p.events; n++ {
		f := p.merge.first()
		if f == nil {
			break
		}
		size := f.entry.Size() + int64(len(p.id)) // the next id is about as long
		if n > 0 && bytes+size > p.bytes {
			break
		}
		bytes += size
		p.mirror(f, f.entry)
		f.taken.Store(f.next)
		f.next++
		f.load() // if the next one is gone, look will find it
		p.merge.moved()
	}
	p.large = bytes > p.bytes
	p.since.events += n
	p.since.bytes += bytes
	p.ring.Flush()
	p.ring.Wake()
}

// paceStep is between two looks at the readers that are waited for.
const paceStep = 200 * time.Microsecond

// wait gives the readers of the view time to come nearer, or to take everything
// if all is set. What arrives meanwhile waits in the streams' rings.
func (p *pump) wait(all bool) {
	for begun := time.Now(); p.view.pace.behind(p.ring, time.Since(begun), all) && !p.view.dropped(); {
		time.Sleep(paceStep)
	}
}
