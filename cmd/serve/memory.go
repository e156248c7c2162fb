package serve

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/conf"
)

// setGoLimits sets the collector's limits from the configuration, unless the
// environment does.
func setGoLimits(cfg *conf.Config, log zerolog.Logger) {
	memory, percent := cfg.GoLimits()
	if os.Getenv("GOMEMLIMIT") == "" && memory > 0 && memory < math.MaxInt64 {
		debug.SetMemoryLimit(memory)
	}
	if os.Getenv("GOGC") == "" && percent > 0 {
		debug.SetGCPercent(percent)
	}
	log.Debug().Int64("gomemlimit", memory).Int("gogc", percent).Msg("memory limits")
}
