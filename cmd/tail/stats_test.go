package tail

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// locked is a buffer that a goroutine may write to meanwhile.
type locked struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

// TestStats: a line a second, with what came in that second.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out locked
		s := startStats(&out)
		for range 20 {
			s.event(500, "")
		}
		time.Sleep(1500 * time.Millisecond) // simulated time
		s.event(500, "")
		time.Sleep(time.Second)
		s.stop()
		want := []string{"20 events/s, 10.0 KB/s, 20 events in all, lag unknown", "1 events/s, 0.5 KB/s, 21 events in all, lag unknown"}
		got := strings.Split(strings.TrimSpace(strings.ReplaceAll(out.String(), "ringcast tail: ", "")), "\n")
		equal(t, "lines", got, want)
	})
}
