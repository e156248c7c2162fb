package replay

import (
	"math/rand/v2"
	"time"
)

// backoff doubles a pause, with jitter: those who failed together shall not come back together.
type backoff struct{ pause time.Duration }

const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

func (b *backoff) next() time.Duration {
	b.pause = min(max(2*b.pause, firstPause), maxPause)
	return b.pause - rand.N(b.pause/4)
}
