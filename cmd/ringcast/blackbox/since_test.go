package blackbox

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/bench/ledger"
)

// dated is a history of a known pace: record n of each partition of t is of the
// time at(n), and the last one of now.
type dated struct {
	*fake
	begin time.Time
	step  time.Duration
}

// date writes n records to each of two partitions.
func date(k *fake, n int64, step time.Duration) *dated {
	k.t.Helper()
	d := &dated{fake: k, begin: time.Now().Add(-time.Duration(n) * step).Truncate(time.Second), step: step}
	var list []*kgo.Record
	for i := range n {
		for p := range int32(2) {
			r := k.next("t", p, 100)
			r.Timestamp = d.at(i)
			list = append(list, r)
		}
	}
	// The time for delivery counts from a record's own time.
	cl := k.connect(kgo.RecordDeliveryTimeout(0))
	defer cl.Close()
	if err := cl.ProduceSync(k.t.Context(), list...).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
	for _, r := range list {
		k.enter(r)
	}
	return d
}

func (d *dated) at(n int64) time.Time { return d.begin.Add(time.Duration(n) * d.step) }

// both is a position in both partitions.
func both(n int64) ledger.Positions {
	return ledger.Positions{{Topic: "t"}: n, {Topic: "t", Partition: 1}: n}
}

// TestSince: a time of any spelling gives every record of that time and later,
// and no other, whether the ring has it or Kafka.
func TestSince(t *testing.T) {
	t.Parallel()
	const records = 600
	k := newFake(t, topics(2, "t"))
	d := date(k, records, time.Second)
	config := k.config("", "events = 100")
	in := startConfig(t, config)
	in.waitReady()
	var live []*follower
	f := func(since string, from int64) {
		t.Helper()
		c := follow(t, ledger.Config{URLs: []string{in.url("s") + "?since=" + since}, Book: k.book, Start: both(from)})
		eventually(t, patience, func() bool { return c.LastEventID() != "" && c.Receipt().Reached(k.book.End()) }, func() string {
			return fmt.Sprintf("since %s (from %d): %+v, %v", since, from, c.Counts(), c.all())
		})
		// The greeting speaks of the time asked for, shared ids of records.
		k.exact([]ledger.Kind{ledger.IDBehind}, c)
		if n := c.Counts(); n.Connections != 1 || n.Gaps > 0 {
			t.Errorf("since %s: %+v", since, n)
		}
		if from == records {
			live = append(live, c)
		} else {
			c.end()
		}
	}
	for _, n := range []int64{3, 300, records - 60, records - 10} {
		at := d.at(n).UTC()
		f(fmt.Sprint(at.UnixMilli()), n)
		f(fmt.Sprint(at.UnixMilli()+1), n+1)
		f(fmt.Sprint(at.UnixMilli()-1), n)
		f(at.Format("2006-01-02T15:04:05Z"), n)
		f(at.Format("2006-01-02T15:04:05.000"), n) // without a zone: UTC
		f(url.QueryEscape(at.In(time.FixedZone("", 5400)).Format(time.RFC3339)), n)
		f(at.In(time.FixedZone("", 7200)).Format(time.RFC3339), n) // + is a space in a query
		f(url.QueryEscape(at.Format(time.RFC1123)), n)
	}
	f(d.at(0).UTC().Format(time.DateOnly), 0)
	f("2001-01-01", 0)
	f("1", 0)
	// The future, and nothing at all: the live end.
	f(time.Now().Add(time.Hour).UTC().Format(time.RFC3339), records)
	f(fmt.Sprint(time.Now().Add(100*time.Hour).UnixMilli()), records)
	f("", records)

	// Older than what Kafka retains: the earliest, and nothing was promised.
	k.deleteRecords("t", 0, 200)
	k.deleteRecords("t", 1, 200)
	in = startConfig(t, config)
	in.waitReady()
	f("2001-01-01", 200)
	f(fmt.Sprint(d.at(100).UnixMilli()), 200)
	f(fmt.Sprint(d.at(200).UnixMilli()), 200)
	f(fmt.Sprint(d.at(201).UnixMilli()), 201)

	// An id wins over it, partition by partition.
	newest := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}}, 2)[0].LastEventID()
	g := func(id string, n int64, start ledger.Positions) {
		t.Helper()
		c := follow(t, ledger.Config{URLs: []string{in.url("s") + fmt.Sprintf("?since=%d", d.at(n).UnixMilli())}, Book: k.book, LastEventID: id, Start: start})
		k.exact([]ledger.Kind{ledger.IDBehind}, c)
		c.end()
	}
	g(idAt(t, newest, both(400)), 250, both(400))
	g(idAt(t, newest, both(250)), 400, both(250))
	one := ledger.Positions{{Topic: "t"}: 450, {Topic: "t", Partition: 1}: 300}
	g(`[{"topic":"t","partition":0,"offset":450}]`, 300, one)
	g(`[{"topic":"t","partition":0,"offset":450},"t"]`, 300, one)
	g(`["t"]`, 300, both(300))
	k.scatterOver(2, 10)
	k.exact([]ledger.Kind{ledger.IDBehind}, live...)
}

// TestSinceHerd: what a thousand clients ask at the same time costs Kafka no
// more than what a few ask.
func TestSinceHerd(t *testing.T) {
	t.Parallel()
	const few, many = 5, 100
	k := newFake(t, topics(2, "t"))
	d := date(k, 500, time.Second)
	var asked atomic.Int64
	k.cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	herd := func(n int) (questions, bytes float64) {
		in := startConfig(t, k.config("", "events = 100"))
		in.waitReady()
		before := asked.Load()
		var clients []*follower
		for range n {
			clients = append(clients, follow(t, ledger.Config{URLs: []string{in.url("s") + fmt.Sprintf("?since=%d", d.at(20).UnixMilli())}, Book: k.book, Start: both(20)}))
		}
		k.exact([]ledger.Kind{ledger.IDBehind}, clients...)
		for _, c := range clients {
			if n := c.Counts(); n.Connections != 1 || n.Refusals+n.Failures > 0 {
				t.Errorf("%+v", n)
			}
		}
		in.noPrivate()
		questions = float64(asked.Load() - before)
		for _, c := range clients {
			c.stop()
		}
		return questions, in.metric("ringcast_replay_bytes_total")
	}
	fewAsked, fewBytes := herd(few)
	manyAsked, manyBytes := herd(many)
	t.Logf("%d clients: %v questions, %v bytes; %d clients: %v questions, %v bytes", few, fewAsked, fewBytes, many, manyAsked, manyBytes)
	// Answers are good for a second, and a herd takes some to arrive.
	if manyAsked > 10*fewAsked+20 {
		t.Errorf("%d clients asked %v times where an offset lies, %d clients %v times", many, manyAsked, few, fewAsked)
	}
	if manyBytes > 2*fewBytes {
		t.Errorf("%d clients cost %v bytes, %d clients %v", many, manyBytes, few, fewBytes)
	}
}
