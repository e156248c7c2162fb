package serve

import (
	"runtime/debug"
	"testing"

	"github.com/rs/zerolog"
)

// TestGoLimits: the collector knows what the configuration may take, unless the
// operator has told it otherwise.
func TestGoLimits(t *testing.T) {
	memory, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() {
		debug.SetMemoryLimit(memory)
		debug.SetGCPercent(percent)
	}()
	cfg := config(t, away, "", "")
	wantMemory, wantPercent := cfg.GoLimits()
	f := func(name, environment string, wantMemory int64, wantPercent int) {
		t.Helper()
		const before = 1 << 40
		debug.SetMemoryLimit(before)
		debug.SetGCPercent(77)
		t.Setenv("GOMEMLIMIT", environment)
		t.Setenv("GOGC", environment)
		setGoLimits(cfg, zerolog.Nop())
		if wantMemory == 0 {
			wantMemory = before
		}
		if m, p := debug.SetMemoryLimit(-1), debug.SetGCPercent(77); m != wantMemory || p != wantPercent {
			t.Errorf("%s: limits are %d and %d, want %d and %d", name, m, p, wantMemory, wantPercent)
		}
	}
	f("from the configuration", "", wantMemory, wantPercent)
	f("from the environment", "off", 0, 77)
}
