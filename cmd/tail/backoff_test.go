package tail

import (
	"net/http"
	"testing"
	"time"
)

// TestPause: the server's time, with a jitter; longer after failures, but not
// without end; never less than Retry-After.
func TestPause(t *testing.T) {
	f := func(retry time.Duration, failures int, after, least, most time.Duration) {
		t.Helper()
		different := map[time.Duration]bool{}
		for range 200 {
			d := pause(retry, failures, after)
			if d < least || d > most {
				t.Errorf("%s, %d failures, Retry-After %s: %s is not within %s to %s", retry, failures, after, d, least, most)
			}
			different[d] = true
		}
		if len(different) < 100 {
			t.Errorf("%s, %d failures, Retry-After %s: only %d different", retry, failures, after, len(different))
		}
	}
	f(3*time.Second, 0, 0, 1500*time.Millisecond, 3*time.Second)
	f(0, 0, 0, 5*time.Millisecond, 10*time.Millisecond)
	f(0, 1, 0, 50*time.Millisecond, 100*time.Millisecond)
	f(0, 3, 0, 200*time.Millisecond, 400*time.Millisecond)
	f(time.Second, 1000, 0, 15*time.Second, 30*time.Second)
	f(time.Minute, 1000, 0, 30*time.Second, time.Minute)
	f(time.Second, 1, 20*time.Second, 20*time.Second, 25*time.Second)
}

// TestRetryAfter: both forms of the header, within reason.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	f := func(value string, want time.Duration) {
		t.Helper()
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
	f("", 0)
	f("7", 7*time.Second)
	f("-7", 0)
	f("2000000000", mostRetry)
	f("Sat, 28 Nov 2026 12:00:09 GMT", 9*time.Second)
	f("Sat, 28 Nov 2026 11:00:00 GMT", 0)
	f("Sat, 28 Nov 2026 23:00:00 GMT", mostRetry)
	f("soon", 0)
}

// TestLag: the time between a record and its event, where the id tells.
func TestLag(t *testing.T) {
	at := time.UnixMilli(1_700_000_001_500)
	f := func(id, want string) {
		t.Helper()
		if got := lag(id, at); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	f("", "lag unknown")
	f("17", "lag unknown")
	f(`[{"topic":"t","partition":0,"offset":3}]`, "lag unknown")
	f(`[{"topic":"t","partition":0,"offset":3,"timestamp":1700000000001},{"topic":"t","partition":1,"timestamp":1700000001001}]`, "lag 0.500 s")
}
