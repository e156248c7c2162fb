package ledger

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// maxHead bounds a response's status line and headers.
const maxHead = 64 << 10

// head is the beginning of a response.
type head struct {
	status int
	header map[string]string // names in lower case; repeated ones joined by ", "
}

// parseHead reads a response head, its final blank line included, strictly: CRLF, no folding, no space before the colon.
func parseHead(b []byte) (head, error) {
	h := head{header: map[string]string{}}
	lines := strings.Split(strings.TrimSuffix(string(b), "\r\n\r\n"), "\r\n")
	version, rest, _ := strings.Cut(lines[0], " ")
	code, _, _ := strings.Cut(rest, " ")
	var err error
	if h.status, err = strconv.Atoi(code); err != nil || len(code) != 3 || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return h, fmt.Errorf("cannot read status line %s", shorten([]byte(lines[0])))
	}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(line, "\r\n\x00") {
			return h, fmt.Errorf("cannot read header line %s", shorten([]byte(line)))
		}
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		if before, twice := h.header[name]; twice {
			value = before + ", " + value
		}
		h.header[name] = value
	}
	return h, nil
}

// headEnd returns the length of the head in b, 0 while it is not whole.
func headEnd(b []byte) int {
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		return 0
	}
	return i + 4
}
