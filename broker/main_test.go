package broker

import (
	"testing"

	"go.uber.org/goleak"
)

// testMaxBatch is what a batch may inflate to in these tests.
const testMaxBatch = 1 << 20

func TestMain(m *testing.M) {
	setLibrary(Config{MaxBatch: testMaxBatch})
	// The one goroutine of go-metrics can never be stopped.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
