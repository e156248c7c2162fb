//go:build unix

package serve

import (
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// raiseFileLimit raises the limit of open files to its hard maximum.
func raiseFileLimit(log zerolog.Logger) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		log.Warn().Err(err).Msg("cannot read the limit of open files")
		return
	}
	if l.Cur >= l.Max {
		return
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		log.Warn().Err(err).Uint64("hard_limit", uint64(l.Max)).Msg("cannot raise the limit of open files")
	}
}
