package serve

import (
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/conf"
)

// NewLogger returns the process's logger, writing to w. Its level is one value
// for the process.
func NewLogger(c conf.Log, w io.Writer) zerolog.Logger {
	setLevel(c)
	zerolog.TimeFieldFormat = time.RFC3339Nano
	if c.Format == conf.LogConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

func setLevel(c conf.Log) {
	zerolog.SetGlobalLevel(map[conf.LogLevel]zerolog.Level{
		conf.LogDebug: zerolog.DebugLevel, conf.LogInfo: zerolog.InfoLevel, conf.LogWarn: zerolog.WarnLevel, conf.LogError: zerolog.ErrorLevel,
	}[c.Level])
}
