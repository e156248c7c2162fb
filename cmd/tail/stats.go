package tail

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ringcast/ringcast/sse/position"
)

// stats prints a line a second about what came.
type stats struct {
	// Set at construction.
	w    io.Writer
	quit chan struct{} // closed by stop
	done chan struct{} // closed by the goroutine

	mu            sync.Mutex
	events, bytes int64     // in all, guarded by mu
	id            string    // of the newest event, guarded by mu
	at            time.Time // when it came, guarded by mu
}

func startStats(w io.Writer) *stats {
	s := &stats{w: w, quit: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *stats) stop() {
	close(s.quit)
	<-s.done
}

func (s *stats) event(size int, id string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events++
	s.bytes += int64(size)
	s.id, s.at = id, now
}

func (s *stats) run() {
	defer close(s.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	var events, bytes int64
	for {
		select {
		case <-s.quit:
			return
		case now := <-tick.C:
			s.mu.Lock()
			e, b, id, at := s.events, s.bytes, s.id, s.at
			s.mu.Unlock()
			seconds := now.Sub(last).Seconds()
			fmt.Fprintf(s.w, "ringcast tail: %.0f events/s, %.1f KB/s, %d events in all, %s\n",
				float64(e-events)/seconds, float64(b-bytes)/seconds/1000, e, lag(id, at))
			last, events, bytes = now, e, b
		}
	}
}

// lag says how old the newest event was when it came, by the newest record time
// in its id.
func lag(id string, at time.Time) string {
	if id == "" {
		return "lag unknown"
	}
	parsed, err := position.Parse([]byte(id))
	if err != nil {
		return "lag unknown"
	}
	newest := int64(0)
	for _, e := range parsed.Entries {
		newest = max(newest, e.Timestamp)
	}
	if newest <= 0 {
		return "lag unknown"
	}
	// An id holds the millisecond after the record's.
	return fmt.Sprintf("lag %.3f s", at.Sub(time.UnixMilli(newest-1)).Seconds())
}
