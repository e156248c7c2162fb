//go:build kafka && faults

package blackbox

import (
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// recordsDeleted: all but the newest 600 records of a partition go at once.
func (s *scene) recordsDeleted() {
	const topic, partitions, left = "deleted", 2, tightRing // twice what the ring holds of a partition
	s.topic(topic, partitions)
	l := s.retentionSiege(topic, partitions)
	b := l.behind()
	given := map[int32]int64{}
	l.undisturbed("DeleteRecords under live, lagging and replaying clients", func() string {
		for p, end := range l.ends() {
			given[p] = end - left
		}
		s.must(s.c.DeleteRecords(topic, given))
		return b.goOn()
	})
	l.end()
	b.end(given, given)
}

// retained: whole segments go, by their size and time and again.
func (s *scene) retained() {
	const topic, partitions = "retained", 2
	s.must(s.c.CreateTopic(s.ctx, topic, partitions, 0, map[string]string{
		"segment.bytes": "1048576", "retention.bytes": "2097152", "file.delete.delay.ms": "0",
	}))
	l := s.retentionSiege(topic, partitions)
	before := l.starts()
	b := l.behind()
	l.undisturbed("retention by size under live, lagging and replaying clients", func() string {
		eventually(s.t, settleTime, func() bool {
			starts := l.starts()
			return !slices.ContainsFunc(b.all, func(c *laggard) bool { return !c.lost(starts) })
		}, func() string { return fmt.Sprintf("the log starts at %v", l.starts()) })
		return b.goOn()
	})
	l.end()
	b.end(before, l.starts())
}

// retentionSiege has more in Kafka than one read brings.
func (s *scene) retentionSiege(topic string, partitions int32) *siege {
	s.t.Helper()
	s.size = 2000
	s.writer(0).write(topic, partitions, 1500)
	return s.underLoadOf(topic, partitions, 300)
}

// compactedUnderLoad: the records of a key that a newer one has replaced go.
func (s *scene) compactedUnderLoad() {
	const topic, partitions, keys = "compacted.load", 2, 20
	s.must(s.c.CreateTopic(s.ctx, topic, partitions, 0, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "1000",
		"min.compaction.lag.ms": "5000", "max.compaction.lag.ms": "6000", // the replay begins before
	}))
	s.keys, s.size = keys, 2000
	l := s.underLoadOf(topic, partitions, 300)
	tight := s.serve(tightRing, topic)
	tight.waitReady()
	eventually(s.t, settleTime, func() bool { return s.count(topic, 0) > tightRing }, func() string { return "the producer is slow" })
	under := l.keeper(tight)
	tight.replaying(1)
	l.undisturbed("compaction under a replay", func() string {
		const n = tightRing
		eventually(s.t, settleTime, func() bool { return l.first(0) >= n && l.first(1) >= n }, func() string { return "the cleaner does not come" })
		under.Resume()
		return fmt.Sprintf("of %d records that went a replay had %d", partitions*n, under.reach(n))
	})
	l.stop()
	for p := range int32(partitions) {
		under.has(p, s.inLog(topic, p))
	}
	if n := under.Counts(); n.Gaps > 0 || under.wrong() {
		s.t.Errorf("the replay: %+v, %v", n, under.Notices())
	}
	l.end()
}

// starts are the offsets of the first records that Kafka has, by partition.
func (l *siege) starts() map[int32]int64 { return l.offsets(sarama.OffsetOldest) }

// ends are the offsets behind the last ones.
func (l *siege) ends() map[int32]int64 { return l.offsets(sarama.OffsetNewest) }

func (l *siege) offsets(which int64) map[int32]int64 {
	l.t.Helper()
	client, err := sarama.NewClient(l.c.Addrs(), nil)
	l.must(err)
	defer client.Close()
	offsets := map[int32]int64{}
	for p := range l.partitions {
		offsets[p], err = client.GetOffset(l.topic, p, which)
		l.must(err)
	}
	return offsets
}

// first reads the first record that Kafka has of a partition.
func (l *siege) first(partition int32) int64 {
	l.t.Helper()
	consumer, err := sarama.NewConsumer(l.c.Addrs(), nil)
	l.must(err)
	defer consumer.Close()
	claim, err := consumer.ConsumePartition(l.topic, partition, sarama.OffsetOldest)
	l.must(err)
	defer claim.Close()
	select {
	case m := <-claim.Messages():
		return m.Offset
	case <-time.After(settleTime):
		l.t.Fatalf("partition %d has no record", partition)
		return 0
	}
}
