//go:build kafka && faults

package blackbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
)

func (s *soak) killNode(st step)    { s.must(s.c.Kill(st.which + 1)) }
func (s *soak) stopNode(st step)    { s.must(s.c.Stop(s.ctx, st.which+1)) }
func (s *soak) freezeNode(st step)  { s.must(s.c.Freeze(st.which + 1)) }
func (s *soak) thawNode(st step)    { s.must(s.c.Thaw(st.which + 1)) }
func (s *soak) restartNode(st step) { s.restart(st.which) }

func (s *soak) killTwo(st step) {
	s.killNode(st)
	s.killNode(st.beside())
}

func (s *soak) killAll(st step) {
	s.killTwo(st)
	s.killNode(st.beside().beside())
}

func (s *soak) restartTwo(st step) { s.restart(st.which, st.beside().which) }
func (s *soak) restartAll(step)    { s.restart(0, 1, 2) }

// restart starts nodes at the same time: one of three alone gets nowhere. That
// they are not ready in time is no fault of ours, and told.
func (s *soak) restart(list ...int) {
	failed := make(chan error, len(list))
	for _, n := range list {
		go func() { failed <- s.c.Restart(s.ctx, n+1) }()
	}
	for range list {
		if err := <-failed; errors.Is(err, context.DeadlineExceeded) && s.ctx.Err() == nil {
			s.t.Log("Kafka is not whole yet: the machine is busy")
		} else {
			s.must(err)
		}
	}
}

// beside is the step for the next node.
func (st step) beside() step {
	st.which = (st.which + 1) % 3
	return st
}

func (s *soak) elect(step) {
	for topic, partitions := range s.partitions {
		var all []int32
		for p := range partitions {
			all = append(all, p)
		}
		s.insist(func() error { return s.c.ElectPreferred(topic, all...) })
	}
}

// insist asks Kafka for something until it is done. Just after a fault it may
// not be possible yet, or be done and not be answered: done names the error that
// says so.
func (s *soak) insist(ask func() error, done ...error) {
	s.t.Helper()
	var err error
	eventually(s.t, settleTime, func() bool {
		err = ask()
		return err == nil || slices.ContainsFunc(done, func(d error) bool { return errors.Is(err, d) })
	}, func() string { return err.Error() })
}

// deleteRecords removes the older records of a partition of the side topic, in
// part such that nobody has read yet.
func (s *soak) deleteRecords(st step) {
	tp := ledger.TopicPartition{Topic: "side", Partition: int32(st.number % uint64(s.partitions["side"]))}
	end := s.book.End("side")[tp]
	start := s.fate.start(tp)
	if end <= start {
		return
	}
	start += 1 + int64(st.number/100%uint64(end-start))
	s.fate.expire(tp, start)
	s.insist(func() error { return s.c.DeleteRecords("side", map[int32]int64{tp.Partition: start}) })
}

// addPartition makes the side topic larger, up to eight partitions.
func (s *soak) addPartition(step) {
	if s.partitions["side"] == 8 {
		return
	}
	s.quietSide()
	s.partitions["side"]++
	s.insist(func() error { return s.c.AddPartitions(s.ctx, "side", s.partitions["side"]) })
	s.loadSide()
}

// recreate deletes the side topic and makes it anew. Records come when every
// instance has noticed: who hops between one that has and one that has not
// would be given both logs.
func (s *soak) recreate(step) {
	for _, h := range s.hosts {
		h.in.waitReady()
	}
	s.quietSide()
	old := s.hosts[0].in.epoch("side", "side")
	s.fate.recreate("side")
	s.insist(func() error { return s.c.DeleteTopic(s.ctx, "side") }, sarama.ErrUnknownTopicOrPartition)
	s.insist(func() error { return s.c.CreateTopic(s.ctx, "side", s.partitions["side"], 0, nil) }, sarama.ErrTopicAlreadyExists)
	s.book.Recreated("side")
	for _, h := range s.hosts {
		eventually(s.t, settleTime, func() bool {
			now := h.in.epoch("side", "side")
			return now != old && now != ""
		}, func() string { return "the new topic is not noticed" })
	}
	s.loadSide()
}

// transactions are up to five, of which some are aborted.
func (s *soak) transactions(st step) {
	for i := range 1 + st.number%5 {
		s.must(s.transact(1+int(st.number>>8%40), st.number>>i&1 == 0))
	}
}

// transact writes so many records to each partition of sums in a transaction.
func (s *soak) transact(n int, abort bool) error {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = "soak"
	config.Producer.Transaction.Retry.Max = 400
	config.Producer.Retry.Max = 400
	config.Metadata.Retry.Max = 100
	config.Net.MaxOpenRequests = 1
	var producer sarama.SyncProducer
	s.insist(func() (err error) {
		producer, err = sarama.NewSyncProducer(s.c.Addrs(), config)
		return err
	})
	err := s.fill(producer, n, abort)
	return errors.Join(err, producer.Close())
}

func (s *soak) fill(producer sarama.SyncProducer, n int, abort bool) error {
	if err := producer.BeginTxn(); err != nil {
		return fmt.Errorf("cannot begin a transaction: %w", err)
	}
	var records []ledger.Record
	for range n {
		for p := range s.partitions["sums"] {
			value := s.value("sums", p)
			_, offset, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sums", Partition: p, Value: sarama.ByteEncoder(value)})
			if err != nil {
				return fmt.Errorf("cannot write in a transaction: %w", errors.Join(err, producer.AbortTxn()))
			}
			records = append(records, ledger.Record{Topic: "sums", Partition: p, Offset: offset, Value: value})
		}
	}
	if abort {
		for _, r := range records {
			if err := s.book.AddSkipped(r.Topic, r.Partition, r.Offset); err != nil {
				return err
			}
		}
		return producer.AbortTxn()
	}
	if err := producer.CommitTxn(); err != nil {
		return fmt.Errorf("cannot commit: %w", err)
	}
	for _, r := range records {
		if err := s.book.Add(r); err != nil {
			return err
		}
	}
	return nil
}
