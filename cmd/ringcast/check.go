package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/cmd/serve"
	"github.com/ringcast/ringcast/conf"
)

// checkTime bounds the questions of -kafka.
const checkTime = 15 * time.Second

// runCheck validates a configuration and prints what it means.
func runCheck(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("check", flag.ContinueOnError)
	fs.SetOutput(stderr)
	file := fs.String("config", "", "configuration `FILE` (TOML)")
	kafka := fs.Bool("kafka", false, "also connect to Kafka and check topics and partitions")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if *file == "" || fs.NArg() > 0 {
		fmt.Fprint(stderr, "check needs -config FILE and nothing else\n\n", usage)
		return exitUsage
	}
	cfg, err := conf.Load(*file, serve.VerifyFiles)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitConfig
	}
	fmt.Fprint(stdout, cfg.TOML())
	printMemory(stdout, cfg)
	for _, w := range cfg.Warnings {
		fmt.Fprintln(stderr, "warning:", w)
	}
	if *kafka {
		return checkKafka(cfg, stdout, stderr)
	}
	return exitOK
}

// printMemory prints the worst case, as comments behind the configuration.
func printMemory(w io.Writer, cfg *conf.Config) {
	parts, total := cfg.WorstCase()
	fmt.Fprintln(w, "\n# memory at worst:")
	for _, p := range parts {
		fmt.Fprintf(w, "# %12.1f MiB  %s\n", mebibytes(p.Bytes), p.Name)
	}
	fmt.Fprintf(w, "# %12.1f MiB  in all", mebibytes(total))
	if cfg.Memory > 0 {
		fmt.Fprintf(w, ", of %.1f MiB that this process may use", mebibytes(cfg.Memory))
	}
	fmt.Fprintln(w)
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// checkKafka asks Kafka for every topic of the configuration.
func checkKafka(cfg *conf.Config, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	streams := make(map[string][]string)
	for _, s := range cfg.Streams {
		streams[s.Name] = s.Topics
	}
	found, err := broker.Inspect(ctx, serve.Kafka(cfg), streams)
	if err != nil {
		key := "kafka.brokers"
		var trouble *broker.Trouble
		if errors.As(err, &trouble) {
			key = trouble.Key
		}
		fmt.Fprintf(stderr, "%s: cannot ask Kafka at %q: %v\n", key, cfg.Kafka.Brokers, err)
		return exitConfig
	}
	status := exitOK
	fmt.Fprintln(stdout, "\n# topics:")
	for _, s := range cfg.Streams {
		partitions := 0
		for _, t := range s.Topics {
			f := found.Topics[t]
			if f.Err != nil {
				fmt.Fprintf(stderr, "streams.%s.topics: topic %q: %v\n", s.Name, t, f.Err)
				status = exitConfig
				continue
			}
			partitions += f.Partitions
			fmt.Fprintf(stdout, "# %s: %s, %d partitions\n", s.Name, t, f.Partitions)
		}
		if err := found.Groups[s.Name]; err != nil {
			fmt.Fprintf(stderr, "streams.%s: %v\n", s.Name, err)
			status = exitConfig
		}
		if n := idBytes(s, partitions); n > maxJSONID {
			fmt.Fprintf(stderr, "streams.%s: ids would be %d bytes for %d partitions, allowed are %d\n", s.Name, n, partitions, maxJSONID)
			status = exitConfig
		} else if n > warnJSONID {
			fmt.Fprintf(stderr, "warning: streams.%s: ids of about %d bytes with every event, for %d partitions\n", s.Name, n, partitions)
		}
	}
	return status
}

const (
	maxJSONID  = 4 << 10 // CONFIG.md
	warnJSONID = 512     // a quarter of an event of 1.5 KiB and its id
)

// idBytes estimates the id of a stream with so many partitions.
func idBytes(s conf.Stream, partitions int) int {
	longest := 0
	for _, t := range s.Topics {
		longest = max(longest, len(t))
	}
	entry := len(`{"topic":"","partition":0,"offset":1234567890,"timestamp":1234567890123,"epoch":"cccccc.tttttt"},`)
	if s.ID != conf.IDBoth {
		entry -= len(`"timestamp":1234567890,`)
	}
	return partitions * (entry + longest)
}
