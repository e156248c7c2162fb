//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
)

// timeline is the resident memory of a server over time, garbage included.
type timeline struct {
	seconds []float64
	mib     []float64
}

// record looks at a server's memory again and again until the function that it returns is called.
func (s *server) record(ctx context.Context, every time.Duration) (stop func() (timeline, error)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var t timeline
	var failed error
	begin := time.Now()
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			n, err := proc.Resident(s.child.PID())
			failed = errors.Join(failed, err)
			t.seconds = append(t.seconds, time.Since(begin).Seconds())
			t.mib = append(t.mib, float64(n)/(1<<20))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() (timeline, error) {
		cancel()
		<-done
		return t, failed
	}
}

func (t timeline) series(name string) report.Series { return report.Exactly(name, t.mib...) }

// Room that memory may take in a run in which it is to be flat: what the collector leaves differs from time to time.
const (
	flatShare = 0.15
	flatBytes = 4 << 20
)

// flat returns an error when memory grew from one settled footprint to the next by more than is noise.
func flat(before, after footprint) error {
	room := uint64(float64(before.resident)*flatShare) + flatBytes
	if after.resident > before.resident+room {
		return fmt.Errorf("resident memory grew from %s to %s, above the %s that are noise",
			mebibytes(float64(before.resident)), mebibytes(float64(after.resident)), mebibytes(float64(room)))
	}
	return nil
}
