package blackbox

import (
	"strings"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestPartitionsAdded: new partitions are read from their first record, by
// those who are there and by those who come back with an older id.
func TestPartitionsAdded(t *testing.T) {
	k := newFake(t, topics(2, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	config := ledger.Config{URLs: []string{in.url("s")}, Book: k.book}
	live := followAll(t, 3, config, 2)
	k.produce("t", 0, 5, 100)
	k.complete(live...)
	away := live[2]
	away.end()
	l := k.traffic(2)
	l.reach(20)
	l.stop()
	k.grow("t", 4)
	l = k.traffic(4)
	l.reach(200)
	l.stop()
	k.complete(live[:2]...)
	config.LastEventID = away.LastEventID()
	k.complete(follow(t, config))
}

// TestTopicComesLater: a stream whose topic is missing is there, says so, and
// begins with the topic's first record.
func TestTopicComesLater(t *testing.T) {
	k := newFake(t)
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	if _, body := in.get("/readyz"); !strings.Contains(body, "missing topics: t") {
		t.Errorf("/readyz does not name the topic: %s", body)
	}
	live := followAll(t, 2, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)
	if id := live[0].LastEventID(); !strings.Contains(id, `"topic":"t","partition":0,"offset":0`) || !strings.Contains(id, `.-"`) {
		t.Errorf("the greeting's id is %s", id)
	}
	away := live[1].LastEventID()
	live[1].end()
	k.create("t", 2)
	k.produce("t", 0, 5, 100)
	k.produce("t", 1, 5, 100)
	k.complete(live[0])
	k.complete(follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: away}))
	eventually(t, patience, func() bool { return in.metric(`ringcast_topics_missing{stream="s"}`) == 0 }, func() string { return "still missing" })
}

// TestTopicIsCreatedAgain: offsets of the old log mean nothing in the new one,
// whether they fit into it or not. Clients are told, and get all of the new.
func TestTopicIsCreatedAgain(t *testing.T) {
	f := func(name string, before, after int) {
		t.Run(name, func(t *testing.T) {
			told := ledger.GapNotice{Topic: "t", Asked: int64(before), Reason: "recreated"}
			k := newFake(t, topics(1, "t"))
			in := startConfig(t, k.config("", ""))
			in.waitReady()
			config := ledger.Config{URLs: []string{in.url("s")}, Book: k.book}
			clients := followAll(t, 3, config, 1)
			k.produce("t", 0, before, 100)
			k.complete(clients...)
			live, away := clients[:2], clients[2]
			away.end()
			k.recreate("t", 1)
			k.produce("t", 0, after, 100)
			k.exact([]ledger.Kind{ledger.Gap}, live...)
			for _, c := range live {
				// Records may come under the old epoch before the server notices.
				if n := c.Notices(); len(n) == 1 && n[0].Gap != nil && n[0].Gap.Asked > int64(before) && n[0].Gap.Asked <= int64(after) {
					n[0].Gap.Asked = int64(before)
				}
				c.told(told)
				if n := c.Counts().Connections; n != 1 {
					t.Errorf("%d connections", n)
				}
			}
			old := away.LastEventID()
			back := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: old,
				Start: ledger.Positions{{Topic: "t", Partition: 0}: 0}})
			k.exact([]ledger.Kind{ledger.Gap}, back)
			back.told(told)
			k.produce("t", 0, 3, 100)
			k.exact([]ledger.Kind{ledger.Gap}, live[0], live[1], back)
		})
	}
	f("shorter", 20, 5)
	f("longer", 20, 40)
}

// told demands exactly one notice, of a gap.
func (f *follower) told(want ledger.GapNotice) {
	f.t.Helper()
	if n := f.Notices(); len(n) != 1 || n[0].Gap == nil || *n[0].Gap != want {
		f.t.Errorf("notices %+v, want %v", n, want)
	}
}
