//go:build kafka

package blackbox

import (
	"testing"

	"github.com/ringcast/ringcast/scripts/kafka"
)

// TestKafka runs every scene that one node is enough for, against both release
// lines. The scenes share the node and have topics of their own.
func TestKafka(t *testing.T) {
	for _, version := range []string{"3.9", "4"} {
		t.Run(version, func(t *testing.T) {
			// The cleaner of logs looks for work all the time.
			c := kafka.ForTest(t, kafka.Options{Version: version, Properties: map[string]string{"log.cleaner.backoff.ms": "500"}})
			for _, s := range []struct {
				name string
				play func(*scene)
			}{
				{"EndToEnd", (*scene).endToEnd},
				{"WarmUp", (*scene).warmUp},
				{"PartitionsAdded", (*scene).partitionsAdded},
				{"TopicAppears", (*scene).topicAppears},
				{"TopicRecreated", (*scene).topicRecreated},
				{"Transactions", (*scene).transactions},
				{"Hops", (*scene).hops},
				{"FarHops", (*scene).farHops},
				{"Replays", (*scene).replays},
				{"Since", (*scene).since},
				{"Expired", (*scene).expired},
				{"Compacted", (*scene).compacted},
				{"History", (*scene).history},
				{"RecreatedAway", (*scene).recreatedAway},
				{"FallingOut", (*scene).fallingOut},
				{"BrokerGone", (*scene).brokerGone},
				{"BrokerKilled", (*scene).brokerKilled},
				{"BrokerAppears", (*scene).brokerAppears},
				{"NothingCommitted", (*scene).nothingCommitted},
			} {
				t.Run(s.name, func(t *testing.T) { s.play(newScene(t, c)) })
			}
			if version == "4" { // half a minute
				t.Run("BrokerAway", func(t *testing.T) { newScene(t, c).brokerAway() })
			}
		})
	}
}
