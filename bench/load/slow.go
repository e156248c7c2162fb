//go:build linux

package load

import "time"

// slowTurn is how often slow clients read.
const slowTurn = 50 * time.Millisecond

// runSlow is run for clients that read rate bytes a second each, whatever waits for them.
func (w *worker) runSlow(stop <-chan struct{}, rate int) {
	defer w.close()
	turn := time.NewTicker(slowTurn)
	defer turn.Stop()
	share := max(1, rate*int(slowTurn)/int(time.Second))
	for {
		select {
		case <-stop:
			return
		case <-turn.C:
		}
		w.turn(share)
	}
}

// turn reads share bytes more from each client, if they are there.
func (w *worker) turn(share int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clients {
		// What nobody offered is not caught up on at once.
		c.budget = min(c.budget+share, 4*share)
		c.budget -= w.read(c, min(c.budget, readSize))
	}
}
