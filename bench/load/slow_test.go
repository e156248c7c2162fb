//go:build linux

package load

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestSlowClientsReadTheirShare(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	w, err := newWorker(&expectation{partitions: 1, size: 120}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.add(&client{fd: pair[0], stream: stream{sequences: make([]sequence, 1)}}); err != nil {
		t.Fatal(err)
	}
	f := func(offered, turns, share int, want uint64) {
		t.Helper()
		if offered > 0 {
			if _, err := unix.Write(pair[1], make([]byte, offered)); err != nil {
				t.Fatal(err)
			}
		}
		before := w.tally.Bytes
		for range turns {
			w.turn(share)
		}
		if got := w.tally.Bytes - before; got != want {
			t.Errorf("%d bytes in %d turns of %d, want %d", got, turns, share, want)
		}
	}
	f(1000, 3, 50, 150)
	f(0, 10, 50, 500)
	f(0, 30, 50, 350) // all there is
	f(1000, 1, 50, 200)
	f(0, 2, 50, 100)
}

func TestSlowClientsGetEverything(t *testing.T) {
	var s script
	fleet, ctx := fleetOf(t, Config{Server: s.serve(t, header+chunk(greeting)+frames(0, 40)), Rate: 200_000})
	if err := fleet.Connect(ctx, 2, Plan{From: []uint64{0}, Until: []uint64{40}}); err != nil {
		t.Fatal(err)
	}
	if err := fleet.AwaitDone(ctx); err != nil {
		t.Fatal(err)
	}
	if sum, _, failure := fleet.Tally(); sum.Events != 80 || sum.Faults() != 0 || failure != nil {
		t.Errorf("%+v, failure %v", sum, failure)
	}
}
