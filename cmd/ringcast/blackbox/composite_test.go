package blackbox

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// compositeTopics have hopPartitions partitions together.
var compositeTopics = []struct {
	topic     string
	partition int32
}{{"t", 0}, {"t", 1}, {"u", 0}, {"u", 1}}

// TestCompositeHop: clients of several streams that are cut after any byte and
// go on at any instance get every record once and in order, from memory or from
// Kafka. The two name the streams differently, and only one set at a time has a
// buffer of full size.
func TestCompositeHop(t *testing.T) {
	t.Run("near", func(t *testing.T) { compositeHop(t, 1000, 6, hopNear) })
	t.Run("far", func(t *testing.T) { compositeHop(t, 1000, 8, hopFar) })
}

func compositeHop(t *testing.T, hops int64, rings, lag int) {
	k := newFake(t, topics(2, "t", "u"))
	document := fmt.Sprintf(`[kafka]
brokers = [%q]
[ring]
total_bytes = "64MiB"
events = %d
[views]
max = 1
bytes = "64KiB"
[streams.s]
topics = ["t"]
aliases = ["first"]
[streams.v]
topics = ["u"]
id = "offset"
`, k.addr, hopRing)
	var instances []*instance
	var urls []string
	for i := range 2 {
		in := startConfig(t, document)
		in.waitReady()
		instances = append(instances, in)
		urls = append(urls, in.url([]string{"s,v", "v,first,s"}[i]))
	}
	h := startHoppers(t, k, urls, 6000, lag)
	for produced := 0; produced < rings*hopRing || h.count.Load() < hops; {
		h.paced(produced - lag)
		var records []*kgo.Record
		for range 1 + rand.N(8) {
			at := compositeTopics[rand.N(len(compositeTopics))]
			records = append(records, k.next(at.topic, at.partition, 120))
		}
		k.write(records...)
		produced += len(records)
	}
	h.finish(nil)
	replays, bytes := 0.0, 0.0
	for _, in := range instances {
		replays += in.metric(`ringcast_resumes_total{stream="s",from="kafka"}`)
		eventually(t, patience, func() bool {
			return in.metric(`ringcast_clients{state="replay"}`)+in.metric(`ringcast_clients{state="private"}`)+in.metric("ringcast_view_bytes") == 0
		}, func() string { return "clients stay in replay, or private, or a view stays" })
		bytes += in.metric(`ringcast_delivery_bytes_total{stream="v"}`)
	}
	if lag == hopFar && replays < float64(hops)/10 || bytes == 0 {
		t.Errorf("%v of %d hops went to Kafka; %v bytes of v", replays, h.count.Load(), bytes)
	}
	t.Logf("%d hops, %.0f of them from Kafka, %d records", h.count.Load(), replays, k.total())
}
