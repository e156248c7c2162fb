//go:build linux

package proc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Child is a process that a benchmark started.
type Child struct {
	name   string
	cmd    *exec.Cmd
	log    string // file with its standard error
	stdin  io.WriteCloser
	lines  *json.Decoder
	encode *json.Encoder
	exited chan struct{} // closed when the process is gone
	err    error         // its exit status; valid after exited
}

// Start runs a command whose standard error (and output, when that is not read as JSON) goes to a file in
// dir. It dies with this process.
func Start(dir, name string, readsJSON bool, command string, args ...string) (*Child, error) {
	logFile, err := os.CreateTemp(dir, name+".*.log")
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	defer logFile.Close()
	c := &Child{name: name, cmd: exec.Command(command, args...), log: logFile.Name(), exited: make(chan struct{})}
	c.cmd.Stderr = logFile
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if readsJSON {
		// A pipe of our own: Wait closes that of StdoutPipe before the last line is read. It is closed when
		// nothing refers to it any more.
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("cannot start %s: %w", name, err)
		}
		defer w.Close()
		c.cmd.Stdout = w
		c.lines = json.NewDecoder(r)
		if c.stdin, err = c.cmd.StdinPipe(); err != nil {
			return nil, fmt.Errorf("cannot start %s: %w", name, err)
		}
		c.encode = json.NewEncoder(c.stdin)
	} else {
		c.cmd.Stdout = logFile
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s (%s): %w", name, command, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// PID returns the process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Send writes a line of JSON to the child.
func (c *Child) Send(v any) error {
	if err := c.encode.Encode(v); err != nil {
		return fmt.Errorf("cannot tell %s: %w%s", c.name, err, c.tail())
	}
	return nil
}

// Read waits for a line of JSON from the child.
func (c *Child) Read(v any) error {
	if err := c.lines.Decode(v); err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w%s", c.name, err, c.tail())
	}
	return nil
}

// Running returns an error when the child has exited.
func (c *Child) Running() error {
	select {
	case <-c.exited:
		return fmt.Errorf("%s has exited: %s%s", c.name, c.cmd.ProcessState, c.tail())
	default:
		return nil
	}
}

// Wait returns the exit status of a child that ends by itself.
func (c *Child) Wait() error {
	<-c.exited
	if c.err != nil {
		return fmt.Errorf("%s failed: %w%s", c.name, c.err, c.tail())
	}
	return nil
}

// Used returns the processor time in seconds of a child that has exited.
func (c *Child) Used() float64 {
	<-c.exited
	return (c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()).Seconds()
}

// Signal sends a signal to the child.
func (c *Child) Signal(s os.Signal) error { return c.cmd.Process.Signal(s) }

// Stop ends the child: its input ends, then SIGTERM, and SIGKILL after grace.
func (c *Child) Stop(grace time.Duration) error {
	if c.stdin != nil {
		c.stdin.Close()
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop %s: %w", c.name, err)
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(grace):
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot kill %s: %w", c.name, err)
	}
	<-c.exited
	return nil
}

// tail returns the end of the child's log, for error messages.
func (c *Child) tail() string {
	b, err := os.ReadFile(c.log)
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return ""
	}
	b = bytes.TrimSpace(b[max(0, len(b)-2000):])
	return fmt.Sprintf("\n--- end of %s\n%s", filepath.Base(c.log), b)
}
