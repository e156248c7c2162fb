//go:build linux

package run

import (
	"time"

	"github.com/ringcast/ringcast/bench/load"
)

// replayReport is what clients saw that had a place to begin and one to end.
type replayReport struct{ load.Report }

// replayed returns the seconds from the first client's connect to the last record of all.
func (r replayReport) replayed() float64 {
	return max(float64(r.LastMicros-r.BeganMicros), 1) / 1e6
}

// replay connects clients until there are total and waits until all have what the plan says, every record of it
// once and in order.
func (c *clients) replay(total int, plan load.Plan, timeout time.Duration) (replayReport, error) {
	if r, err := c.do(load.Command{Do: "connect", Clients: total, Plan: plan, Timeout: timeout}); err != nil {
		return replayReport{r}, err
	}
	r, err := c.do(load.Command{Do: "done", Timeout: timeout})
	return replayReport{r}, verdict(r, err)
}
