//go:build linux

package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ringcast/ringcast/bench/run"
)

func TestKafkaCountsRequests(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	in, commands := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- answerKafka(cluster, in, out) }()
	decoder := json.NewDecoder(answers)
	count := func() map[string]uint64 {
		t.Helper()
		if err := json.NewEncoder(commands).Encode(run.KafkaCommand{Do: run.CountRequests}); err != nil {
			t.Fatal(err)
		}
		var r run.KafkaRequests
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		return r.Requests
	}
	if got := count(); len(got) != 0 {
		t.Errorf("before anybody asked: %v", got)
	}
	client, err := sarama.NewClient(cluster.ListenAddrs(), sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	before := count()
	const asked = 3
	for range asked {
		if _, err := client.GetOffset("t", 0, sarama.OffsetNewest); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(); got["ListOffsets"] != before["ListOffsets"]+asked || before["Metadata"] == 0 {
		t.Errorf("%v, then %v", before, got)
	}
	commands.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestKafkaRefusesOtherCommands(t *testing.T) {
	err := answerKafka(nil, strings.NewReader(`{"do":"stop"}`), io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"stop": allowed is "requests"`) {
		t.Errorf("error %v", err)
	}
}
