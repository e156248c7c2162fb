package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// traceLines is how much of a seed's story is kept for a failure.
const traceLines = 400

// trace is the story of a seed: what was done, and what the servers logged,
// with the simulated time since the beginning.
type trace struct {
	began time.Time

	mu    sync.Mutex
	lines []string // the newest ones, guarded by mu
}

func (t *trace) add(format string, args ...any) {
	line := fmt.Sprintf("%12v  ", time.Since(t.began).Round(time.Millisecond)) + fmt.Sprintf(format, args...)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == 2*traceLines {
		t.lines = append(t.lines[:0], t.lines[traceLines:]...)
	}
	t.lines = append(t.lines, line)
}

// String returns the lines kept.
func (t *trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines[max(0, len(t.lines)-traceLines):], "\n")
}

// logger is one whose lines go into the trace, but for those that were there a
// moment before.
func (t *trace) logger(who string) zerolog.Logger {
	return zerolog.New(&traceWriter{t: t, who: who, last: map[string]time.Time{}}).Level(zerolog.InfoLevel)
}

// again is how long the same message is not repeated in a trace.
const again = 10 * time.Second

type traceWriter struct {
	t   *trace
	who string

	mu   sync.Mutex
	last map[string]time.Time // by message, guarded by mu
}

// Write implements io.Writer.
func (w *traceWriter) Write(b []byte) (int, error) {
	var line struct{ Message, Error, Level string }
	if err := json.Unmarshal(b, &line); err != nil {
		return 0, err
	}
	w.mu.Lock()
	said := time.Since(w.last[line.Message]) < again && line.Level == "warn"
	if !said {
		w.last[line.Message] = time.Now()
	}
	w.mu.Unlock()
	if !said {
		w.t.add("%s %.300s", w.who, bytes.TrimSpace(b))
	}
	return len(b), nil
}
