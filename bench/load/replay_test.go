//go:build linux

package load

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

const greeting = "id: [{\"at\":\"start\"}]\n:ok\n\n"

// script answers every connection with the same text, stays, and keeps the requests.
type script struct {
	mu       sync.Mutex
	requests []string // guarded by mu
}

func (s *script) serve(t *testing.T, text string) (addr string) {
	return listen(t, func(request string) (string, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, request)
		return text, false
	})
}

func (s *script) positions() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		_, id, _ := strings.Cut(r, "Last-Event-ID: ")
		id, _, _ = strings.Cut(id, "\r\n")
		ids = append(ids, id)
	}
	return ids
}

func fleetOf(t *testing.T, c Config) (*Fleet, context.Context) {
	t.Helper()
	c.Path, c.Partitions, c.Size, c.Topic = "/v2/stream/t", 1, 120, "t"
	fleet, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fleet.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return fleet, ctx
}

func frames(from, to uint64) (text string) {
	for n := from; n < to; n++ {
		text += chunk(frame(0, n, 1, 120))
	}
	return text
}

func TestClientsEndWhereTheirPlanSays(t *testing.T) {
	f := func(name, text string, faults uint64) {
		t.Helper()
		var s script
		fleet, ctx := fleetOf(t, Config{Server: s.serve(t, header+chunk(greeting)+text), Workers: 2})
		if err := fleet.Connect(ctx, 3, Plan{From: []uint64{5}, Until: []uint64{9}}); err != nil {
			t.Fatal(err)
		}
		if err := fleet.AwaitDone(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sum, _, failure := fleet.Tally()
		if sum.Faults() != faults || failure != nil || sum.first.Count() != 3 || sum.LastFirst < fleet.began {
			t.Errorf("%s: %+v, failure %v", name, sum, failure)
		}
		for _, id := range s.positions() {
			if id != `[{"topic":"t","partition":0,"offset":5}]` {
				t.Errorf("%s: asked for %q", name, id)
			}
		}
	}
	f("exact", frames(5, 9), 0)
	f("more than asked for", frames(5, 30), 0)
	f("one twice", frames(5, 7)+frames(6, 9), 3)
	f("one from before", frames(4, 9), 3)
	f("one missing", frames(5, 6)+frames(7, 9), 3)
}

func TestReconnectGoesOnWhereItWas(t *testing.T) {
	f := func(name, later string, lost, duplicated uint64) {
		t.Helper()
		var before, after script
		first := before.serve(t, header+chunk(greeting)+frames(0, 3))
		second := after.serve(t, header+chunk(greeting)+later)
		fleet, ctx := fleetOf(t, Config{Server: first, Keep: true})
		if err := fleet.Connect(ctx, 3, Plan{}); err != nil {
			t.Fatal(err)
		}
		if err := fleet.AwaitRecords(ctx, []uint64{3}); err != nil {
			t.Fatal(err)
		}
		fleet.Disconnect()
		if err := fleet.Reconnect(ctx, second); err != nil {
			t.Fatal(err)
		}
		if err := fleet.AwaitFirst(ctx); err != nil {
			t.Fatal(err)
		}
		if err := fleet.AwaitRecords(ctx, []uint64{6}); err != nil {
			t.Fatal(err)
		}
		if sum, _, failure := fleet.Tally(); sum.Lost != lost || sum.Duplicated != duplicated || failure != nil || sum.Closed != 0 {
			t.Errorf("%s: %+v, failure %v", name, sum, failure)
		}
		for _, id := range after.positions() {
			if want := `[{"topic":"t","partition":0,"offset":3}]`; id != want {
				t.Errorf("%s: came back with %q, want %q", name, id, want)
			}
		}
	}
	f("exact", frames(3, 6), 0, 0)
	f("one missing", frames(4, 6), 3, 0)
	f("one twice", frames(2, 6), 0, 3)
}

func TestGreetingIsAPositionToo(t *testing.T) {
	var s script
	fleet, ctx := fleetOf(t, Config{Server: s.serve(t, header+chunk(greeting)), Keep: true})
	if err := fleet.Connect(ctx, 1, Plan{}); err != nil {
		t.Fatal(err)
	}
	if err := fleet.Reconnect(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.positions()); got != `[ [{"at":"start"}]]` {
		t.Errorf("asked for %s", got)
	}
}

func TestWithoutIDsNobodyReconnects(t *testing.T) {
	var s script
	fleet, ctx := fleetOf(t, Config{Server: s.serve(t, header+chunk(greeting))})
	if err := fleet.Connect(ctx, 1, Plan{}); err != nil {
		t.Fatal(err)
	}
	if err := fleet.Reconnect(ctx, ""); err == nil || !strings.Contains(err.Error(), "never got an id") {
		t.Errorf("error %v", err)
	}
}
