package sse

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// TestModel lets random worlds happen and asks every client's ledger. SEEDS is
// how many, SEED the only one.
func TestModel(t *testing.T) {
	first, n := uint64(0), uint64(250)
	if s := os.Getenv("SEEDS"); s != "" {
		n, _ = strconv.ParseUint(s, 10, 64)
	}
	if s := os.Getenv("SEED"); s != "" {
		first, _ = strconv.ParseUint(s, 10, 64)
		n = 1
	}
	failures := 0
	for seed := first; seed < first+n; seed++ {
		if err := runModel(t, seed, false); err != nil {
			w := &modelWorld{}
			synctest.Test(t, func(*testing.T) { w, _ = modelRun(seed, true) })
			t.Errorf("seed %d: %v\n%s", seed, err, strings.Join(w.trace, "\n"))
			if failures++; failures >= 3 {
				return
			}
		}
	}
}

func runModel(t *testing.T, seed uint64, tell bool) (err error) {
	synctest.Test(t, func(*testing.T) { _, err = modelRun(seed, tell) })
	return err
}

func modelRun(seed uint64, tell bool) (w *modelWorld, err error) {
	w = newModelWorld(seed, tell)
	defer w.end()
	for range w.steps {
		w.step()
		if err := w.failed(); err != nil {
			return w, err
		}
	}
	w.settle()
	if err := w.failed(); err != nil {
		return w, err
	}
	return w, w.verdict()
}
