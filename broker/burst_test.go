package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// Lines pass up to the number of a period, and again in the next one.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &burst{most: 3, period: 10 * time.Second}
		for period := range 3 {
			for i := range 10 {
				if got := b.Sample(zerolog.WarnLevel); got != (i < 3) {
					t.Errorf("period %d, line %d: %v", period, i, got)
				}
				time.Sleep(time.Second)
			}
		}
	})
}
