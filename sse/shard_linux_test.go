package sse

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handDriven is a shard without its goroutine: a test turns its loop.
type handDriven struct {
	*shard
	t    *testing.T
	view *view
}

func newHandDriven(t *testing.T, p *publisher) *handDriven {
	t.Helper()
	cfg := testConfig(p)
	cfg.NoShards = true
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sh := &shard{srv: s, wake: make(chan struct{}, 1)}
	if err := sh.reset(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sh.abandon(closedDrain)
		s.Close()
		if n := s.pending.Load(); n != 0 || s.Connections() != 0 || s.sockets.Load() != 0 {
			t.Errorf("%d pending bytes, %d connections, %d sockets", n, s.Connections(), s.sockets.Load())
		}
	})
	return &handDriven{sh, t, s.catalog.Load().views[0]}
}

// connect adopts one end of a socket pair, at the newest entry, and returns
// both descriptors.
func (h *handDriven) connect() (ours, theirs int) {
	h.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { unix.Close(pair[1]) })
	h.srv.enter(h.view)
	h.srv.sockets.Add(1)
	newest := h.view.Ring.Newest()
	h.adopt(arrival{fd: pair[0], view: h.view, lane: laneBare, cursor: newest.Seq, last: newest, born: time.Now()})
	h.run()
	return pair[0], pair[1]
}

// run turns the loop until there is nothing to do.
func (h *handDriven) run() {
	for more := true; more; {
		select {
		case <-h.poll.batches:
			h.events()
		case <-time.After(20 * time.Millisecond):
			more = false
		}
		for h.turn(); h.rounds() || len(h.ready) > 0; h.turn() {
			more = true
		}
	}
}

// read takes all that has come.
func (h *handDriven) read(fd int) string {
	var got strings.Builder
	b := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, b)
		if err != nil || n == 0 {
			return got.String()
		}
		got.Write(b[:n])
	}
}

// A live client whose socket takes nothing of a round is behind from then on,
// and gets what it missed.
func TestSocketThatTakesNothing(t *testing.T) {
	p := newPublisher(1000, 1)
	h := newHandDriven(t, p)
	ours, theirs := h.connect()
	other, others := h.connect()
	junk := 0
	for b := make([]byte, 4096); ; {
		n, err := unix.Write(ours, b)
		if err != nil {
			break
		}
		junk += n
	}
	head := p.ring.Head()
	for i := range int64(3) {
		p.publish(0, i, `{}`)
		h.run()
	}
	b := laneBare.build(p.ring, head, p.ring.Head())
	if h.count[stateLive] != 1 || h.count[stateLagging] != 1 {
		t.Errorf("%d live, %d lagging", h.count[stateLive], h.count[stateLagging])
	}
	if got := h.read(theirs)[junk:]; got != "" {
		t.Errorf("got %q", got)
	}
	h.run()
	p.publish(0, 3, `{"last":true}`)
	h.run()
	want := string(b.bytes) + string(p.ring.Newest().Wire.Frame())
	if got := h.read(theirs); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := h.read(others); got != want {
		t.Errorf("the other got %q", got)
	}
	if h.count[stateLive] != 2 {
		t.Errorf("%d live, descriptor %d", h.count[stateLive], other)
	}
}

// A stall longer than the wheel loses nobody: heartbeats go on.
func TestWheelAfterAStall(t *testing.T) {
	p := newPublisher(10, 1)
	h := newHandDriven(t, p)
	_, theirs := h.connect()
	for range 3 {
		h.srv.started = h.srv.started.Add(-3 * wheel * h.srv.unit) // as if so much time had passed
		h.run()
		if got := h.read(theirs); got != ":\n" {
			t.Errorf("got %q", got)
		}
	}
}
