package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/cmd/ringcast-demo/wiki"
)

// What the embedded Kafka retains of each partition.
const (
	keepBytes = "4194304"
	keepTime  = "3600000" // milliseconds
)

// kafka is the embedded Kafka and the generator's producer.
type kafka struct {
	cluster *kfake.Cluster
	client  *kgo.Client
}

// startKafka starts one broker on loopback, with the generator's topics.
func startKafka(partitions int32) (*kafka, error) {
	var topics []string
	for _, s := range wiki.Streams() {
		for _, prefix := range wiki.Prefixes() {
			topics = append(topics, prefix+s.Topic)
		}
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...),
		kfake.BrokerConfigs(map[string]string{"log.retention.bytes": keepBytes, "log.retention.ms": keepTime}))
	if err != nil {
		return nil, fmt.Errorf("cannot start the embedded Kafka: %w", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("cannot make a producer: %w", err)
	}
	return &kafka{cluster, client}, nil
}

func (k *kafka) addr() string { return k.cluster.ListenAddrs()[0] }

func (k *kafka) close() {
	k.client.Close()
	k.cluster.Close()
}

// generate produces events at a rate, per second, until ctx ends.
func (k *kafka) generate(ctx context.Context, g *wiki.Generator, rate float64) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	retain := time.NewTicker(10 * time.Second)
	defer retain.Stop()
	begun, made := time.Now(), 0
	failed := make(chan error, 1)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("cannot produce to the embedded Kafka: %w", err)
		case <-retain.C:
			k.cluster.ApplyRetention()
		case now := <-tick.C:
			for want := int(rate * now.Sub(begun).Seconds()); made < want && ctx.Err() == nil; made++ {
				topic, key, value := g.Next(now)
				k.client.Produce(ctx, &kgo.Record{Topic: topic, Key: key, Value: value}, func(_ *kgo.Record, err error) {
					if err != nil && ctx.Err() == nil {
						select {
						case failed <- err:
						default:
						}
					}
				})
			}
		}
	}
}
