package position

import (
	"strconv"
	"strings"
	"time"
)

// ParseSince reads a since parameter: RFC 3339, RFC 1123, or Unix milliseconds.
// It returns Unix milliseconds not below 0, since negative times have other
// meanings to Kafka. ok is false when s is empty, which is the same as not
// given. The error is an *Error.
func ParseSince(s string) (ms int64, ok bool, err error) {
	if s == "" {
		return 0, false, nil
	}
	if strings.Trim(s, "0123456789") == "" {
		ms, err = parseMillis(s)
		return ms, err == nil, err
	}
	t, known := parseTime(s)
	if !known {
		return 0, false, refuse("cannot read since %s: want a time such as 2026-01-31T12:00:00Z, or Unix milliseconds", show(s))
	}
	return max(0, t.UnixMilli()), true, nil
}

// parseMillis reads digits. As milliseconds, 8 to 11 of them are a time before
// March 1973, which nobody means.
func parseMillis(s string) (int64, error) {
	switch n := len(s); {
	case n == 8:
		return 0, refuse("cannot read since %s: 8 digits look like a date without dashes; want 2026-01-31, or Unix milliseconds", show(s))
	case n >= 9 && n <= 11:
		return 0, refuse("cannot read since %s: %d digits look like seconds; want Unix milliseconds", show(s), n)
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, refuse("cannot read since %s: more milliseconds than 64 bits hold", show(s))
	}
	return ms, nil
}

// parseTime reads RFC 3339 in its variants, and RFC 1123.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, true
	}
	if t, ok := parseRFC3339(s); ok {
		return t, true
	}
	if at := len(s) - len(" 0000"); at > 0 && shaped(s[at:], " 0000") {
		s = s[:at] + "+" + s[at+1:]
	}
	for _, layout := range []string{"Mon, 2 Jan 2006 15:04:05 GMT", "Mon, 2 Jan 2006 15:04:05 UTC", "Mon, 2 Jan 2006 15:04:05 -0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseRFC3339 reads a date and a time of day. A zone may be missing (UTC), and
// its plus may have become a space, as it does in a query that is not escaped.
func parseRFC3339(s string) (t time.Time, ok bool) {
	const date, seconds = len("2006-01-02"), len("2006-01-02T15:04:05")
	if len(s) < seconds || !shaped(s[:date], "0000-00-00") || !strings.Contains("Tt ", s[date:date+1]) || !shaped(s[date+1:seconds], "00:00:00") {
		return t, false
	}
	second, rest := s[seconds-2:seconds], s[seconds:]
	var leap time.Duration
	if second == "60" { // a leap second, which Unix time does not have
		second, leap = "59", time.Second
	}
	fraction := ""
	if strings.HasPrefix(rest, ".") {
		zone := strings.TrimLeft(rest[1:], "0123456789")
		fraction, rest = rest[:len(rest)-len(zone)], zone
	}
	switch {
	case rest == "", rest == "z":
		rest = "Z"
	case rest[0] == ' ':
		rest = "+" + rest[1:]
	}
	if rest != "Z" && !shaped(rest, "+00:00") && !shaped(rest, "-00:00") {
		return t, false // time.Parse alone would take a comma for a point too
	}
	t, err := time.Parse(time.RFC3339, s[:date]+"T"+s[date+1:seconds-2]+second+fraction+rest)
	return t.Add(leap), err == nil
}

// shaped reports whether s is like pattern, in which 0 stands for any digit.
func shaped(s, pattern string) bool {
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		digit := '0' <= s[i] && s[i] <= '9'
		if digit != (pattern[i] == '0') || !digit && s[i] != pattern[i] {
			return false
		}
	}
	return true
}
