package sse

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
)

// pace is how far those have come who read a view's ring. The ring of several
// streams is small, and what arrives at once may be more than it holds; the
// pump has the streams' rings to wait in, its readers have only this one.
type pace struct {
	mu      sync.Mutex
	readers map[*reader]struct{} // guarded by mu

	writePatience time.Duration // set at construction
}

// reader is one of them: the clients of a shard that are level with each
// other, or a follower.
type reader struct {
	at      atomic.Uint64 // sequence taken last
	writing atomic.Bool   // perhaps waiting for its client
}

const (
	// patienceOfPump is what the pump has with a reader at a time: more than a turn
	// of a busy shard.
	patienceOfPump = time.Second
	// writePatience is short: nobody's client may hold up the others.
	writePatience = 20 * time.Millisecond
)

func (p *pace) join(r *reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readers == nil {
		p.readers = make(map[*reader]struct{})
	}
	p.readers[r] = struct{}{}
}

func (p *pace) leave(r *reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.readers, r)
}

// behind reports whether a reader is to be waited for, after so much time: one
// that might fall out of the ring or, if all is set, has not taken everything.
// One that is out is not.
func (p *pace) behind(ring *ringbuf.Ring, waited time.Duration, all bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	head, tail := ring.Head(), ring.Tail()
	for r := range p.readers {
		next, patience := r.at.Load()+1, patienceOfPump
		if r.writing.Load() {
			patience = p.writePatience
		}
		if waited < patience && next >= tail && next <= head && (all || mayFallOut(ring, next)) {
			return true
		}
	}
	return false
}

// mayFallOut reports whether a sequence that is needed next is in the older
// half of a ring that is about to evict.
func mayFallOut(ring *ringbuf.Ring, next uint64) bool {
	head, tail := ring.Head(), ring.Tail()
	events, bytes := ring.Bounds()
	full := 4*(head+1-tail) >= 3*uint64(events) || ring.Bytes() >= bytes/4*3
	return full && next < tail+(head+1-tail)/2
}
