//go:build kafka && faults

package blackbox

import (
	"testing"
	"time"

	"github.com/ringcast/ringcast/scripts/kafka"
)

// TestFaultsData: what becomes of records in Kafka, and what kinds there are.
func TestFaultsData(t *testing.T) {
	c := dataNode(t)
	t.Run("DeleteRecords", func(t *testing.T) { newScene(t, c).recordsDeleted() })
	t.Run("Transactions", func(t *testing.T) { newScene(t, c).transactionFaults(10 * time.Second) })
	t.Run("Large", func(t *testing.T) { newScene(t, c).largeRecords() })
}

// TestLongFaultsData is the rest of it.
func TestLongFaultsData(t *testing.T) {
	c := dataNode(t)
	t.Run("Retention", func(t *testing.T) { newScene(t, c).retained() })
	t.Run("Compaction", func(t *testing.T) { newScene(t, c).compactedUnderLoad() })
	t.Run("Transactions", func(t *testing.T) { newScene(t, c).transactionFaults(30 * time.Second) })
	t.Run("Wide", func(t *testing.T) { newScene(t, c).wide() })
}

// dataNode looks for records to remove all the time.
func dataNode(t *testing.T) *kafka.Cluster {
	t.Helper()
	return kafka.ForTest(t, kafka.Options{Properties: map[string]string{
		"broker.session.timeout.ms":       "30000", // nobody kills it, and a busy machine is no reason
		"log.cleaner.backoff.ms":          "500",
		"log.retention.check.interval.ms": "1000",
		"log.initial.task.delay.ms":       "1000",
	}})
}
