//go:build linux

package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"time"
)

// took is what a reader needed for a range of a log.
type took struct {
	first   float64 // seconds to the first record
	seconds float64
	cpu     float64 // seconds, of all who had a part in it, Kafka aside
}

// kcat reads partition 0 of a topic from an offset on with kcat (librdkafka). Times count from the start of its
// process. What it prints goes through a pipe for one record, to /dev/null for more: then first is 0.
func kcat(ctx context.Context, broker, topic string, from, records int) (t took, err error) {
	c := exec.CommandContext(ctx, "kcat", "-C", "-q", "-b", broker, "-t", topic, "-p", "0",
		"-o", strconv.Itoa(from), "-c", strconv.Itoa(records))
	var out io.ReadCloser
	if records == 1 {
		c.Args = append(c.Args, "-u") // unbuffered
		if out, err = c.StdoutPipe(); err != nil {
			return t, fmt.Errorf("cannot run kcat: %w", err)
		}
	}
	var messages bytes.Buffer
	c.Stderr = &messages
	begin := time.Now()
	if err := c.Start(); err != nil {
		return t, fmt.Errorf("cannot run kcat: %w", err)
	}
	if out != nil {
		var b [1]byte
		_, err = io.ReadFull(out, b[:])
		t.first = time.Since(begin).Seconds()
		_, rest := io.Copy(io.Discard, out)
		err = errors.Join(err, rest)
	}
	if err = errors.Join(err, c.Wait()); err != nil {
		return t, fmt.Errorf("cannot read %d records of %s from %d with kcat: %w: %s", records, topic, from, err, bytes.TrimSpace(messages.Bytes()))
	}
	t.seconds = time.Since(begin).Seconds()
	t.cpu = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	return t, nil
}
