package blackbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// retainRing is how many events the rings of these tests hold.
const retainRing = 64

// TestExpired: what Kafka no longer retains is told, once and exactly, and the
// client goes on at the earliest record there is, in Kafka or in the ring.
func TestExpired(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t"))
	config := k.config("", fmt.Sprintf("events = %d", retainRing))
	in := startConfig(t, config)
	in.waitReady()
	witness := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 2)[0]
	k.produce("t", 1, 100, 100)
	k.complete(witness)
	k.produce("t", 0, 500, 100)
	k.complete(witness)
	newest := witness.LastEventID()
	// resume starts a client in every wire form at a position.
	resume := func(in *instance, at0, at1 int64, told ...ledger.GapNotice) {
		t.Helper()
		at := ledger.Positions{{Topic: "t", Partition: 0}: at0, {Topic: "t", Partition: 1}: at1}
		for i, url := range []string{in.url("s"), in.url("s") + "?notices=event"} {
			c := follow(t, ledger.Config{URLs: []string{url}, Mode: ledger.Mode(i), Book: k.book, LastEventID: idAt(t, newest, at), Start: at})
			k.exact([]ledger.Kind{ledger.Gap}, c)
			c.toldAll(told...)
			c.end()
		}
	}
	gap := func(p int32, asked, given int64) ledger.GapNotice {
		return ledger.GapNotice{Topic: "t", Partition: p, Asked: asked, Given: given, Reason: "expired"}
	}
	// Others than the witness's: what was replayed is remembered for a while.
	in = startConfig(t, config)
	held := startConfig(t, config)
	in.waitReady()
	held.waitReady()

	k.deleteRecords("t", 0, 200)
	k.deleteRecords("t", 1, 100) // all of it
	resume(in, 40, 100, gap(0, 40, 200))
	resume(in, 200, 100)
	resume(in, 199, 20, gap(0, 199, 200), gap(1, 20, 100))
	resume(in, 300, 20, gap(1, 20, 100))
	resume(in, 0, 0, gap(0, 0, 200), gap(1, 0, 100))

	// The ring holds what Kafka has lost.
	const low = 500 - retainRing
	k.deleteRecords("t", 0, 490)
	resume(held, 40, 20, gap(0, 40, low), gap(1, 20, 100))
	resume(held, 0, 100, gap(0, 0, low))
	resume(held, low, 100)
	resume(held, low+5, 100)
	fresh := startConfig(t, config)
	fresh.waitReady()
	resume(fresh, 40, 20, gap(0, 40, 490), gap(1, 20, 100))
	resume(fresh, 490, 100)
	k.deleteRecords("t", 0, 500)
	resume(held, 40, 100, gap(0, 40, low))
	empty := startConfig(t, config)
	empty.waitReady()
	resume(empty, 40, 100, gap(0, 40, 500))

	// It is over when new records come.
	back := follow(t, ledger.Config{URLs: []string{empty.url("s")}, Book: k.book, LastEventID: newest})
	back.started(2)
	k.produce("t", 0, 10, 100)
	k.produce("t", 1, 10, 100)
	k.complete(back, witness)
	if n := empty.metric(`ringcast_gaps_total{stream="s",reason="expired"}`); n != 2 {
		t.Errorf("%v gaps are counted, want 2", n)
	}
}

// TestExpiredUnderReplay: records that go while a client is on its way to them.
func TestExpiredUnderReplay(t *testing.T) {
	t.Parallel()
	const records = 9000
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("", fmt.Sprintf("events = %d", retainRing))+"[replay]\ncache = \"1MiB\"\n")
	in.waitReady()
	witness := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)[0]
	k.produce("t", 0, records, 400)
	k.complete(witness)
	id := idAt(t, witness.LastEventID(), ledger.Positions{{Topic: "t"}: 0})
	var clients []*follower
	for _, url := range []string{in.url("s"), in.url("s") + "?notices=event"} {
		c := ledger.Config{URLs: []string{url}, Book: k.book, LastEventID: id, ReceiveBuffer: smallWindow}
		clients = append(clients, begin(t, c))
	}
	k.deleteRecords("t", 0, records-retainRing/2)
	const given = records - retainRing // the ring still has it
	for _, c := range clients {
		c.Resume()
	}
	k.exact([]ledger.Kind{ledger.Gap}, clients...)
	for _, c := range clients {
		n := c.Notices()
		if len(n) != 1 || n[0].Gap == nil || n[0].Gap.Reason != "expired" || n[0].Gap.Given != given || n[0].Gap.Asked == 0 {
			t.Errorf("notices %+v, want one that gives %d", n, given)
		}
		if got := c.Receipt().Received(); got < retainRing || got >= records {
			t.Errorf("%d records came", got)
		}
	}
}

