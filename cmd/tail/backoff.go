package tail

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// firstRetry is the reconnection time until the server says one; that of Chrome and of ringcast.
	firstRetry = 3 * time.Second
	// leastRetry keeps a server that asks for no pause at all from being stormed.
	leastRetry = 10 * time.Millisecond
	// mostRetry bounds what a server may ask for.
	mostRetry = 10 * time.Minute
	// mostBackoff bounds the waits after failures that follow one another.
	mostBackoff = 30 * time.Second
	// leastBackoff is where they begin when retry is shorter.
	leastBackoff = 100 * time.Millisecond
)

// pause is how long to wait before the next connection. failures counts those
// in a row that brought nothing; after is what Retry-After asked for. The
// jitter keeps clients apart that were cut off together.
func pause(retry time.Duration, failures int, after time.Duration) time.Duration {
	d := max(retry, leastRetry)
	if failures > 0 {
		d = max(d, leastBackoff)
		for range min(failures-1, 16) {
			d = min(2*d, max(mostBackoff, retry))
		}
	}
	jittered := d/2 + rand.N(d/2+1)
	return max(jittered, after+rand.N(after/4+1))
}

// retryAfter reads the header, in seconds or as a date (RFC 9110, section 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, mostRetry)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), mostRetry)
	}
	return 0
}
