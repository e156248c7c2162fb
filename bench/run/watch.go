//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
)

// peaks are the largest values that a server showed while it was watched.
type peaks struct {
	resident   uint64  // bytes
	goroutines float64 // by its metrics
}

// watch looks at a server again and again until the function that it returns is called.
func (s *server) watch(ctx context.Context, every time.Duration) (stop func() (peaks, error)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var p peaks
	var failed error
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			resident, err := proc.Resident(s.child.PID())
			p.resident = max(p.resident, resident)
			metrics, merr := s.metrics(ctx)
			p.goroutines = max(p.goroutines, metric(metrics, "go_goroutines"))
			if err = errors.Join(err, merr); err != nil && ctx.Err() == nil {
				failed = err
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() (peaks, error) {
		cancel()
		<-done
		return p, failed
	}
}

// process is a process of a benchmark with the name that a reader knows.
type process struct {
	name string
	pid  int
}

// processes are those that share the machine with s.
func (b *Bench) processes(s *server, c *clients) []process {
	list := []process{{"server", s.child.PID()}, {"load generator", c.child.PID()}, {"runner and producer", os.Getpid()}}
	for _, pid := range b.kafkaPIDs() {
		list = append(list, process{"Kafka", pid})
	}
	return list
}

// shares is what processes used of the machine over a time.
type shares struct {
	processes []process
	cpu       []float64 // seconds of each
	others    float64   // seconds of all other processes
	seconds   float64
}

// costs begins to count processor time; the function that it returns ends it.
func costs(processes []process) (stop func() (shares, error), err error) {
	begin := time.Now()
	cpu, machine, err := used(processes)
	if err != nil {
		return nil, err
	}
	return func() (shares, error) {
		now, all, err := used(processes)
		if err != nil {
			return shares{}, err
		}
		sh := shares{processes: processes, seconds: time.Since(begin).Seconds(), others: all - machine}
		for i := range now {
			sh.cpu = append(sh.cpu, now[i]-cpu[i])
			sh.others -= now[i] - cpu[i]
		}
		sh.others = max(0, sh.others)
		return sh, nil
	}, nil
}

func used(processes []process) (cpu []float64, machine float64, err error) {
	for _, p := range processes {
		n, err := proc.CPUSeconds(p.pid)
		if err != nil {
			return nil, 0, err
		}
		cpu = append(cpu, n)
	}
	machine, err = proc.MachineSeconds()
	return cpu, machine, err
}

// busy is the part of all cores that was in use, 0 to 1.
func (sh shares) busy() float64 {
	sum := sh.others
	for _, n := range sh.cpu {
		sum += n
	}
	return sum / sh.seconds / float64(runtime.NumCPU())
}

// String says who used how much of a core.
func (sh shares) String() string {
	var parts []string
	for i, p := range sh.processes {
		parts = append(parts, p.name+" "+report.Share(sh.cpu[i]/sh.seconds))
	}
	return fmt.Sprintf("%s, other processes %s of a core; %s of %d cores in all", strings.Join(parts, ", "),
		report.Share(sh.others/sh.seconds), report.Share(sh.busy()), runtime.NumCPU())
}
