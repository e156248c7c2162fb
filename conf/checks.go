package conf

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const (
	allowedName    = `letters, digits, ".", "_" and "-"`
	allowedAddress = `HOST:PORT or :PORT`
	allowedOrigin  = `"*", "", or an origin such as "https://example.org"`
	allowedPath    = `a path such as "/v2/stream", of letters, digits, ".", "_", "~" and "-"`
)

// maxTopicName is Kafka's limit (Topic.MAX_NAME_LENGTH).
const maxTopicName = 249

func notEmpty(s string) (wrong, allowed string) {
	if s == "" {
		return "is empty", "a string of at least one character"
	}
	return "", ""
}

func hasNameChars(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r != '.' && !isBare(string(r)) }) < 0
}

// isName checks names of streams and what else the file calls a name. "." and
// ".." are paths that clients resolve before they ask.
func isName(s string) (wrong, allowed string) {
	switch {
	case s == "":
		return "is empty", allowedName
	case s == "." || s == "..", !hasNameChars(s):
		return "is no name", allowedName
	}
	return "", ""
}

func isTopic(s string) (wrong, allowed string) {
	if len(s) > maxTopicName {
		return "is too long for a topic", "at most " + strconv.Itoa(maxTopicName) + " characters"
	}
	if _, bad := isName(s); bad != "" {
		return "is no topic", bad
	}
	return "", ""
}

// isTopicName checks what follows a prefix.
func isTopicName(s string) (wrong, allowed string) {
	if s == "" {
		return "is empty", allowedName
	}
	return isTopicPart(s)
}

func isTopicPart(s string) (wrong, allowed string) {
	if !hasNameChars(s) {
		return "cannot be part of a topic", allowedName
	}
	return "", ""
}

// isListen checks the address of a listener; port 0 is any free one.
func isListen(s string) (wrong, allowed string) {
	host, port, err := net.SplitHostPort(s)
	if _, ipErr := netip.ParseAddr(host); err != nil || ipErr != nil && !hasNameChars(host) {
		return "is no address", allowedAddress
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "has no good port", allowedAddress + " with a port from 0 to 65535"
	}
	return "", ""
}

// isBroker checks the address of a Kafka broker.
func isBroker(s string) (wrong, allowed string) {
	if wrong, _ := isListen(s); wrong != "" {
		return wrong, "HOST:PORT with a port from 1 to 65535"
	}
	if host, port, _ := net.SplitHostPort(s); host == "" || port == "0" {
		return "names no broker", "HOST:PORT with a port from 1 to 65535"
	}
	return "", ""
}

// isBasePath checks what stands before the names of streams in a URL.
func isBasePath(s string) (wrong, allowed string) {
	switch {
	case !strings.HasPrefix(s, "/"):
		return `does not start with "/"`, allowedPath
	case strings.HasSuffix(s, "/"):
		return `ends with "/"`, allowedPath
	}
	for part := range strings.SplitSeq(s[1:], "/") {
		if part == "" || part == "." || part == ".." || !hasNameChars(strings.ReplaceAll(part, "~", "")) {
			return "is no plain path", allowedPath
		}
	}
	if s == "/_info" || strings.HasPrefix(s, "/_info/") || s == "/robots.txt" || strings.HasSuffix(s, "/ui") {
		return "is taken", "a path other than /_info, /robots.txt and those that end in /ui: the page is beside the streams"
	}
	return "", ""
}

// isToken checks a header's or cookie's name (RFC 9110, section 5.6.2).
func isToken(s string) (wrong, allowed string) {
	const marks = "!#$%&'*+-.^_`|~"
	bad := func(r rune) bool {
		return r > 0x7e || !strings.ContainsRune(marks, r) && !isBare(string(r))
	}
	if s == "" || strings.IndexFunc(s, bad) >= 0 {
		return "is no header or cookie name", "letters, digits and " + marks
	}
	return "", ""
}

func emptyOr(ok check) check {
	return func(s string) (string, string) {
		if s == "" {
			return "", ""
		}
		return ok(s)
	}
}

// isParameter checks the name of a query parameter for tokens: plain, and none
// of the protocol's own.
func isParameter(s string) (wrong, allowed string) {
	switch {
	case !isBare(s):
		return "is no parameter name", `letters, digits, "_" and "-"`
	case s == "since" || s == "lastEventId" || s == "notices" || s == "doc" || s == "spec":
		return "is taken", "a name other than since, lastEventId, notices, doc and spec"
	}
	return "", ""
}

func isNetwork(s string) (wrong, allowed string) {
	if _, err := netip.ParsePrefix(s); err != nil {
		return "is no network", `a CIDR such as "10.0.0.0/8" or "2001:db8::/32"`
	}
	return "", ""
}

// isOrigin checks a serialised origin (RFC 6454, section 6.2): browsers compare
// it byte by byte.
func isOrigin(s string) (wrong, allowed string) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || s != u.Scheme+"://"+u.Host || s != strings.ToLower(s) ||
		strings.ContainsAny(s, " ,\"") {
		return "is no origin", allowedOrigin
	}
	return "", ""
}
