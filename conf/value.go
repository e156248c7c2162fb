package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// key is one key of a table, bound to the field that it fills.
type key struct {
	name string
	value
}

// value reads and writes one field.
type value struct {
	// set reads what the file says; what is wrong goes to at.
	set func(at place, in any)
	// toml is the field as a file would say it, "" where it would say nothing.
	toml func() string
}

// check says what is wrong with a string and what is allowed; wrong is "" for a
// good one.
type check func(s string) (wrong, allowed string)

// text is a string; a nil check allows any.
func text(p *string, ok check) value {
	return value{
		set: func(at place, in any) {
			if s, good := at.text(in, "a string"); good && at.passes(s, ok) {
				*p = s
			}
		},
		toml: func() string { return quoteTOML(*p) },
	}
}

// maybeText is a string that only some configurations may have: an empty one is
// not written.
func maybeText(p *string) value {
	v := text(p, nil)
	v.toml = func() string { return unlessEmpty(*p) }
	return v
}

func unlessEmpty(s string) string {
	if s == "" {
		return ""
	}
	return quoteTOML(s)
}

// toggle is true or false.
func toggle(p *bool) value {
	return value{
		set: func(at place, in any) {
			b, ok := in.(bool)
			if !ok {
				at.wrongType(in, "true or false")
				return
			}
			*p = b
		},
		toml: func() string { return strconv.FormatBool(*p) },
	}
}

// count is a whole number within bounds.
func count(p *int, least, most int64) value {
	allowed := fmt.Sprintf("a whole number from %d to %d", least, most)
	return value{
		set: func(at place, in any) {
			n, ok := in.(int64)
			switch {
			case !ok:
				at.wrongType(in, allowed)
			case n < least:
				at.wrong(in, fmt.Sprintf("is below %d", least), allowed)
			case n > most:
				at.wrong(in, fmt.Sprintf("is above %d", most), allowed)
			default:
				*p = int(n)
			}
		},
		toml: func() string { return strconv.Itoa(*p) },
	}
}

// rate is a number per second, whole or not; 0 is off.
func rate(p *float64) value {
	const allowed = "a number from 0 to 1000000"
	return value{
		set: func(at place, in any) {
			f, ok := in.(float64)
			if n, whole := in.(int64); whole {
				f, ok = float64(n), true
			}
			switch {
			case !ok:
				at.wrongType(in, allowed)
			case math.IsNaN(f), f < 0, f > 1e6:
				at.wrong(in, "is out of range", allowed)
			default:
				*p = f
			}
		},
		toml: func() string { return formatFloat(*p) },
	}
}

// formatFloat is a float as TOML wants it, with a point.
func formatFloat(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.ContainsAny(s, ".IN") {
		s += ".0"
	}
	return s
}

// maxSize keeps sums of sizes far away from the end of int64.
const maxSize = 16384 * gib

// size is a number of bytes within bounds.
func size(p *int64, least, most int64) value {
	allowed := fmt.Sprintf("bytes or KB, MB, GB, KiB, MiB, GiB, from %s to %s", formatSize(least), formatSize(most))
	return value{
		set: func(at place, in any) {
			n, ok := in.(int64)
			if !ok {
				s, isText := in.(string)
				if !isText {
					at.wrongType(in, allowed)
					return
				}
				if s, ok = at.expand(s); !ok {
					return
				}
				in = s
				var err error
				if n, err = parseSize(s); err != nil {
					at.wrong(in, err.Error(), allowed)
					return
				}
			}
			switch {
			case n < least:
				at.wrong(in, "is below "+formatSize(least), allowed)
			case n > most:
				at.wrong(in, "is above "+formatSize(most), allowed)
			default:
				*p = n
			}
		},
		toml: func() string { return quoteTOML(formatSize(*p)) },
	}
}

// derivedSize is a size that may be "", which is 0: it is worked out from
// others.
func derivedSize(p *int64) value {
	v := size(p, 1, maxSize)
	return value{
		set: func(at place, in any) {
			if in == "" {
				*p = 0
				at.forget()
				return
			}
			v.set(at, in)
		},
		toml: func() string {
			if *p == 0 {
				return `""`
			}
			return v.toml()
		},
	}
}

// timer is a duration that 0 switches off.
func timer(p *time.Duration) value { return duration(p, 0) }

// duration is a duration of at least least.
func duration(p *time.Duration, least time.Duration) value {
	allowed := `a duration such as "15s", "1h30m" or "7d", "0s" is off`
	if least > 0 {
		allowed = `a duration above 0 such as "15s", "1h30m" or "7d"`
	}
	return value{
		set: func(at place, in any) {
			var d time.Duration
			if in != int64(0) {
				s, ok := at.text(in, allowed)
				if !ok {
					return
				}
				in = s
				var err error
				if d, err = parseDuration(s); err != nil {
					at.wrong(in, err.Error(), allowed)
					return
				}
			}
			switch {
			case d < 0:
				at.wrong(in, "is below 0", allowed)
			case d < least:
				at.wrong(in, "is not above 0", allowed)
			default:
				*p = d
			}
		},
		toml: func() string { return quoteTOML(formatDuration(*p)) },
	}
}

// enum is one of a few names.
func enum[E ~uint8](p *E, names []string) value {
	allowed := ""
	for _, name := range names {
		if name != "" {
			allowed += ", " + strconv.Quote(name)
		}
	}
	allowed = strings.TrimPrefix(allowed, ", ")
	return value{
		set: func(at place, in any) {
			s, ok := at.text(in, allowed)
			if !ok {
				return
			}
			for i, name := range names {
				if s == name && s != "" {
					*p = E(i)
					return
				}
			}
			at.wrong(s, "is unknown", allowed)
		},
		toml: func() string { return quoteTOML(names[*p]) },
	}
}
