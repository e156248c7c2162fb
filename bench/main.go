//go:build linux

// Command bench measures ringcast: load generator, yardstick, peers, results. See README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/ringcast/ringcast/bench/report"
	"github.com/ringcast/ringcast/bench/run"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			exit(part(ctx, os.Args[2:]))
		}
	}
	exit(runScenarios(ctx, os.Args[1:]))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runScenarios(ctx context.Context, args []string) error {
	all := run.Scenarios()
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	chosen := flags.String("scenario", strings.Join(names, ","), "scenarios to run, separated by commas; smoke only shows that everything works")
	full := flags.Bool("full", false, "longer runs, more clients, 5 rounds")
	rounds := flags.Int("rounds", 0, "runs of each server; 0: 3, with -full 5")
	out := flags.String("out", "", "folder for the results as Markdown; none are written without it")
	ringcast := flags.String("ringcast", "", "ringcast binary to measure; built from ./cmd/ringcast without it")
	kafka := flags.String("kafka", string(run.KafkaAuto), "auto: embedded, and a real Apache Kafka for replay where Java is there; embedded; real")
	mirror := flags.Bool("mirror", false, "measure the yardstick against itself: how far from 1 is noise")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("cannot use argument %q: scenarios are chosen with -scenario", flags.Arg(0))
	}
	todo, err := choose(append(all, run.Peers(), run.Smoke()), *chosen)
	if err != nil {
		return err
	}
	switch run.KafkaKind(*kafka) {
	case run.KafkaAuto, run.KafkaEmbedded, run.KafkaReal:
	default:
		return fmt.Errorf("cannot use -kafka %q: allowed are %s, %s, %s", *kafka, run.KafkaAuto, run.KafkaEmbedded, run.KafkaReal)
	}
	if *rounds <= 0 {
		*rounds = 3
		if *full {
			*rounds = 5
		}
	}
	dir, err := os.MkdirTemp("", "ringcast-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for logs: %w", err)
	}
	b := &run.Bench{Ringcast: *ringcast, Dir: dir, Rounds: *rounds, Full: *full, Mirror: *mirror, Kafka: run.KafkaKind(*kafka), Progress: os.Stderr}
	command := "go run ./bench " + strings.Join(args, " ")
	if err := runAll(ctx, b, todo, *out, strings.TrimSpace(command)); err != nil {
		return fmt.Errorf("%w\n(logs are in %s)", err, dir)
	}
	return os.RemoveAll(dir)
}

func choose(all []run.Scenario, names string) (todo []run.Scenario, err error) {
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(s run.Scenario) bool { return s.Name == name })
		if i < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.Name)
			}
			return nil, fmt.Errorf("cannot find scenario %q: there are %s", name, strings.Join(known, ", "))
		}
		todo = append(todo, all[i])
	}
	return todo, nil
}

// runAll runs the scenarios one after the other. A failed one does not keep the others from running.
func runAll(ctx context.Context, b *run.Bench, todo []run.Scenario, out, command string) (err error) {
	if b.Self, err = os.Executable(); err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	if b.Ringcast == "" && !b.Mirror {
		if b.Ringcast, err = build(ctx, b.Dir); err != nil {
			return err
		}
	}
	if err := b.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = b.Stop() }()
	var failed []string
	machine := report.ThisMachine()
	for _, s := range todo {
		d, err := b.Run(ctx, s)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.Failures = append(d.Failures, err.Error())
		}
		if err := d.Text(os.Stdout); err != nil {
			return err
		}
		if out != "" {
			if err := d.WriteFiles(out, machine, command); err != nil {
				return err
			}
		}
		if len(d.Failures) > 0 {
			failed = append(failed, s.Name)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("FAILED: %s", strings.Join(failed, ", "))
	}
	return nil
}

func build(ctx context.Context, dir string) (path string, err error) {
	path = filepath.Join(dir, "ringcast")
	c := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/ringcast/ringcast/cmd/ringcast")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("cannot build ringcast: %w", err)
	}
	return path, nil
}
