//go:build linux

package load

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPaceOfSlowClients(t *testing.T) {
	f := func(rate int, every time.Duration, share int) {
		t.Helper()
		if e, s := pace(rate); e != every || s != share {
			t.Errorf("%d B/s: %d bytes every %v, want %d every %v", rate, s, e, share, every)
		}
	}
	f(1, time.Second, 1)
	f(10, 100*time.Millisecond, 1)
	f(20, 50*time.Millisecond, 1)
	f(5000, 50*time.Millisecond, 250)
}

func TestLateClientsGetEverything(t *testing.T) {
	var s script
	fleet, ctx := fleetOf(t, Config{Server: s.serve(t, header+chunk(greeting)+frames(0, 40)), Late: 3 * time.Millisecond})
	if err := fleet.Connect(ctx, 3, Plan{}); err != nil {
		t.Fatal(err)
	}
	if err := fleet.AwaitRecords(ctx, []uint64{40}); err != nil {
		t.Fatal(err)
	}
	if sum, _, failure := fleet.Tally(); sum.Events != 120 || sum.Faults() != 0 || failure != nil {
		t.Errorf("%+v, failure %v", sum, failure)
	}
}

func TestStalledClientsReadNothingAfterTheGreeting(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	w, err := newWorker(&expectation{partitions: 1, size: 120}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.add(&client{fd: pair[0], stream: stream{sequences: make([]sequence, 1)}}); err != nil {
		t.Fatal(err)
	}
	events := make([]unix.EpollEvent, 1)
	for _, step := range []struct {
		text    string
		waiting int
	}{{header, 1}, {chunk(greeting), 1}, {frames(0, 3), 0}} {
		if _, err := unix.Write(pair[1], []byte(step.text)); err != nil {
			t.Fatal(err)
		}
		n, err := unix.EpollWait(w.epoll, events, 0)
		if n != step.waiting || err != nil {
			t.Errorf("after %q: %d clients to read, %v, want %d", step.text[:12], n, err, step.waiting)
		}
		if n > 0 {
			w.read(w.clients[0], readSize)
		}
	}
	if w.greeted != 1 || w.tally.Events != 0 || w.tally.Closed != 0 {
		t.Errorf("%d greeted, %+v", w.greeted, w.tally)
	}
}

func TestHerdComesAllAtOnce(t *testing.T) {
	const clients = 300
	var s script
	fleet, ctx := fleetOf(t, Config{Server: s.serve(t, header+chunk(greeting)+frames(0, 2)), Workers: 2})
	if err := fleet.Herd(ctx, clients); err != nil {
		t.Fatal(err)
	}
	if err := fleet.AwaitRecords(ctx, []uint64{2}); err != nil {
		t.Fatal(err)
	}
	sum, _, failure := fleet.Tally()
	if sum.Events != 2*clients || sum.Faults() != 0 || failure != nil {
		t.Errorf("%d events, %d faults, failure %v", sum.Events, sum.Faults(), failure)
	}
	if sum.greet.Count() != clients || sum.LastGreeting < fleet.began {
		t.Errorf("%d greetings, the last at %d, begun at %d", sum.greet.Count(), sum.LastGreeting, fleet.began)
	}
}

func TestHerdIsTurnedAway(t *testing.T) {
	fleet, ctx := fleetOf(t, Config{Server: answer(t, "HTTP/1.1 503 Service Unavailable\r\n\r\n", true)})
	if err := fleet.Herd(ctx, 5); err == nil || !strings.Contains(err.Error(), "must be 200") && !strings.Contains(err.Error(), "lost") {
		t.Errorf("error %v", err)
	}
}

func TestChurnGoesOnWhereEachWas(t *testing.T) {
	f := func(name string, skip uint64, lost uint64) {
		t.Helper()
		const clients, changes = 16, 40
		var connections atomic.Int64
		// Every connection goes on from its id, with an event at least.
		addr := listen(t, func(request string) (string, bool) {
			connections.Add(1)
			_, id, _ := strings.Cut(request, `"offset":`)
			var from uint64
			fmt.Sscanf(id, "%d}]", &from)
			greeting := fmt.Sprintf("id: [{\"topic\":\"t\",\"partition\":0,\"offset\":%d}]\n:ok\n\n", from)
			if from > 0 {
				from += skip
			}
			return header + chunk(greeting) + frames(from, max(from+1, 2)), false
		})
		fleet, ctx := fleetOf(t, Config{Server: addr, Keep: true, Workers: 2})
		if err := fleet.Connect(ctx, clients, Plan{}); err != nil {
			t.Fatal(err)
		}
		if err := fleet.AwaitRecords(ctx, []uint64{2}); err != nil {
			t.Fatal(err)
		}
		if err := fleet.Churn(ctx, changes, 20*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := fleet.AwaitRecords(ctx, []uint64{2}); err != nil {
			t.Fatal(err)
		}
		sum, _, failure := fleet.Tally()
		if failure != nil || sum.Closed != 0 || sum.Duplicated != 0 || (sum.Lost > 0) != (lost > 0) {
			t.Errorf("%s: %+v, failure %v", name, sum, failure)
		}
		if n := connections.Load(); n != clients+changes || sum.greet.Count() == 0 {
			t.Errorf("%s: %d connections, want %d; %d greetings", name, n, clients+changes, sum.greet.Count())
		}
	}
	f("exact", 0, 0)
	f("one lost", 1, 1)
}
