//go:build unix

package serve

import (
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// TestFileLimit: clients are not refused for a soft limit that may be raised.
func TestFileLimit(t *testing.T) {
	var before, after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	low := before
	low.Cur = min(before.Cur, 512)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }()
	raiseFileLimit(zerolog.Nop())
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &after); err != nil {
		t.Fatal(err)
	}
	if after.Cur != before.Max {
		t.Errorf("the limit is %d, want %d", after.Cur, before.Max)
	}
}
