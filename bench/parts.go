//go:build linux

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/bench/intake"
	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/run"
	"github.com/ringcast/ringcast/bench/yardstick"
)

// parts are the processes of a benchmark. Each is this program with the name as first argument, speaks
// lines of JSON, and can be used by hand.
var parts = map[string]func(context.Context, []string) error{
	"kafka":     kafkaPart,
	"load":      loadPart,
	"yardstick": yardstickPart,
	"consume":   consumePart,
}

// kafkaPart is an embedded Kafka in memory, until its standard input ends.
func kafkaPart(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("kafka", flag.ExitOnError)
	topics := flags.String("topics", "", "topics to make at the start, separated by commas")
	partitions := flags.Int("partitions", 1, "their number of partitions")
	if err := flags.Parse(args); err != nil {
		return err
	}
	options := []kfake.Opt{kfake.NumBrokers(1)}
	if *topics != "" {
		options = append(options, kfake.SeedTopics(int32(*partitions), strings.Split(*topics, ",")...))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return fmt.Errorf("cannot start the embedded Kafka: %w", err)
	}
	defer cluster.Close()
	if err := json.NewEncoder(os.Stdout).Encode(run.KafkaStarted{Brokers: cluster.ListenAddrs()}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// loadPart is the load generator; its commands are load.Command lines.
func loadPart(ctx context.Context, args []string) error {
	var c load.Config
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&c.Server, "server", "", "address of the server")
	flags.StringVar(&c.Path, "path", "/", "path of the stream")
	flags.IntVar(&c.Workers, "workers", 1, "reading goroutines")
	flags.IntVar(&c.Partitions, "partitions", 1, "partitions of the topic")
	flags.IntVar(&c.Size, "size", 300, "bytes of every record")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return load.Serve(ctx, c, os.Stdin, os.Stdout)
}

// yardstickPart is the yardstick server, until SIGTERM.
func yardstickPart(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("yardstick", flag.ExitOnError)
	brokers, topic := kafkaFlags(flags)
	mode := flags.String("mode", string(yardstick.Auto), "auto: whatever has arrived in one write; b1: one event a write")
	shards := flags.Int("shards", 0, "writing goroutines; 0: one for each core")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return yardstick.Serve(ctx, yardstick.Config{
		Brokers: strings.Split(*brokers, ","), Topic: *topic, Mode: yardstick.Mode(*mode), Shards: *shards,
	}, os.Stdout)
}

// consumePart is the bare consumer that ingest is measured against.
func consumePart(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("consume", flag.ExitOnError)
	brokers, topic := kafkaFlags(flags)
	records := flags.Uint64("records", 0, "stop after this many; 0: when the group session has begun")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return intake.Count(ctx, strings.Split(*brokers, ","), *topic, *records, os.Stdout)
}

func kafkaFlags(flags *flag.FlagSet) (brokers, topic *string) {
	return flags.String("brokers", "", "Kafka brokers, separated by commas"), flags.String("topic", "", "topic to read from its begin")
}
