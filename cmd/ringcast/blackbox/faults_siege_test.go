//go:build kafka && faults

package blackbox

import (
	"fmt"
	"time"
)

// fault measures what do costs the live clients until everything flows again:
// a row of the table.
func (l *siege) fault(name string, limit time.Duration, do func()) *fault {
	l.t.Helper()
	f := &fault{name: name, limit: limit}
	l.measure(f, do)
	l.row(f)
	return f
}

// faultWhile is fault where the limit is a time beside how long Kafka was away,
// which do returns.
func (l *siege) faultWhile(name string, beside time.Duration, do func() (away time.Duration)) *fault {
	l.t.Helper()
	f := &fault{name: name, says: fmt.Sprintf("while it lasts + %v", beside)}
	var away time.Duration
	l.measure(f, func() { away = do() })
	// Kafka is back when it takes records: the producer may know that before.
	f.limit = min(away, f.producer) + beside
	f.note = fmt.Sprintf("Kafka away for %.2f s", away.Seconds())
	l.row(f)
	return f
}

func (l *siege) measure(f *fault, do func()) {
	l.t.Helper()
	l.watched.reset()
	l.w.acks.reset()
	began := time.Now()
	do()
	l.flows()
	f.pause, f.producer, f.lasted = l.watched.longest(), l.w.acks.longest(), time.Since(began).Round(time.Millisecond)
}
