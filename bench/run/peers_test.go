//go:build linux

package run

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/report"
)

func TestRatiosAreMadeOfRoundsThatBothGotThrough(t *testing.T) {
	at := func(deliveries float64) peerRun {
		return peerRun{speed: speed{deliveries: deliveries, seconds: 1, cpu: 1}}
	}
	p := &peerPoint{got: map[kind][]peerRun{
		subject:  {at(100), {}, at(300)},
		nchan:    {at(50), at(60), at(100)},
		kafkaSSE: {{}, at(1), {}},
	}}
	f := func(got times, want string) {
		t.Helper()
		if got.String() != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(p.ratio(nchan, cpuRate), "2.50 (2.00–3.00)")
	f(p.inverse(nchan, cpuRate), "0.42 (0.33–0.50)")
	f(p.ratio(kafkaSSE, cpuRate), "–")
	if got := p.counted(kafkaSSE, cpuRate); !slices.Equal(got, []float64{1}) {
		t.Errorf("%v counted", got)
	}
}

func TestOnlyRingcastsFaultsFailTheDocument(t *testing.T) {
	lossy := func(context.Context, kind) (peerRun, error) {
		return peerRun{speed: speed{deliveries: 1, seconds: 1, failed: errors.New("1 deliveries lost")}}, nil
	}
	broken := func(context.Context, kind) (peerRun, error) { return peerRun{}, errors.New("cannot start\nits log") }
	well := func(context.Context, kind) (peerRun, error) {
		return peerRun{speed: speed{deliveries: 1, seconds: 1, wall: 1, last: load.Report{}}}, nil
	}
	f := func(k kind, one func(context.Context, kind) (peerRun, error), failures, notes int) {
		t.Helper()
		var d report.Document
		p := &peerPoint{name: "light", kinds: []kind{k}, one: one}
		if err := (&Bench{Progress: io.Discard}).peerRound(t.Context(), &d, p, 0); err != nil {
			t.Fatal(err)
		}
		counted := p.got[k][0].seconds > 0
		if len(d.Failures) != failures || len(d.Notes) != notes || counted != (failures+notes == 0) {
			t.Errorf("%s: failures %q, notes %q, counted %v", k, d.Failures, d.Notes, counted)
		}
	}
	f(subject, well, 0, 0)
	f(subject, lossy, 1, 0)
	f(subject, broken, 1, 0)
	f(nchan, well, 0, 0)
	f(nchan, lossy, 0, 1)
	f(nchan, broken, 0, 1)
}
