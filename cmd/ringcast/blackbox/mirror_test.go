package blackbox

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ringcast/ringcast/bench/ledger"
)

// mirrorTime is the record time of the n-th record of a partition, Unix
// milliseconds: three share one.
func mirrorTime(n int64) int64 { return mirrorBegin + n/3 }

// mirrorBegin is some time ago, so that no record comes from the future.
var mirrorBegin = time.Now().Add(-10 * time.Minute).UnixMilli()

// mirrored makes the n-th record of a partition, the same for every cluster.
func mirrored(topic string, partition int32, n int64, size int) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Timestamp: time.UnixMilli(mirrorTime(n)), Value: ledger.Value(topic, partition, n, size)}
}

// tally is the account of a client whose stream is read now from one, now from
// another cluster with the same records at other offsets. It goes by the numbers
// in the values: every one must come, in order; again only those of the
// millisecond that was the last one so far.
type tally struct {
	mu      sync.Mutex
	got     map[ledger.TopicPartition]*counted
	wrong   []string
	repeats int
	before  int64 // milliseconds before that which may come again too
	last    time.Time
	pause   time.Duration // longest between two events
}

// counted is one partition of a tally.
type counted struct {
	cursor int64 // the last one that came
	most   int64 // the largest one
}

// count books what a client is given, from the records in start on.
func count(c *ledger.Config, start ledger.Positions) *tally {
	t := &tally{got: make(map[ledger.TopicPartition]*counted)}
	for tp, n := range start {
		t.got[tp] = &counted{n - 1, n - 1}
	}
	c.OnEvent = t.event
	return t
}

func (t *tally) event(e ledger.Event) {
	topic, partition, n, ok := ledger.IdentifyValue(e.Data)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last.IsZero() {
		t.pause = max(t.pause, e.Received.Sub(t.last))
	}
	t.last = e.Received
	tp := ledger.TopicPartition{Topic: topic, Partition: partition}
	c := t.got[tp]
	if !ok || c == nil {
		t.wrong = append(t.wrong, fmt.Sprintf("unknown: %.60s", e.Data))
		return
	}
	switch {
	case n == c.most+1 && n == c.cursor+1:
	case n <= c.most && mirrorTime(n) >= mirrorTime(c.most)-t.before && (n <= c.cursor || n == c.cursor+1):
		t.repeats++
	case n > c.cursor+1:
		t.wrong = append(t.wrong, fmt.Sprintf("lost: %v has %d behind %d", tp, n, c.cursor))
	default:
		t.wrong = append(t.wrong, fmt.Sprintf("doubled: %v has %d behind %d", tp, n, c.most))
	}
	c.cursor, c.most = n, max(n, c.most)
}

// lacks says what is wrong, or has not come yet of the records below end.
func (t *tally) lacks(end ledger.Positions) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := ""
	for tp, c := range t.got {
		if n := end[tp]; c.most+1 < n || c.cursor < c.most {
			s += fmt.Sprintf("%v at %d of %d; ", tp, c.cursor, n)
		}
	}
	return s
}

// faults are the first things that are wrong.
func (t *tally) faults() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wrong[:min(len(t.wrong), 5)]
}

// mirror writes the same records to two clusters, at other offsets. What is not
// being read has each record first, as a mirror has that is not behind.
type mirror struct {
	t    *testing.T
	both [2]*fake

	mu   sync.Mutex
	read int  // index of the cluster that is being read
	one  bool // it is the only one that is left
	next ledger.Positions
}

// newMirror makes two clusters with the partitions, of which the second has some
// junk before.
func newMirror(t *testing.T, one, two *fake, partitions ...ledger.TopicPartition) *mirror {
	t.Helper()
	m := &mirror{t: t, both: [2]*fake{one, two}, next: ledger.Positions{}}
	for _, k := range m.both {
		// The producer's patience counts from the record's time.
		k.client.Close()
		k.client = k.connect(kgo.RecordDeliveryTimeout(0))
	}
	for i, tp := range partitions {
		m.next[tp] = 0
		for range 5 + 3*i {
			two.raw(&kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Timestamp: time.UnixMilli(mirrorBegin - 60_000), Value: []byte(`{"junk":1}`)})
		}
	}
	return m
}

// write writes n more records of each partition.
func (m *mirror) write(n, size int) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	make := func() (list []*kgo.Record) {
		for tp, at := range m.next {
			for i := range int64(n) {
				list = append(list, mirrored(tp.Topic, tp.Partition, at+i, size))
			}
		}
		return list
	}
	if !m.one {
		m.both[1-m.read].raw(make()...)
	}
	m.both[m.read].raw(make()...)
	for tp := range m.next {
		m.next[tp] += int64(n)
	}
}

// end is what has been written.
func (m *mirror) end() ledger.Positions {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := ledger.Positions{}
	for tp, n := range m.next {
		p[tp] = n
	}
	return p
}

// reads says which cluster is being read from now on.
func (m *mirror) reads(i int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = i
}
