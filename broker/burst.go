package broker

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// burst lets so many lines pass in each period. zerolog's own sampler goes by
// the clock of the machine: set back by an hour, it is silent for one.
type burst struct {
	most   int
	period time.Duration

	mu    sync.Mutex
	begun time.Time // of the period, guarded by mu
	lines int       // in it, guarded by mu
}

// Sample reports whether a line is written.
func (b *burst) Sample(zerolog.Level) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun.IsZero() || time.Since(b.begun) >= b.period {
		b.begun, b.lines = time.Now(), 0
	}
	b.lines++
	return b.lines <= b.most
}
