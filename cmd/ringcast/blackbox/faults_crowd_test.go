//go:build kafka && faults && linux

package blackbox

import (
	"fmt"
	"testing"
	"time"

	generator "github.com/ringcast/ringcast/bench/load"
)

const crowdOf = 10_000

// TestFaultsCrowd: ten thousand clients come, go and come back at once.
func TestFaultsCrowd(t *testing.T) { crowds(t, 2, 50_000) }

// TestLongFaultsCrowd is the same ten times, and a million connections.
func TestLongFaultsCrowd(t *testing.T) { crowds(t, 10, 1_000_000) }

func crowds(t *testing.T, storms, connects int) {
	s := newThrong(t, throngOptions{server: `heartbeat = "2s"`, crowd: 1, lasts: time.Hour})
	empty := s.footprint()
	f := s.fleet()
	s.fault(fault{name: "10,000 clients connect (kfake)", says: "others: none"}, func(row *fault) {
		r := f.connect(crowdOf)
		row.note = fmt.Sprintf("greeted after %s at p50, %s at p99", micros(r.GreetP50), micros(r.GreetP99))
	})
	s.fault(fault{name: "10,000 clients vanish at once (kfake)", says: "none"}, func(*fault) {
		f.vanish()
		s.gone(0)
	})
	first := s.footprint()

	f = s.fleet("-keep")
	f.connect(crowdOf)
	s.fault(fault{name: fmt.Sprintf("storm of 10,000 who come back at once, %d times (kfake)", storms), says: "none; memory as before"}, func(row *fault) {
		worst := int64(0)
		for range storms {
			r := f.do(generator.Command{Do: "reconnect", Timeout: 2 * time.Minute})
			worst = max(worst, r.GreetP99)
			f.whole()
		}
		row.note = fmt.Sprintf("greeted after %s at p99", micros(worst))
	})
	f.do(generator.Command{Do: "disconnect"})
	s.gone(0)
	stormed := s.flat("storms", first)

	f = s.fleet("-keep")
	f.connect(1000)
	row := s.fault(fault{name: fmt.Sprintf("%d connections one after the other (kfake)", connects), says: "none; memory as before"}, func(row *fault) {
		f.do(generator.Command{Do: "churn", Clients: connects, For: time.Second, Timeout: time.Hour})
		f.whole()
	})
	f.do(generator.Command{Do: "disconnect"})
	s.gone(0)
	churned := s.flat("connections", first)
	row.note = fmt.Sprintf("before anybody: %v; after the first crowd: %v; after %d storms: %v; after %d connections: %v", empty, first, storms, stormed, connects, churned)
	s.end()
}

func micros(us int64) string {
	return (time.Duration(us) * time.Microsecond).Round(100 * time.Microsecond).String()
}
