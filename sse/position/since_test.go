package position

import (
	"errors"
	"testing"
	"time"
)

func TestParseSince(t *testing.T) {
	f := func(s string, want int64) {
		t.Helper()
		if ms, ok, err := ParseSince(s); ms != want || !ok || err != nil {
			t.Errorf("%q: got %d, %t, %v, want %d", s, ms, ok, err, want)
		}
	}
	const noon = 1706702400000 // 2024-01-31T12:00:00Z
	f("2024-01-31T12:00:00Z", noon)
	f("2024-01-31t12:00:00z", noon)
	f("2024-01-31 12:00:00Z", noon)
	f("2024-01-31T12:00:00", noon)
	f("2024-01-31 12:00:00", noon)
	f("2024-01-31T13:30:00+01:30", noon)
	f("2024-01-31T13:30:00 01:30", noon)
	f("2024-01-31 13:30:00 01:30", noon)
	f("2024-01-31T10:00:00-02:00", noon)
	f("2024-01-31T12:00:00-00:00", noon)
	f("2024-01-31T12:00:00.5Z", noon+500)
	f("2024-01-31T12:00:00.123", noon+123)
	f("2024-01-31T12:00:00.1239999999999999999", noon+123)
	f("2024-01-31T13:00:00.007 01:00", noon+7)
	f("2024-01-31", noon-12*3600*1000)
	f("2024-02-29", 1709164800000)
	f("2016-12-31T23:59:60Z", 1483228800000)
	f("1969-12-31T23:59:59.999Z", 0) // -1 would be the live end
	f("0001-01-01", 0)
	f("9999-12-31T23:59:59Z", 253402300799000)

	f("Wed, 31 Jan 2024 12:00:00 GMT", noon)
	f("Wed, 31 Jan 2024 12:00:00 UTC", noon)
	f("Wed, 31 Jan 2024 13:00:00 +0100", noon)
	f("Wed, 31 Jan 2024 13:00:00  0100", noon)
	f("Wed, 31 Jan 2024 11:00:00 -0100", noon)
	f("Thu, 1 Feb 2024 12:00:00 GMT", noon+24*3600*1000)

	f("0", 0)
	f("2024", 2024)
	f("1234567", 1234567)
	f("100000000000", 100000000000)
	f("1706702400000", noon)
	f("9223372036854775807", 9223372036854775807)
}

func TestParseSinceNotGiven(t *testing.T) {
	if ms, ok, err := ParseSince(""); ms != 0 || ok || err != nil {
		t.Errorf("got %d, %t, %v", ms, ok, err)
	}
}

func TestParseSinceRefuses(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		ms, ok, err := ParseSince(s)
		var typed *Error
		if ms != 0 || ok || !errors.As(err, &typed) || err.Error() != want {
			t.Errorf("%q:\n got %d, %t, %v\nwant %s", s, ms, ok, err, want)
		}
	}
	f("20240131", `cannot read since "20240131": 8 digits look like a date without dashes; want 2026-01-31, or Unix milliseconds`)
	f("170670240", `cannot read since "170670240": 9 digits look like seconds; want Unix milliseconds`)
	f("1706702400", `cannot read since "1706702400": 10 digits look like seconds; want Unix milliseconds`)
	f("17067024000", `cannot read since "17067024000": 11 digits look like seconds; want Unix milliseconds`)
	f("9223372036854775808", `cannot read since "9223372036854775808": more milliseconds than 64 bits hold`)

	for _, s := range []string{
		"yesterday", " ", "-1", "+1", "1.5", "1e12", "2024-01", "2024-1-31", "2024-01-32", "2023-02-29", "2024-01-31T", "2024-01-31Z",
		"2024-01-31T12:00", "2024-01-31T24:00:00Z", "2024-01-31T12:60:00Z", "2024-01-31T1:00:00Z", "2024-01-31x12:00:00Z", "2024-01-31T12:00:00.",
		"2024-01-31T12:00:00.Z", "2024-01-31T12:00:00,5Z", "2024-01-31T12:00:00+0100", "2024-01-31T12:00:00+1", "2024-01-31T12:00:00+25:00",
		"2024-01-31T12:00:00Zx", "2024-01-31T12:00:00 Z", "Wed, 31 Jan 2024 12:00:00", "Wed, 31 Jan 2024 12:00:00 EST", "31 Jan 2024 12:00:00 GMT",
		"٢٠٢٤", "1706702400000\n", "NaN", "2024-01-31T12:00:00\x00",
	} {
		if _, ok, err := ParseSince(s); ok || err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
	f("yesterday\n<ä>", `cannot read since "yesterday\n<\u00e4>": want a time such as 2026-01-31T12:00:00Z, or Unix milliseconds`)
}

// FuzzParseSince: any text is a time, a typed error or not given; and a time
// that is written as RFC 3339 is read as the same time.
func FuzzParseSince(f *testing.F) {
	for _, s := range []string{"", "0", "1706702400000", "2024-01-31", "2024-01-31T12:00:60.5+01:00", "2024-01-31 12:00:00 01:00", "Wed, 31 Jan 2024 12:00:00 GMT", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ms, ok, err := ParseSince(s)
		var typed *Error
		if ok == (err != nil) && s != "" || err != nil && !errors.As(err, &typed) || ms < 0 || !ok && ms != 0 {
			t.Fatalf("%q: %d, %t, %v", s, ms, ok, err)
		}
		at := time.UnixMilli(ms).UTC()
		if !ok || at.Year() > 9999 {
			return
		}
		if again, _, err := ParseSince(at.Format("2006-01-02T15:04:05.000Z07:00")); err != nil || again != ms {
			t.Fatalf("%q is %d, and that is read as %d, %v", s, ms, again, err)
		}
	})
}
