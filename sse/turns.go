package sse

import "runtime"

// turns are held by those that encode and write a client's own bytes: of a
// thousand that catch up few run at a time, so that the shards find a processor.
type turns chan struct{}

// newTurns leaves half of the processors free.
func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// take waits for a turn and does work in it, which must not wait for a client.
func (t turns) take(work func()) {
	t <- struct{}{}
	defer func() { <-t }() // also after a panic, which ends one client only
	work()
}
