package conf

import (
	"math"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	f := func(in string, want int64) {
		t.Helper()
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	f("0", 0)
	f("1", 1)
	f("4096", 4096)
	f("1KB", 1000)
	f("1MB", 1000_000)
	f("2GB", 2000_000_000)
	f("1KiB", 1024)
	f("64MiB", 64<<20)
	f("3GiB", 3<<30)
	f("0MiB", 0)
	f("9223372036854775807", math.MaxInt64)

	bad := func(in string) {
		t.Helper()
		if got, err := parseSize(in); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", in, got)
		}
	}
	for _, in := range []string{"", "KB", "-1", "+1", "1.5KB", "1 KB", "1kb", "1K", "1TiB", "1B", "0x10", "1_000", "٣", "9223372036854775808", "9007199254740992KiB", "1KiBKiB"} {
		bad(in)
	}
}

func TestFormatSizeReadsBack(t *testing.T) {
	f := func(n int64, want string) {
		t.Helper()
		got := formatSize(n)
		if back, err := parseSize(got); got != want || err != nil || back != n {
			t.Errorf("formatSize(%d) = %q (%d, %v), want %q", n, got, back, err, want)
		}
	}
	f(0, "0")
	f(1023, "1023")
	f(1024, "1KiB")
	f(1025, "1025")
	f(1536*1024, "1536KiB")
	f(64<<20, "64MiB")
	f(1<<40, "1024GiB")
}

func TestParseDuration(t *testing.T) {
	f := func(in string, want time.Duration) {
		t.Helper()
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	f("0", 0)
	f("0s", 0)
	f("0d", 0)
	f("15s", 15*time.Second)
	f("1h30m", 90*time.Minute)
	f("1.5h", 90*time.Minute)
	f("7d", 168*time.Hour)
	f("1d12h", 36*time.Hour)
	f("0.5d", 12*time.Hour)
	f("12h1d", 36*time.Hour)
	f("1d1d", 48*time.Hour)
	f("1d2h3m4s5ms", 26*time.Hour+3*time.Minute+4*time.Second+5*time.Millisecond)
	f("-5s", -5*time.Second)

	bad := func(in string) {
		t.Helper()
		if got, err := parseDuration(in); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", in, got)
		}
	}
	for _, in := range []string{"", "15", "d", "1w", "1d2", "-1d", "1d-5h", "1d+5h", "1dd", "1.2.3d", "1 d", "d1", "1d ", "h1d", "1e3d", "106752d", "106751d24h", "9999999999h"} {
		bad(in)
	}
}

func TestFormatDurationReadsBack(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		got := formatDuration(d)
		if back, err := parseDuration(got); got != want || err != nil || back != d {
			t.Errorf("formatDuration(%v) = %q (%v, %v), want %q", d, got, back, err, want)
		}
	}
	f(0, "0s")
	f(15*time.Second, "15s")
	f(time.Minute, "1m")
	f(10*time.Minute, "10m")
	f(time.Hour, "1h")
	f(10*time.Hour, "10h")
	f(time.Hour+time.Second, "1h0m1s")
	f(1500*time.Millisecond, "1.5s")
	f(math.MaxInt64, "2562047h47m16.854775807s")
}
