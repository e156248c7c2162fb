package sse

import "time"

// alive reports whether every shard has turned its loop within d.
func (s *Server) alive(d time.Duration) bool {
	oldest := int64(time.Since(s.started) - d)
	for _, sh := range s.shards {
		if sh.turned.Load() < oldest {
			return false
		}
	}
	return true
}
