package conf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
	gib = int64(1) << 30

	day = 24 * time.Hour
)

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", gib}, {"MiB", mib}, {"KiB", kib},
	{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
}

var (
	errSize     = errors.New("is no size")
	errDuration = errors.New("is no duration")
	errTooLarge = errors.New("is too large")
)

// parseSize reads bytes as digits with or without a unit: KB, MB and GB are
// powers of ten, KiB, MiB and GiB powers of two.
func parseSize(s string) (int64, error) {
	digits, unit := s, int64(1)
	for _, u := range sizeUnits {
		if d, ok := strings.CutSuffix(s, u.name); ok {
			digits, unit = d, u.bytes
			break
		}
	}
	if strings.Trim(digits, "0123456789") != "" || digits == "" {
		return 0, errSize
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, errTooLarge
	}
	return n * unit, nil
}

// formatSize is the shortest exact form that parseSize reads.
func formatSize(n int64) string {
	for _, u := range sizeUnits[:3] {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// roundSize is for people: three digits and a unit.
func roundSize(n int64) string {
	for _, u := range sizeUnits[:3] {
		if n >= u.bytes {
			return fmt.Sprintf("%.3g%s", math.Min(float64(n)/float64(u.bytes), 999e6), u.name)
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// parseDuration reads Go's durations with days besides: "1d12h", "1.5d".
func parseDuration(s string) (time.Duration, error) {
	var sum time.Duration
	rest := s
	for {
		number, tail, ok := strings.Cut(rest, "d")
		if !ok {
			break
		}
		// What stands before a d is one number, or Go's part of a duration and
		// the number: "12h1d".
		start := strings.LastIndexFunc(number, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) + 1
		days, err := strconv.ParseFloat(number[start:], 64)
		if err != nil {
			return 0, errDuration
		}
		if days > float64(math.MaxInt64/day) {
			return 0, errTooLarge
		}
		if sum, err = addDuration(sum, time.Duration(days*float64(day))); err != nil {
			return 0, err
		}
		rest = number[:start] + tail
		if rest == "" {
			return sum, nil
		}
	}
	if rest != s && strings.Trim(rest, "0123456789.") == "" {
		return 0, errDuration // "1d0": a number without a unit
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, errDuration
	}
	if rest != s && (rest[0] == '+' || rest[0] == '-') {
		return 0, errDuration
	}
	return addDuration(sum, d)
}

func addDuration(a, b time.Duration) (time.Duration, error) {
	if b > 0 && a > math.MaxInt64-b {
		return 0, errTooLarge
	}
	return a + b, nil
}

// formatDuration is Go's form without units that are zero: "15m", not "15m0s".
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
