//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/bench/run"
)

// kafkaPart is an embedded Kafka in memory, until its standard input ends. Its commands are run.KafkaCommand lines.
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
	go func() { ended <- answerKafka(cluster, os.Stdin, os.Stdout) }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// requests counts what a cluster is asked, by the names of Kafka's APIs.
type requests struct {
	mu     sync.Mutex
	counts map[string]uint64 // guarded by mu; nil until somebody asks: to count costs the cluster time
}

// answerKafka runs the commands of in until it ends.
func answerKafka(cluster *kfake.Cluster, in io.Reader, out io.Writer) error {
	commands, answers := json.NewDecoder(in), json.NewEncoder(out)
	var r requests
	for {
		var cmd run.KafkaCommand
		if err := commands.Decode(&cmd); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("cannot read a command: %w", err)
		}
		if cmd.Do != run.CountRequests {
			return fmt.Errorf("cannot run command %q: allowed is %q", cmd.Do, run.CountRequests)
		}
		if err := r.answer(cluster, answers); err != nil {
			return fmt.Errorf("cannot answer a command: %w", err)
		}
	}
}

func (r *requests) answer(cluster *kfake.Cluster, answers *json.Encoder) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[string]uint64)
		cluster.Control(func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.counts[kmsg.NameForKey(q.Key())]++
			return nil, nil, false
		})
	}
	return answers.Encode(run.KafkaRequests{Requests: r.counts})
}
