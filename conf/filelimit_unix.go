//go:build unix

package conf

import (
	"math"
	"syscall"
)

// fileLimit is the hard limit of open files of this process.
func fileLimit() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	if uint64(limit.Max) > math.MaxInt64 {
		return math.MaxInt64 // unlimited
	}
	return int64(limit.Max)
}
