package sse

import (
	"math"
	"time"
)

// The clock of the machine may be set while streams last. It is asked, through
// Config.Now, only when a request comes and only for what is compared with times
// of others: tokens, records, `since`. Whatever lasts is counted by the monotonic
// clock: heartbeats, ages, deadlines, and what is left of a token.

// steadyAt is what a clock says at a reading of time.Now that agreed with the
// machine's when the server started and was never set.
func (s *Server) steadyAt(t time.Time) time.Time { return s.begun.Add(t.Sub(s.started)) }

// steadyEnd is when a token ends by the steady clock, Unix seconds: it lasts as
// long from now as the machine's clock says now. 0 is none, in both.
func (s *Server) steadyEnd(expires uint32) uint32 {
	if expires == 0 {
		return 0
	}
	set := s.steadyAt(time.Now()).Sub(s.cfg.Now()).Round(time.Second) / time.Second
	return uint32(min(max(int64(expires)+int64(set), 1), math.MaxUint32))
}
