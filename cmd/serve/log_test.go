package serve

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ringcast/ringcast/conf"
)

// TestLogger: lines of the configured level and above, in the configured form.
func TestLogger(t *testing.T) {
	f := func(level conf.LogLevel, lines int) {
		t.Helper()
		var out bytes.Buffer
		log := NewLogger(conf.Log{Level: level, Format: conf.LogJSON}, &out)
		log.Debug().Msg("m")
		log.Info().Msg("m")
		log.Warn().Msg("m")
		log.Error().Int("n", 7).Msg("m")
		got := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(got) != lines {
			t.Errorf("level %v: %d lines, want %d", level, len(got), lines)
		}
		var line struct {
			Level, Message string
			Time           time.Time
			N              int
		}
		if err := json.Unmarshal([]byte(got[len(got)-1]), &line); err != nil || line.Level != "error" || line.Message != "m" || line.N != 7 || line.Time.IsZero() {
			t.Errorf("%v: %q", err, got[len(got)-1])
		}
	}
	f(conf.LogDebug, 4)
	f(conf.LogInfo, 3)
	f(conf.LogWarn, 2)
	f(conf.LogError, 1)

	var out bytes.Buffer
	log := NewLogger(conf.Log{Level: conf.LogInfo, Format: conf.LogConsole}, &out)
	log.Info().Int("n", 7).Msg("for people")
	if s := out.String(); !strings.Contains(s, "for people") || strings.HasPrefix(s, "{") {
		t.Errorf("console: %q", s)
	}
}
