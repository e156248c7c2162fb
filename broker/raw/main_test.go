package raw

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"
	"go.uber.org/goleak"
)

// maxBatch is the limit in these tests, 256 KiB, so that a bomb is small.
const maxBatch = 256 << 10

func TestMain(m *testing.M) {
	metrics.UseNilMetrics = true
	sarama.MaxDecompressedBatchSize = maxBatch
	// The one goroutine of go-metrics can never be stopped.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
