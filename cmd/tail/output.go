package tail

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/tidwall/pretty"
)

// Format is how events are printed.
type Format int

// The formats.
const (
	Raw    Format = iota // data lines as they came
	Pretty               // JSON indented; what is none, line by line
	Colour               // the same with colours for a terminal
)

// printer prints events.
type printer struct {
	w             *bufio.Writer
	format        Format
	events, bytes int64
}

func newPrinter(w io.Writer, format Format) *printer {
	return &printer{w: bufio.NewWriterSize(w, 64<<10), format: format}
}

// event prints one event. What cannot be written is flush's error.
func (p *printer) event(data []byte) {
	p.events++
	p.bytes += int64(len(data))
	if p.format == Raw {
		_, _ = p.w.Write(data)
		_ = p.w.WriteByte('\n')
		return
	}
	if !json.Valid(data) {
		for line := range strings.SplitSeq(string(data), "\n") {
			_, _ = p.w.WriteString(printable(line) + "\n")
		}
		return
	}
	// Inside JSON only strings can hold them, and there an escape means the same.
	var shown bytes.Buffer
	_ = json.Indent(&shown, []byte(escapeControls(string(data))), "", "  ") // it is valid
	if p.format == Colour {
		_, _ = p.w.Write(pretty.Color(shown.Bytes(), nil))
	} else {
		_, _ = p.w.Write(shown.Bytes())
	}
	_ = p.w.WriteByte('\n')
}

func (p *printer) flush() error { return p.w.Flush() }

// stdoutGone is what an error of Stdout means for a run: a reader that has had
// enough ends it in peace.
func stdoutGone(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return errEnough
	}
	return fatal{fmt.Errorf("cannot write events: %w", err)}
}

// escapeControls writes as \u escapes what a terminal might take for a command:
// DEL and the C1 controls, which JSON allows in strings.
func escapeControls(s string) string {
	if strings.IndexFunc(s, isC1) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isC1(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isC1(r rune) bool { return r >= 0x7f && r <= 0x9f }

// printable is text from elsewhere that a terminal cannot take for a command.
func printable(s string) string {
	safe := func(r rune) bool { return r == '\t' || r >= ' ' && !isC1(r) && r != utf8.RuneError }
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case safe(r):
			b.WriteRune(r)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			fmt.Fprintf(&b, `\x%02x`, r)
		}
	}
	return b.String()
}
