package blackbox

import (
	"fmt"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestRecreatedWhileAway: clients that were away while a topic was created
// again are told, and read the new log from its first retained record, however
// long it is, at an instance that was there and at one that was not.
func TestRecreatedWhileAway(t *testing.T) {
	t.Parallel()
	const before, ring = 150, 32
	f := func(name string, after int, expired int64) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newFake(t, topics(2, "t"))
			config := k.config("", fmt.Sprintf("events = %d", ring))
			in := startConfig(t, config)
			in.waitReady()
			r := record(t, k.book, in.url("s"), "t", 2)
			for range before / 10 {
				k.produce("t", 0, 10, 100)
				k.produce("t", 1, 10, 100)
			}
			r.reach(2 * before)
			points := r.end()
			k.recreate("t", 2)
			for range after / 10 {
				k.produce("t", 0, 10, 100)
				k.produce("t", 1, 10, 100)
			}
			if expired > 0 {
				k.deleteRecords("t", 0, expired)
				k.deleteRecords("t", 1, expired)
			}
			fresh := startConfig(t, config)
			fresh.waitReady()
			var clients []*follower
			for _, at := range []*instance{in, fresh} {
				eventually(t, patience, func() bool { return at.epoch("s", "t") == fresh.epoch("s", "t") }, func() string { return "the new topic is not noticed" })
				for i := 0; i < len(points); i += 75 {
					c := follow(t, ledger.Config{URLs: []string{at.url("s")}, Book: k.book, LastEventID: points[i].id, Mode: ledger.Mode(i / 75 % 2)})
					clients = append(clients, c)
				}
			}
			for i, c := range clients {
				eventually(t, patience, func() bool { return len(c.Notices()) >= 2 }, func() string { return fmt.Sprintf("client %d was told %v", i, c.Notices()) })
			}
			k.exact([]ledger.Kind{ledger.Gap}, clients...)
			for i, c := range clients {
				told := map[int32]int64{0: -1, 1: -1}
				for _, n := range c.Notices() {
					if n.Gap == nil || n.Gap.Reason != "recreated" && n.Gap.Reason != "expired" {
						t.Errorf("client %d was told %q", i, n.Text)
						continue
					}
					told[n.Gap.Partition] = max(told[n.Gap.Partition], n.Gap.Given)
				}
				for p, given := range told {
					if given < 0 || given > expired {
						t.Errorf("client %d begins partition %d at %d, want 0 or %d: %v", i, p, given, expired, c.Notices())
					}
				}
				if n := c.Counts(); c.wrong() || n.Connections != 1 {
					t.Errorf("client %d: %+v", i, n)
				}
			}
			k.produce("t", 0, 10, 100)
			k.exact([]ledger.Kind{ledger.Gap}, clients...)
		})
	}
	f("shorter", 50, 0)
	f("longer", 400, 0)
	f("empty", 0, 0)
	f("longer, expired", 400, 200)
}

// TestFewerPartitions: a topic that is created again with fewer partitions.
func TestFewerPartitions(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(3, "t"))
	config := k.config("", "events = 32")
	in := startConfig(t, config)
	in.waitReady()
	live := follow(t, ledger.Config{URLs: []string{in.url("s")}})
	live.started(3)
	r := record(t, k.book, in.url("s"), "t", 3)
	k.scatterOver(3, 100)
	r.reach(100)
	points := r.end()
	k.recreate("t", 1)
	k.produce("t", 0, 100, 100)
	fresh := startConfig(t, config)
	fresh.waitReady()
	for _, at := range []*instance{in, fresh} {
		eventually(t, patience, func() bool { return at.epoch("s", "t") == fresh.epoch("s", "t") }, func() string { return "the new topic is not noticed" })
		for _, i := range []int{0, 50, 100} {
			c := follow(t, ledger.Config{URLs: []string{at.url("s")}, Book: k.book, LastEventID: points[i].id})
			eventually(t, patience, func() bool { return c.Receipt().Reached(k.book.End()) }, func() string {
				return fmt.Sprintf("the new log does not come: %+v, %v", c.Counts(), c.Notices())
			})
			reasons := map[string]int{}
			for _, n := range c.Notices() {
				if n.Gap == nil {
					t.Fatalf("told %q", n.Text)
				}
				reasons[n.Gap.Reason]++
			}
			if reasons["recreated"] < 1 || at == fresh && reasons["partition_gone"] != 2 {
				t.Errorf("reasons of gaps: %v", reasons)
			}
			if n := c.Counts(); c.wrong() || n.Connections != 1 {
				t.Errorf("%+v", n)
			}
			k.exact([]ledger.Kind{ledger.Gap}, c)
		}
	}
}

// TestTopicGone: a topic that is deleted and stays away costs no client of the
// stream's other topics anything.
func TestTopicGone(t *testing.T) {
	for _, id := range []string{"both", "timestamp"} {
		t.Run(id, func(t *testing.T) { topicGone(t, id) })
	}
}

func topicGone(t *testing.T, id string) {
	t.Parallel()
	k := newFake(t, topics(1, "a", "t", "z"))
	config := k.configOf("", fmt.Sprintf("events = 32\nid = %q", id), "a", "t", "z")
	in := startConfig(t, config)
	in.waitReady()
	live := followAll(t, 2, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 3)
	old := live[0].LastEventID()
	live[0].end()
	for _, topic := range []string{"a", "t", "z"} {
		k.produce(topic, 0, 60, 100)
	}
	k.complete(live[1])
	newest := live[1].LastEventID()
	for _, gone := range []string{"a", "z"} {
		if err := k.cluster.DeleteTopic(gone); err != nil {
			t.Fatal(err)
		}
	}
	k.produce("t", 0, 60, 100)
	fresh := startConfig(t, config)
	fresh.waitReady()
	var back []*follower
	for _, at := range []*instance{in, fresh} {
		eventually(t, patience, func() bool { return at.metric(`ringcast_topics_missing{stream="s"}`) == 2 }, func() string { return "the loss is not noticed" })
		for _, id := range []string{old, newest} {
			back = append(back, follow(t, ledger.Config{URLs: []string{at.url("s")}, Book: k.book, LastEventID: id}))
		}
	}
	for range 2 {
		for _, c := range append(back, live[1]) {
			eventually(t, patience, func() bool { return c.Receipt().Reached(k.book.End("t")) }, func() string {
				return fmt.Sprintf("the topic that is there does not come: %+v, notices %v", c.Counts(), c.Notices())
			})
			if n := c.Counts(); c.wrong() || n.Connections != 1 {
				t.Errorf("%+v", n)
			}
		}
		k.produce("t", 0, 60, 100)
	}
}
