package kafka

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for leaked goroutines. The ticker that go-metrics starts with the first meter of a process is none.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
