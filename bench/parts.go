//go:build linux

package main

import (
	"context"
	"flag"
	"os"
	"strings"

	"github.com/ringcast/ringcast/bench/intake"
	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/peers"
	"github.com/ringcast/ringcast/bench/yardstick"
)

// parts are the processes of a benchmark. Each is this program with the name as first argument, speaks
// lines of JSON, and can be used by hand.
var parts = map[string]func(context.Context, []string) error{
	"kafka":     kafkaPart,
	"load":      loadPart,
	"yardstick": yardstickPart,
	"consume":   consumePart,
	"naive":     naivePart,
	"publish":   publishPart,
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
	flags.StringVar(&c.Topic, "topic", "", "topic, for clients that begin at a position")
	flags.IntVar(&c.Rate, "rate", 0, "bytes a second that each client reads; 0: all it can")
	flags.BoolVar(&c.Keep, "keep", false, "keep the last ids, to reconnect")
	flags.BoolVar(&c.Stall, "stall", false, "read nothing after the greeting")
	flags.DurationVar(&c.Late, "late", 0, "leave what arrives for so long, with a receive buffer of 4 KiB")
	flags.BoolVar(&c.TLS, "tls", false, "speak TLS; any certificate will do")
	flags.BoolVar(&c.Plain, "plain", false, "the server is not ringcast: take any event stream")
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

// naivePart is the naive server, until SIGTERM.
func naivePart(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("naive", flag.ExitOnError)
	brokers, topic := kafkaFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	return peers.Naive(ctx, strings.Split(*brokers, ","), *topic, os.Stdout)
}

// publishPart hands records to a server that takes them over HTTP.
func publishPart(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("publish", flag.ExitOnError)
	brokers, topic := kafkaFlags(flags)
	url := flags.String("url", "", "where each record is posted to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return peers.Publish(ctx, strings.Split(*brokers, ","), *topic, *url, os.Stdout)
}

func kafkaFlags(flags *flag.FlagSet) (brokers, topic *string) {
	return flags.String("brokers", "", "Kafka brokers, separated by commas"), flags.String("topic", "", "topic to read from its begin")
}