// TestRetentionGoesOn: records go all the time, from under clients that come
// back all the time.
func TestRetentionGoesOn(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t"))
	config := k.config("", fmt.Sprintf("events = %d", retainRing))
	one, two := startConfig(t, config), startConfig(t, config)
	one.waitReady()
	two.waitReady()
	var urls []string
	for _, in := range []*instance{one, two} {
		urls = append(urls, in.url("s"))
	}
	all := followAll(t, 10, ledger.Config{URLs: urls, Book: k.book}, 2)
	// Times may go back: those of records that an instance did not live to see.
	allowed := []ledger.Kind{ledger.Gap, ledger.IDBehind}
	for round := range int64(40) {
		k.produce("t", 0, 30, 200)
		k.produce("t", 1, 30, 200)
		k.deleteRecords("t", 0, max(0, 30*round-100))
		k.deleteRecords("t", 1, 30*(round+1))
		for i, c := range all {
			if (int(round)+i)%(i+1) == 0 {
				c.Cut(i%2 == 0)
			}
		}
		if round%8 == 7 {
			k.exact(allowed, all...)
		}
	}
	k.exact(allowed, all...)
}

// idAt is an id with other offsets, and no times.
func idAt(t *testing.T, id string, at ledger.Positions) string {
	t.Helper()
	var entries []struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
		Epoch     string `json:"epoch"`
	}
	if err := json.Unmarshal([]byte(id), &entries); err != nil {
		t.Fatalf("id %s: %v", id, err)
	}
	for i, e := range entries {
		if offset, ok := at[ledger.TopicPartition{Topic: e.Topic, Partition: e.Partition}]; ok {
			entries[i].Offset = offset
		}
	}
	changed, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}

// toldAll demands exactly these notices, in any order.
func (f *follower) toldAll(want ...ledger.GapNotice) {
	f.t.Helper()
	left := slices.Clone(want)
	for _, n := range f.Notices() {
		i := -1
		if n.Gap != nil {
			i = slices.Index(left, *n.Gap)
		}
		if i < 0 {
			f.t.Errorf("a client was told %q, want %v", n.Text, want)
			return
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		f.t.Errorf("a client was not told %v", left)
	}
}

// deleteRecords lets retention take the records below an offset.
func (k *fake) deleteRecords(topic string, partition int32, before int64) {
	k.t.Helper()
	if err := k.cluster.DeleteRecords(topic, partition, before); err != nil {
		k.t.Fatal(err)
	}
}

// TestExpiredByTime: a time that is older than what Kafka retains and the ring
// holds means the lower of the two. Only who was given something is told.
func TestExpiredByTime(t *testing.T) {
	t.Parallel()
	const records, low = 500, 500 - retainRing
	const step = 20 * time.Millisecond
	k := newFake(t, topics(1, "t"))
	begin := time.Now().Add(-records * step).Truncate(time.Millisecond)
	at := func(n int64) time.Time { return begin.Add(time.Duration(n) * step) }
	var all []*kgo.Record
	for n := range int64(records) {
		r := k.next("t", 0, 100)
		r.Timestamp = at(n)
		all = append(all, r)
	}
	k.write(all...)
	config := k.config("", fmt.Sprintf("events = %d\nid = \"timestamp\"", retainRing))
	var held []*instance // one for each question: what was replayed is remembered
	for range 4 {
		in := startConfig(t, config)
		in.waitReady()
		held = append(held, in)
	}
	newest := follow(t, ledger.Config{URLs: []string{held[0].url("s")}})
	eventually(t, patience, func() bool { return newest.LastEventID() != "" }, func() string { return "no greeting came" })
	_, epoch, _ := strings.Cut(newest.LastEventID(), `"epoch":`)
	since := func(in *instance, n, given int64) {
		t.Helper()
		c := follow(t, ledger.Config{URLs: []string{in.url("s") + fmt.Sprintf("?since=%d", at(n).UnixMilli())}, Book: k.book, Start: ledger.Positions{{Topic: "t"}: given}})
		k.complete(c)
		c.end()
	}
	resume := func(in *instance, n, given int64, told ...ledger.GapNotice) {
		t.Helper()
		id := fmt.Sprintf(`[{"topic":"t","partition":0,"timestamp":%d,"epoch":%s`, at(n).UnixMilli()+1, epoch)
		c := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, LastEventID: id, Start: ledger.Positions{{Topic: "t"}: given}})
		k.exact([]ledger.Kind{ledger.Gap}, c)
		c.toldAll(told...)
		c.end()
	}
	gap := func(given int64) ledger.GapNotice {
		return ledger.GapNotice{Topic: "t", Asked: -1, Given: given, Reason: "expired"}
	}
	k.deleteRecords("t", 0, 490)
	since(held[0], 40, low)
	since(held[0], low+20, low+20)
	resume(held[1], 40, low, gap(low))
	resume(held[1], low+20, low+21)
	fresh := startConfig(t, config)
	fresh.waitReady()
	since(fresh, 40, 490)
	resume(fresh, 40, 490, gap(490))
	resume(fresh, 495, 496)
	k.deleteRecords("t", 0, records)
	since(held[2], 40, low)
	resume(held[3], 40, low, gap(low))
}
