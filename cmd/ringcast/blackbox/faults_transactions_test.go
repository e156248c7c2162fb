//go:build kafka && faults

package blackbox

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
)

// transactionFaults: what transactions do to a partition is nothing to the others
// of its topic. Partitions 0 and 1 are under load, and transactions in 2.
func (s *scene) transactionFaults(open time.Duration) {
	const topic, loaded, aside = "transactions", 2, 2
	s.topic(topic, loaded+1)
	s.watched.ignore(ledger.TopicPartition{Topic: topic, Partition: aside})
	l := s.underLoadOf(topic, loaded, 200)
	var came atomic.Int64 // records of the transactions
	witness := follow(s.t, ledger.Config{URLs: []string{s.url(l.one)}, Book: s.book, OnEvent: func(e ledger.Event) {
		if _, p, _, _ := ledger.IdentifyValue(e.Data); p == aside {
			came.Add(1)
		}
	}})
	s.connected(witness.Client)
	l.undisturbed("20 transactions aborted", func() string {
		for range 20 {
			tx := s.beginEmpty()
			for range 5 {
				tx.write(topic, aside)
			}
			tx.abort()
		}
		tx := s.beginEmpty()
		tx.write(topic, aside)
		tx.commit()
		l.arrived(tx)
		return "the committed one behind them arrived"
	})
	l.undisturbed(fmt.Sprintf("a transaction open for %v", open), func() string {
		tx := s.beginEmpty()
		for range 5 {
			tx.write(topic, aside)
		}
		before := came.Load()
		<-time.After(open) // the length of the fault
		if n := came.Load() - before; n > 0 {
			s.t.Errorf("%d records of an open transaction came", n)
		}
		tx.commit()
		return fmt.Sprintf("its records came %.2f s after the commit", l.arrived(tx).Seconds())
	})
	l.undisturbed("a transactional producer fenced", func() string {
		fenced := s.beginEmpty()
		for range 5 {
			fenced.write(topic, aside)
		}
		next := s.beginEmpty()
		fenced.skip()
		if err := fenced.producer.CommitTxn(); !errors.Is(err, sarama.ErrProducerFenced) && !errors.Is(err, sarama.ErrInvalidProducerEpoch) {
			s.t.Errorf("a fenced producer commits: %v", err)
		}
		fenced.producer.Close()
		next.write(topic, aside)
		next.commit()
		return fmt.Sprintf("the next one's record came %.2f s after the commit", l.arrived(next).Seconds())
	})
	l.end()
	exact(s.t, s.book, nil, witness)
}

// arrived waits until every live client has what a transaction wrote, and
// returns how long that takes.
func (l *siege) arrived(tx *openTransaction) time.Duration {
	l.t.Helper()
	began := time.Now()
	end := ledger.Positions{}
	for _, r := range tx.records {
		end[ledger.TopicPartition{Topic: r.Topic, Partition: r.Partition}] = r.Offset + 1
	}
	for i, c := range l.all {
		eventually(l.t, settleTime, func() bool { return c.Receipt().Reached(end) }, func() string { return fmt.Sprintf("live client %d lacks a transaction", i) })
	}
	return time.Since(began)
}
