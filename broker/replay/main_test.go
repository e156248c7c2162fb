package replay

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"
	"go.uber.org/goleak"
)

// maxBatch is the limit in these tests, so that a bomb is small.
const maxBatch = 4 << 20

func TestMain(m *testing.M) {
	metrics.UseNilMetrics = true
	sarama.MaxDecompressedBatchSize = maxBatch
	// The one goroutine of go-metrics can never be stopped.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
