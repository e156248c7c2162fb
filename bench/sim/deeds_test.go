package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ringcast/ringcast/bench/ledger"
)

// deed is one thing that may happen, with its weight among the others.
type deed struct {
	name   string
	weight int
	do     func(w *world, rng *rand.Rand) error
}

var deeds = []deed{
	{"produce", 50, (*world).produce},
	{"transaction", 6, (*world).transaction},
	{"silence", 2, (*world).silence},
	{"join", 2, (*world).newcomer},
	{"drop connections to Kafka", 5, (*world).dropConnections},
	{"outage", 4, (*world).outage},
	{"errors of Kafka", 8, (*world).errors},
	{"leaders move", 5, (*world).moveLeaders},
	{"coordinators move", 3, (*world).moveCoordinators},
	{"restart", 6, (*world).restart},
	{"partition added", 2, (*world).grow},
	{"topic created again", 2, (*world).recreate},
	{"records expire", 5, (*world).expire},
}

// produce writes a burst to partitions at random.
func (w *world) produce(rng *rand.Rand) error {
	var records []*kgo.Record
	for range 1 << rng.IntN(8) {
		records = append(records, w.producer.draw(rng))
	}
	return w.producer.write(records...)
}

func (w *world) transaction(rng *rand.Rand) error { return w.producer.transaction(rng) }

func (w *world) silence(rng *rand.Rand) error {
	time.Sleep(between(rng, time.Minute, w.plan.quiet))
	return nil
}

// newcomer is a client that joins now.
func (w *world) newcomer(*rand.Rand) error {
	if len(w.clients) < 10 && w.plan.start() == nil {
		w.join()
	}
	return nil
}

// anInstance is one of them.
func (w *world) anInstance(rng *rand.Rand) *instance { return w.instances[rng.IntN(len(w.instances))] }

func (w *world) dropConnections(rng *rand.Rand) error {
	w.anInstance(rng).cable.drop(false)
	return nil
}

// outage takes Kafka from an instance for a while.
func (w *world) outage(rng *rand.Rand) error {
	in, d := w.anInstance(rng), between(rng, 100*time.Millisecond, w.plan.quiet)
	w.trace.add("%s has no Kafka for %v", in.name, d)
	in.cable.drop(true)
	w.later(d, in.cable.mend)
	return nil
}

// mishaps are the errors that Kafka may answer with.
var mishaps = []struct {
	key  kmsg.Key
	errs []*kerr.Error
}{
	{kmsg.Fetch, []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
		kerr.KafkaStorageError, kerr.UnknownServerError, kerr.OffsetOutOfRange, kerr.UnknownTopicOrPartition}},
	{kmsg.ListOffsets, []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.OffsetNotAvailable, kerr.UnknownTopicOrPartition}},
	{kmsg.Metadata, []*kerr.Error{kerr.LeaderNotAvailable, kerr.UnknownTopicOrPartition}},
	{kmsg.FindCoordinator, []*kerr.Error{kerr.CoordinatorNotAvailable}},
	{kmsg.JoinGroup, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnknownMemberID, kerr.UnknownServerError}},
	{kmsg.SyncGroup, []*kerr.Error{kerr.RebalanceInProgress, kerr.UnknownMemberID, kerr.NotCoordinator}},
	{kmsg.Heartbeat, []*kerr.Error{kerr.RebalanceInProgress, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.NotCoordinator, kerr.CoordinatorNotAvailable}},
	{kmsg.OffsetFetch, []*kerr.Error{kerr.NotCoordinator, kerr.CoordinatorLoadInProgress}},
}

// errors makes Kafka answer some requests with an error. The producer may get
// some of them.
func (w *world) errors(rng *rand.Rand) error {
	m := mishaps[rng.IntN(len(mishaps))]
	err, count := m.errs[rng.IntN(len(m.errs))], 1+rng.IntN(5)
	if m.key == kmsg.Metadata {
		count = 1 // who asks twice in doubt must get the truth
	}
	w.trace.add("%d times %s for %s", count, err.Message, m.key.Name())
	w.faults = append(w.faults, w.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{m.key}, Err: err, Count: count}))
	return nil
}

