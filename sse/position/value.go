package position

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error says why a position was refused. Its text may be sent to the client:
// what it quotes is short and printable ASCII.
type Error struct {
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

func refuse(format string, args ...any) *Error { return &Error{Reason: fmt.Sprintf(format, args...)} }

// show quotes what a client has sent, the beginning where it is long.
func show[S []byte | string](s S) string {
	const most = 40 // bytes; enough to recognise a value
	if len(s) <= most {
		return strconv.QuoteToASCII(string(s))
	}
	n := most
	for n > most-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return strconv.QuoteToASCII(string(s[:n])) + "..."
}

// readInt reads an integer of the form -?(0|[1-9][0-9]*) between low and high.
// raw is valid JSON, which leaves fractions and exponents to refuse.
func readInt(f field, raw []byte, low, high int64) (int64, error) {
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') || bytes.ContainsAny(raw, ".eE") {
		return 0, refuse("%s is %s, want an integer such as 42", fieldNames[f], show(raw))
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < low || n > high {
		return 0, refuse("%s is %s, want %d to %d", fieldNames[f], show(raw), low, high)
	}
	return n, nil
}

// unquote returns the string that raw, a JSON string, stands for. It returns
// last where that is equal, so that both share memory.
func unquote(raw []byte, last string) string {
	text := raw[1 : len(raw)-1]
	switch {
	case bytes.IndexByte(text, '\\') >= 0:
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			panic("BUG: cannot read a string that was checked: " + err.Error())
		}
		return s
	case string(text) == last:
		return last
	}
	return string(text)
}

// isEpoch reports whether s is of the form CLUSTER.TOPIC with tags as our ids
// have them.
func isEpoch(s string) bool {
	cluster, topic, found := strings.Cut(s, ".")
	return found && isTag(cluster) && isTag(topic)
}

// isTag reports whether s is six characters of base64url, or - for unknown.
func isTag(s string) bool {
	if s == "-" {
		return true
	}
	for i := range len(s) {
		if !isBase64URL(s[i]) {
			return false
		}
	}
	return len(s) == 6
}

// isBase64URL reports whether c is of the alphabet of RFC 4648 section 5.
func isBase64URL(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
