//go:build linux

package run

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/proc"
)

// clients is a running load generator.
type clients struct{ child *proc.Child }

// clients starts a load generator for a server. It takes half of the cores, at least one. flags are more of its
// flags.
func (b *Bench) clients(s *server, partitions, size int, flags ...string) (*clients, error) {
	if isPeer(s.kind) {
		flags = append(flags, "-plain")
	}
	child, err := b.self("load", append([]string{"-server", s.addr, "-path", path,
		"-partitions", strconv.Itoa(partitions), "-size", strconv.Itoa(size),
		"-workers", strconv.Itoa(max(1, runtime.NumCPU()/2))}, flags...)...)
	if err != nil {
		return nil, err
	}
	return &clients{child}, nil
}

// do runs one command. A command that failed is an error, with what was counted all the same.
func (c *clients) do(cmd load.Command) (load.Report, error) {
	var r load.Report
	if err := c.child.Send(cmd); err != nil {
		return r, err
	}
	if err := c.child.Read(&r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, fmt.Errorf("load generator: %s", r.Error)
	}
	return r, nil
}

func (c *clients) connect(total int) error {
	_, err := c.do(load.Command{Do: "connect", Clients: total, Timeout: 2 * time.Minute})
	return err
}

// mark begins a measurement: the latency of records produced from now on.
func (c *clients) mark() (load.Report, error) {
	return c.do(load.Command{Do: "mark", Since: time.Now().UnixMicro()})
}

func (c *clients) await(expect []uint64) (load.Report, error) {
	return c.do(load.Command{Do: "await", Expect: expect, Timeout: 30 * time.Second})
}

func (c *clients) stop() error { return c.child.Stop(5 * time.Second) }

// verdict returns why a run does not count, or nil.
func verdict(r load.Report, err error) error {
	var found error
	if n := r.Faults() + r.Missing; n > 0 {
		found = fmt.Errorf("%d deliveries lost, %d missing at the end, %d twice, %d out of order, %d damaged, %d gaps, %d connections closed",
			r.Lost, r.Missing, r.Duplicated, r.Reordered, r.Damaged, r.Gaps, r.Closed)
	}
	return errors.Join(found, err)
}
