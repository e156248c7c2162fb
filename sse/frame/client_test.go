package frame

import (
	"strconv"
	"strings"
	"testing"
)

// message is an event as a client of the standard sees it.
type message struct {
	event, data, id string
}

// client reads event streams as WHATWG HTML, section 9.2.6, says.
type client struct {
	messages []message
	lastID   string
	retry    int
	comments []string
}

// read reads a whole stream.
func (c *client) read(stream string) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(stream, "\n")
	var event, data string
	id := c.lastID
	for _, line := range lines[:len(lines)-1] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			c.lastID = id
			if data != "" {
				c.messages = append(c.messages, message{event, strings.TrimSuffix(data, "\n"), id})
			}
			event, data = "", ""
		case name == "":
			c.comments = append(c.comments, value)
		case name == "event":
			event = value
		case name == "data":
			data += value + "\n"
		case name == "id" && !strings.Contains(value, "\x00"):
			id = value
		case name == "retry":
			c.retry, _ = strconv.Atoi(value)
		}
	}
}

// unchunk takes the chunks off a body and returns what is in each.
func unchunk(t *testing.T, body []byte) (chunks []string) {
	t.Helper()
	for rest := string(body); rest != ""; {
		head, after, ok := strings.Cut(rest, "\r\n")
		n, err := strconv.ParseUint(head, 16, 32)
		if !ok || err != nil || head != strconv.FormatUint(n, 16) || len(after) < int(n)+2 || after[n:n+2] != "\r\n" {
			t.Fatalf("bad chunk at %q", rest)
		}
		chunks, rest = append(chunks, after[:n]), after[n+2:]
	}
	return chunks
}
