//go:build linux

package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// Command is one line of JSON that a load generator process reads from its standard input.
type Command struct {
	// Do is "connect" (until there are Clients, by the Plan), "herd" (the same, all at once), "mark" (time records produced from Since on),
	// "await" (until every client has Expect records of each partition), "done" (until every client has
	// what its plan says), "disconnect" (all at once), "reconnect" (with the last id, to Server or the same
	// as before), "churn" (Clients leave and come back with their last id, spread over For), "first" (until
	// every client got an event on its connection), "report".
	Do      string        `json:"do"`
	Clients int           `json:"clients,omitempty"`
	For     time.Duration `json:"for,omitempty"`
	Since   int64         `json:"since,omitempty"`
	Expect  []uint64      `json:"expect,omitempty"`
	Server  string        `json:"server,omitempty"`
	Plan
	// Timeout bounds the command; 0 is a minute.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Report is the answer to every command, one line of JSON: what was seen since the start.
type Report struct {
	// Error says why the command failed; the counts are valid all the same.
	Error   string `json:"error,omitempty"`
	Clients int    `json:"clients"`
	Tally
	// Missing is the number of records expected by the command that have not come.
	Missing uint64 `json:"missing"`
	// Percentiles of the latency since the last mark, in microseconds.
	P50, P99, P999, Max int64
	// BeganMicros is when the last connect or reconnect began, in microseconds since 1970.
	BeganMicros int64
	// Percentiles of the time from a client's connect to its first event, since BeganMicros, in microseconds.
	FirstP50, FirstP99, FirstMax int64
	// Percentiles of the time from a client's connect to its greeting, since BeganMicros, in microseconds.
	GreetP50, GreetP99, GreetP999, GreetMax int64
	// CPUSeconds is the processor time of this process since its start.
	CPUSeconds float64 `json:"cpu_seconds"`
	// Busy is the share of the time since the last mark in which the busiest worker had input to read.
	Busy float64 `json:"busy"`
}

// Serve runs the commands of in, one at a time, until it ends.
func Serve(ctx context.Context, c Config, in io.Reader, out io.Writer) error {
	fleet, err := New(c)
	if err != nil {
		return err
	}
	defer fleet.Close()
	commands, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var cmd Command
		if err := commands.Decode(&cmd); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("cannot read a command: %w", err)
		}
		failed := fleet.run(ctx, cmd)
		if err := answers.Encode(fleet.report(cmd.Expect, failed)); err != nil {
			return fmt.Errorf("cannot answer a command: %w", err)
		}
	}
}

func (f *Fleet) run(ctx context.Context, cmd Command) error {
	if cmd.Timeout <= 0 {
		cmd.Timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, cmd.Timeout)
	defer cancel()
	switch cmd.Do {
	case "connect":
		return f.Connect(ctx, cmd.Clients, cmd.Plan)
	case "herd":
		return f.Herd(ctx, cmd.Clients)
	case "churn":
		return f.Churn(ctx, cmd.Clients, cmd.For)
	case "mark":
		f.Mark(cmd.Since)
		return nil
	case "await":
		return f.AwaitRecords(ctx, cmd.Expect)
	case "done":
		return f.AwaitDone(ctx)
	case "disconnect":
		f.Disconnect()
		return nil
	case "reconnect":
		return f.Reconnect(ctx, cmd.Server)
	case "first":
		return f.AwaitFirst(ctx)
	case "report":
		return nil
	}
	return fmt.Errorf("cannot run command %q: unknown", cmd.Do)
}

func (f *Fleet) report(expect []uint64, failed error) Report {
	sum, busy, broken := f.Tally()
	r := Report{Clients: f.clients, Tally: sum, Busy: busy, CPUSeconds: ownCPU(), BeganMicros: f.began}
	if len(expect) == f.want.partitions {
		r.Missing = f.Missing(expect)
	}
	r.P50, r.P99, r.P999 = sum.latency.Percentile(0.5), sum.latency.Percentile(0.99), sum.latency.Percentile(0.999)
	r.Max = sum.latency.Max()
	r.FirstP50, r.FirstP99, r.FirstMax = sum.first.Percentile(0.5), sum.first.Percentile(0.99), sum.first.Max()
	r.GreetP50, r.GreetP99, r.GreetP999 = sum.greet.Percentile(0.5), sum.greet.Percentile(0.99), sum.greet.Percentile(0.999)
	r.GreetMax = sum.greet.Max()
	if err := errors.Join(failed, broken); err != nil {
		r.Error = err.Error()
	}
	return r
}

// ownCPU returns the processor time of this process in seconds.
func ownCPU() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
