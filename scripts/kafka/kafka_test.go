//go:build kafka

package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// faultTime bounds one step of a test: a kill and restart takes 5 to 15 s on busy cores.
const faultTime = 90 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultTime)
	t.Cleanup(cancel)
	return ctx
}

func TestOneNodeOfEachVersion(t *testing.T) {
	for _, version := range []string{"3.9", "4"} {
		t.Run(version, func(t *testing.T) {
			began := time.Now()
			c := ForTest(t, Options{Version: version})
			t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
			if err := c.CreateTopic(within(t), "a", 2, 0, nil); err != nil {
				t.Fatal(err)
			}
			acknowledgedSurviveKill(t, c)
			kcatIsRead(t, c)
			topicsComeAndGo(t, c)
			frozenThenClosed(t, c)
		})
	}
}

// acknowledgedSurviveKill: what the producer calls acknowledged around a kill -9 is in the log, as an independent client reads it.
func acknowledgedSurviveKill(t *testing.T, c *Cluster) {
	t.Helper()
	const records, killAt = 600, 200
	p, err := c.NewProducer(ProducerOptions{Rate: 500})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx := within(t)
	var ready time.Duration
	restarted := make(chan error, 1)
	for i := range records {
		if i == killAt {
			if err := c.Kill(1); err != nil {
				t.Fatal(err)
			}
			go func() {
				began := time.Now()
				err := c.Restart(ctx, 1)
				ready = time.Since(began)
				restarted <- err
			}()
		}
		if err := p.Send(ctx, "a", int32(i%2), []byte("k"), fmt.Appendf(nil, `{"i":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	t.Logf("ready %v after the restart of a killed node", ready.Round(time.Millisecond))
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	acked := p.Acked()
	if len(acked) != records {
		t.Fatalf("%d records are acknowledged, want %d", len(acked), records)
	}
	for partition := range int32(2) {
		var want []string
		for _, a := range acked {
			if a.Partition == partition {
				want = append(want, fmt.Sprintf("%d %s %s", a.Offset, a.Key, a.Value))
			}
		}
		got, err := KcatConsume(ctx, c.Addrs()[0], "a", partition, 0, `%o %k %s\n`)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("partition %d: kcat reads %d records, the producer has %d acknowledged, or they differ", partition, len(got), len(want))
		}
	}
}

// kcatIsRead: what kcat wrote is there for sarama.
func kcatIsRead(t *testing.T, c *Cluster) {
	t.Helper()
	before, err := c.NewestOffsets("a")
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{`{"from":"kcat"}`, "\u00e9\u2028", " "}
	if err := KcatProduce(within(t), c.Addrs()[0], "a", 1, lines); err != nil {
		t.Fatal(err)
	}
	consumer, err := sarama.NewConsumer(c.Addrs(), c.options.clientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	pc, err := consumer.ConsumePartition("a", 1, before[1])
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	for i, want := range lines {
		select {
		case m := <-pc.Messages():
			if string(m.Value) != want {
				t.Errorf("record %d = %q, want %q", i, m.Value, want)
			}
		case <-within(t).Done():
			t.Fatalf("record %d of kcat does not arrive", i)
		}
	}
}

func topicsComeAndGo(t *testing.T, c *Cluster) {
	t.Helper()
	ctx := within(t)
	ids := map[sarama.Uuid]bool{}
	for range 2 {
		if err := c.CreateTopic(ctx, "b", 1, 1, map[string]string{"retention.ms": "60000"}); err != nil {
			t.Fatal(err)
		}
		answer, err := c.metadata(c.nodes[0], "b")
		if err != nil {
			t.Fatal(err)
		}
		ids[answer.Topics[0].Uuid] = true
		if err := c.AddPartitions(ctx, "b", 3); err != nil {
			t.Fatal(err)
		}
		if leader, err := c.LeaderOf("b", 2); leader != 1 || err != nil {
			t.Errorf("leader of the new partition: %d, %v, want 1", leader, err)
		}
		if err := c.ElectPreferred("b", 0, 1, 2); err != nil {
			t.Error(err)
		}
		if err := c.DeleteTopic(ctx, "b"); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != 2 {
		t.Errorf("a re-created topic has the id of the one before")
	}
	if err := c.DeleteRecords("a", map[int32]int64{0: 10}); err != nil {
		t.Fatal(err)
	}
	got, err := KcatConsume(ctx, c.Addrs()[0], "a", 0, sarama.OffsetOldest, `%o\n`)
	if err != nil || len(got) == 0 || got[0] != "10" {
		t.Errorf("first record after DeleteRecords below 10: %q, %v", got[:min(len(got), 1)], err)
	}
}

// frozenThenClosed: a frozen node answers nothing until thawed, and Close ends it all the same.
func frozenThenClosed(t *testing.T, c *Cluster) {
	t.Helper()
	ctx := within(t)
	if err := c.Freeze(1); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(ctx, 1); err == nil || !strings.Contains(err.Error(), "it is frozen") {
		t.Errorf("Stop of a frozen node: %v", err)
	}
	if err := c.Thaw(1); err != nil {
		t.Fatal(err)
	}
	if err := c.awaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(ctx, 1); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.Restart(ctx, 1); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready %v after the restart of a stopped node", time.Since(began).Round(time.Millisecond))
	if err := c.Freeze(1); err != nil {
		t.Fatal(err)
	}
	process := c.nodes[0].proc.cmd.Process
	c.Close()
	if err := process.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the frozen node lives after Close: %v", err)
	}
}

func TestThreeNodes(t *testing.T) {
	began := time.Now()
	c := ForTest(t, Options{Nodes: 3})
	t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	ctx := within(t)
	if err := c.CreateTopic(ctx, "a", 1, 0, nil); err != nil {
		t.Fatal(err)
	}
	p, err := c.NewProducer(ProducerOptions{Rate: 300})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	const records = 600
	first, err := c.LeaderOf("a", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if i == records/3 {
			if err := c.Kill(first); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Send(ctx, "a", 0, nil, fmt.Appendf(nil, `%d`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if now, err := c.LeaderOf("a", 0); err != nil || now == first {
		t.Errorf("leader after the kill of %d: %d, %v", first, now, err)
	}
	if err := c.Restart(ctx, first); err != nil {
		t.Fatal(err)
	}
	if err := c.ElectPreferred("a", 0); err != nil {
		t.Error(err)
	}
	controllerMoves(t, c)
	got, err := KcatConsume(ctx, strings.Join(c.Addrs(), ","), "a", 0, 0, `%o %s\n`)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != records || len(p.Acked()) != records {
		t.Fatalf("%d records in the log, %d acknowledged, want %d", len(got), len(p.Acked()), records)
	}
	for i, a := range p.Acked() {
		if want := fmt.Sprintf("%d %d", i, i); got[i] != want || a.Offset != int64(i) {
			t.Fatalf("record %d in the log: %q, acknowledged at %d", i, got[i], a.Offset)
		}
	}
}

// controllerMoves: the controller is another node once it is killed, and a topic is where it was put.
func controllerMoves(t *testing.T, c *Cluster) {
	t.Helper()
	ctx := within(t)
	first, err := c.Controller(ctx)
	if err != nil {
		t.Fatal(err)
	}
	on := []int32{int32(first%3 + 1), int32((first+1)%3 + 1)}
	if err := c.CreateTopicOn(ctx, "b", [][]int32{on}); err != nil {
		t.Fatal(err)
	}
	if leader, err := c.LeaderOf("b", 0); err != nil || leader != int(on[0]) {
		t.Errorf("leader of a topic on nodes %v: %d, %v", on, leader, err)
	}
	if err := c.Kill(first); err != nil {
		t.Fatal(err)
	}
	err = poll(ctx, func() error {
		now, err := c.Controller(ctx)
		if err == nil && now == first {
			err = errors.New("the killed node is still the controller")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := c.Restart(ctx, first); err != nil {
		t.Fatal(err)
	}
}

// TestPortClash: a port that another process holds fails the start with a reason that Start answers with other ports.
func TestPortClash(t *testing.T) {
	running := ForTest(t, Options{})
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	second := &Cluster{options: o, release: running.release, java: running.java, dir: t.TempDir()}
	second.nodes = []*node{newNode(second, 1, running.nodes[0].ports)}
	defer second.Close()
	if err := second.nodes[0].format(within(t), "MkU3OEVBNTcwNTJENDM2Qg"); err != nil {
		t.Fatal(err)
	}
	if err := second.nodes[0].start(); err != nil {
		t.Fatal(err)
	}
	<-second.nodes[0].proc.exited
	if err := second.awaitReady(within(t)); !errors.Is(err, errPortTaken) {
		t.Errorf("start on taken ports: %v, want %v", err, errPortTaken)
	}
}
