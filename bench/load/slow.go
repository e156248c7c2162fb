//go:build linux

package load

import "time"

// slowTurn is how often slow clients read, unless that were less than a byte.
const slowTurn = 50 * time.Millisecond

// runSlow is run for clients that read rate bytes a second each, whatever waits for them.
func (w *worker) runSlow(stop <-chan struct{}, rate int) {
	defer w.close()
	every, share := pace(rate)
	turn := time.NewTicker(every)
	defer turn.Stop()
	for {
		select {
		case <-stop:
			return
		case <-turn.C:
		}
		w.turn(share)
	}
}

// hello is what a slow client may read at once to begin with, in bytes: about a response header and a greeting.
const hello = 1 << 10

// pace returns how often a client that reads rate bytes a second reads how many.
func pace(rate int) (every time.Duration, share int) {
	if share = rate * int(slowTurn) / int(time.Second); share > 0 {
		return slowTurn, share
	}
	return time.Second / time.Duration(rate), 1
}

// runLate is run for clients that leave what arrives for a while, and then read all of it.
func (w *worker) runLate(stop <-chan struct{}, late time.Duration) {
	defer w.close()
	turn := time.NewTicker(late)
	defer turn.Stop()
	for {
		select {
		case <-stop:
			return
		case <-turn.C:
		}
		w.mu.Lock()
		for _, c := range w.clients {
			w.read(c, readSize)
		}
		w.mu.Unlock()
	}
}

// turn reads share bytes more from each client, if they are there.
func (w *worker) turn(share int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clients {
		// What nobody offered is not caught up on at once.
		c.budget = max(c.budget, min(c.budget+share, 4*share))
		c.budget -= w.read(c, min(c.budget, readSize))
	}
}
