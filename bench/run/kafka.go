//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// KafkaKind says which Kafka a benchmark runs on.
type KafkaKind string

// Kinds of Kafka.
const (
	// KafkaAuto is the embedded one, and a real one where ringcast is compared with another client of Kafka and Java
	// is there.
	KafkaAuto KafkaKind = "auto"
	// KafkaEmbedded is kfake, in a process of its own.
	KafkaEmbedded KafkaKind = "embedded"
	// KafkaReal is one node of Apache Kafka.
	KafkaReal KafkaKind = "real"
)

// KafkaStarted is the line of JSON that the embedded Kafka writes when it accepts connections.
type KafkaStarted struct {
	Brokers []string `json:"brokers"`
}

// CountRequests is the command that is answered with KafkaRequests.
const CountRequests = "requests"

// KafkaCommand is one line of JSON that the embedded Kafka reads from its standard input.
type KafkaCommand struct {
	Do string `json:"do"`
}

// KafkaRequests says how often each of Kafka's APIs was asked since the first CountRequests.
type KafkaRequests struct {
	Requests map[string]uint64 `json:"requests"`
}

// Start starts the Kafka.
func (b *Bench) Start(ctx context.Context) error {
	if b.Kafka == KafkaReal {
		return b.startReal(ctx)
	}
	child, err := proc.Start(b.Dir, "kafka", true, b.Self, "kafka")
	if err != nil {
		return err
	}
	b.kafka = child
	var started KafkaStarted
	if err := child.Read(&started); err != nil {
		return errors.Join(err, child.Stop(time.Second))
	}
	if err := b.use(started.Brokers); err != nil {
		return errors.Join(err, child.Stop(time.Second))
	}
	return nil
}

// realStart bounds the start of a real Kafka, and fetching it the first time.
const realStart = 5 * time.Minute

func (b *Bench) startReal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, realStart)
	defer cancel()
	cluster, err := kafka.Start(ctx, kafka.Options{})
	if err != nil {
		return fmt.Errorf("cannot start a real Kafka: %w", err)
	}
	b.cluster = cluster
	return b.use(cluster.Addrs())
}

func (b *Bench) use(brokers []string) error {
	_, port, err := net.SplitHostPort(brokers[0])
	if err == nil {
		b.kafkaPort, err = strconv.Atoi(port)
	}
	if err != nil {
		return fmt.Errorf("cannot use broker address %q: %w", brokers[0], err)
	}
	b.brokers = brokers
	return nil
}

// Stop stops the Kafka.
func (b *Bench) Stop() error {
	if b.cluster != nil {
		b.cluster.Close()
		return nil
	}
	return b.kafka.Stop(5 * time.Second)
}

// withPeerKafka runs do on the Kafka that suits a comparison with another client: a real one, unless that was not
// wanted or cannot be had. do is told which it is.
func (b *Bench) withPeerKafka(ctx context.Context, do func(b *Bench, name string) error) error {
	const embedded = "the embedded Kafka, in memory"
	switch {
	case b.cluster != nil:
		return do(b, "Apache Kafka, one node")
	case b.Kafka == KafkaEmbedded:
		return do(b, embedded)
	}
	other := *b
	if err := other.startReal(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.progress("going on with the embedded Kafka: %v", err)
		return do(b, embedded+" (a real one could not be started)")
	}
	defer other.cluster.Close()
	return do(&other, "Apache Kafka, one node")
}

// kafkaPIDs returns the processes of the Kafka that are known.
func (b *Bench) kafkaPIDs() []int {
	if b.cluster != nil {
		return nil
	}
	return []int{b.kafka.PID()}
}

// requests returns how often the embedded Kafka was asked what since the first call; nil on a real one.
func (b *Bench) requests() (map[string]uint64, error) {
	if b.cluster != nil {
		return nil, nil
	}
	if err := b.kafka.Send(KafkaCommand{Do: CountRequests}); err != nil {
		return nil, err
	}
	var r KafkaRequests
	err := b.kafka.Read(&r)
	return r.Requests, err
}
