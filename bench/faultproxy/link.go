package faultproxy

import (
	"sync"
	"time"
)

// link is one direction of all connections together.
type link struct {
	mu   sync.Mutex
	free time.Time // when what was sent before has passed
}

// send gives n bytes their turn and returns when they will have passed.
func (l *link) send(n, bandwidth int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.free.Before(now) || bandwidth == 0 {
		l.free = now
	}
	if bandwidth > 0 {
		l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(bandwidth))
	}
	return l.free
}
