package sim

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// defaultSeeds is how many seeds an ordinary test run tries: with the race
// detector each takes a second of two processors.
const defaultSeeds = 20

// stuck is the real time after which a seed is taken to hang: simulated time
// stands still while a goroutine waits for something that is not simulated, such
// as a mutex. On a busy machine a seed of a day takes a good part of that.
const stuck = 5 * time.Minute

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The one goroutine of go-metrics can never be stopped.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// TestSeeds runs one world per seed: SEED=n one of them, SEEDS=n so many.
func TestSeeds(t *testing.T) {
	first, count := uint64(1), uint64(defaultSeeds)
	if text := os.Getenv("SEEDS"); text != "" {
		count = number(t, "SEEDS", text)
	}
	if text := os.Getenv("SEED"); text != "" {
		first, count = number(t, "SEED", text), 1
	}
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			trial(t, seed)
		})
	}
}

func number(t *testing.T, name, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("cannot use %s: %v", name, err)
	}
	return n
}

// trial runs the world of one seed.
func trial(t *testing.T, seed uint64) {
	began := time.Now()
	tr := &trace{}
	watch := time.AfterFunc(stuck, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("seed %d hangs: simulated time does not go on\n%s", seed, tr))
	})
	defer watch.Stop()
	synctest.Test(t, func(t *testing.T) {
		tr.began = time.Now()
		ctx, stop := context.WithCancel(context.Background())
		w := newWorld(ctx, seed, tr)
		err := w.begin()
		if err == nil {
			err = w.schedule()
		}
		if err == nil {
			err = w.settle()
		}
		if err != nil {
			w.fail("%v", err)
			w.report()
		}
		took := time.Since(tr.began)
		w.end(stop)
		for _, f := range w.failures {
			t.Errorf("seed %d: %s", seed, f)
		}
		if t.Failed() {
			t.Logf("what happened, the newest last:\n%s", tr)
		}
		t.Logf("%v, %d visits, %d refusals", took.Round(time.Second), w.visits.Load(), w.refusals.Load())
	})
	t.Logf("%v of real time", time.Since(began).Round(time.Millisecond))
}
