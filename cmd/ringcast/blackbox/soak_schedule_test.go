//go:build kafka && faults

package blackbox

import (
	"fmt"
	"testing"
	"time"
)

// TestSoakSchedule: a seed is a schedule. In it one node or set of nodes and one
// instance at most is broken at a time, what needs them whole finds them so, all
// is mended in the end, and the elder is left alone.
func TestSoakSchedule(t *testing.T) {
	needs := map[string]part{}
	for _, d := range soakDeeds {
		needs[d.name] = d.needs
	}
	seen := map[string]bool{}
	for seed := range uint64(50) {
		steps, again := drawSteps(seed, time.Hour), drawSteps(seed, time.Hour)
		if fmt.Sprint(steps) != fmt.Sprint(again) {
			t.Fatalf("seed %d draws two schedules", seed)
		}
		broken, at := map[part]bool{}, time.Duration(0)
		for _, st := range steps {
			seen[st.name] = true
			switch {
			case st.at < at:
				t.Errorf("seed %d: %v comes at %v, after %v", seed, st, st.at, at)
			case st.mends && !broken[st.breaks]:
				t.Errorf("seed %d: %v, and nothing is broken", seed, st)
			case !st.mends && (needs[st.name]&nodes != 0 && broken[nodes] || needs[st.name]&instances != 0 && broken[instances]):
				t.Errorf("seed %d: %v while something is broken", seed, st)
			case needs[st.name]&instances != 0 && st.which == elder(seed):
				t.Errorf("seed %d: %v at the elder", seed, st)
			}
			at = st.at
			if st.breaks != 0 {
				broken[st.breaks] = !st.mends
			}
		}
		if broken[nodes] || broken[instances] {
			t.Errorf("seed %d leaves %v broken", seed, broken)
		}
	}
	for _, d := range soakDeeds {
		if !seen[d.name] || d.mend != nil && !seen[d.mended] {
			t.Errorf("it never happens that %s, or is mended", d.name)
		}
	}
}