func (w *world) moveLeaders(rng *rand.Rand) error {
	if rng.IntN(2) == 0 {
		w.kafka.ShufflePartitionLeaders()
		return nil
	}
	t, p := w.aPartition(rng)
	return w.kafka.MoveTopicPartition(t, p, rng.Int32N(int32(w.plan.nodes)))
}

func (w *world) aTopic(rng *rand.Rand) string { return w.plan.topics[rng.IntN(len(w.plan.topics))] }

func (w *world) aPartition(rng *rand.Rand) (string, int32) {
	t := w.aTopic(rng)
	return t, rng.Int32N(w.producer.partitions[t])
}

func (w *world) moveCoordinators(*rand.Rand) error {
	w.kafka.RehashCoordinators()
	return nil
}

// restart ends an instance, by death or in good order, and starts it again.
func (w *world) restart(rng *rand.Rand) error {
	in, drain, away := w.anInstance(rng), time.Duration(0), between(rng, time.Millisecond, w.plan.quiet)
	if rng.IntN(2) == 0 {
		drain = between(rng, time.Second, 30*time.Second)
	}
	if in.restarting.Swap(true) {
		return nil
	}
	w.trace.add("%s ends, drain %v, and is away for %v", in.name, drain, away)
	w.pending.Go(func() {
		defer in.restarting.Store(false)
		in.end(drain)
		w.rest(context.Background(), away)
		w.trace.add("%s starts", in.name)
		if err := in.start(); err != nil {
			w.fail("%s: %v", in.name, err)
		}
	})
	return nil
}

func (w *world) grow(rng *rand.Rand) error {
	t := w.aTopic(rng)
	if w.producer.partitions[t] == maxPartitions || w.plan.start() != nil {
		return nil
	}
	return w.producer.grow(t)
}

// noticed is how long instances get to learn that a topic was created again:
// they ask every second, and may meet an error.
const noticed = 5 * time.Second

// recreate deletes a topic and makes it anew, at once or after a while.
func (w *world) recreate(rng *rand.Rand) error {
	t := w.aTopic(rng)
	w.trace.add("topic %s", t)
	for _, in := range w.instances {
		if !w.plan.splice {
			in.cable.mend()
		}
	}
	w.fate.recreate(t)
	w.book.Recreated(t)
	if err := w.kafka.DeleteTopic(t); err != nil {
		return err
	}
	if away := between(rng, time.Millisecond, w.plan.quiet); rng.IntN(2) == 0 && w.mayBeAway() {
		time.Sleep(away)
	}
	if err := w.kafka.CreateTopic(t, w.producer.partitions[t], nil); err != nil {
		return err
	}
	if !w.plan.splice {
		time.Sleep(noticed)
	}
	return w.producer.connect()
}

// mayBeAway says that a topic may be away for a while. An instance that starts
// then gives ids of no life of the topic, and one that holds the old log takes
// them for its own: what it has of it comes again. In compact ids nobody sees
// which those are.
func (w *world) mayBeAway() bool {
	starting := slices.ContainsFunc(w.instances, func(in *instance) bool {
		return in.restarting.Load() || !in.run.broker.Stream("s").Warm()
	})
	return w.plan.start() == nil && (w.plan.splice || !starting)
}

// expire deletes the oldest records of a partition.
func (w *world) expire(rng *rand.Rand) error {
	t, p := w.aPartition(rng)
	info := w.kafka.PartitionInfo(t, p)
	if info == nil || info.HighWatermark <= info.LogStartOffset {
		return nil
	}
	start := info.LogStartOffset + 1 + rng.Int64N(info.HighWatermark-info.LogStartOffset)
	w.trace.add("%s-%d below %d", t, p, start)
	w.fate.expire(ledger.TopicPartition{Topic: t, Partition: p}, start)
	return w.kafka.DeleteRecords(t, p, start)
}
