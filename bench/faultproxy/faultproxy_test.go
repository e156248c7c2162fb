package faultproxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

const patience = 20 * time.Second // no healthy run comes near

// world is a server that echoes behind a proxy.
type world struct {
	t *testing.T
	p *Proxy
}

func newWorld(t *testing.T) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	p, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	p.To(l.Addr().String())
	t.Cleanup(func() {
		p.Close()
		l.Close()
		<-done
		if n := p.Open(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	return &world{t, p}
}

// dial connects through the proxy.
func (w *world) dial() *net.TCPConn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.p.Addr())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// echo sends n bytes and returns how long they took to come back.
func (w *world) echo(conn net.Conn, n int) time.Duration {
	w.t.Helper()
	began := time.Now()
	if err := there(conn, n); err != nil {
		w.t.Fatal(err)
	}
	return time.Since(began)
}

func there(conn net.Conn, n int) error {
	want := bytes.Repeat([]byte("0123456789abcde\n"), n/16+1)[:n]
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Write(want)
		failed <- err
	}()
	got := make([]byte, n)
	_, err := io.ReadFull(conn, got)
	if err = errors.Join(err, <-failed); err == nil && !bytes.Equal(got, want) {
		return errors.New("other bytes came back")
	}
	return err
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestPassesOn(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	w.echo(conn, 3<<20)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind the end came %d bytes, %v", n, err)
	}
	if c := w.p.Counts(); c != (Counts{Connections: 1}) {
		t.Errorf("%+v", c)
	}
}

func TestLatency(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	w.echo(conn, 1)
	const latency = 60 * time.Millisecond
	w.p.Set(Fault{Latency: latency})
	if took := w.echo(conn, 100); took < 2*latency {
		t.Errorf("a round trip took %v, want twice %v", took, latency)
	}
	// It costs no throughput: these are 256 pieces and more, which one after the other take 15 s.
	if took := w.echo(conn, 4<<20); took < 2*latency || took > 10*time.Second {
		t.Errorf("a round trip of 4 MiB took %v", took)
	}
	w.p.Set(Fault{})
	w.echo(conn, 100)
}

func TestBandwidth(t *testing.T) {
	w := newWorld(t)
	one, two := w.dial(), w.dial()
	w.p.Set(Fault{Bandwidth: 1 << 20})
	began := time.Now()
	other := make(chan error, 1)
	go func() { other <- there(two, 128<<10) }()
	w.echo(one, 128<<10)
	if err := <-other; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < 230*time.Millisecond { // the last piece of 1/64 s may be on its way
		t.Errorf("256 KiB at 1 MiB a second took %v", took)
	}
}

func TestResets(t *testing.T) {
	w := newWorld(t)
	w.p.Set(Fault{Resets: 0.05})
	var resets int64
	for range 400 {
		conn := w.dial()
		err := there(conn, 1) // two pieces
		conn.Close()
		if isReset(err) {
			resets++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if resets < 20 || resets > 70 { // of 39 on average
		t.Errorf("%d of 400 connections were reset", resets)
	}
	if n := w.p.Counts().Resets; n != resets {
		t.Errorf("%d resets are counted, %d were seen", n, resets)
	}
}

func TestBlackHole(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	w.echo(conn, 1)
	w.p.Set(Fault{BlackHole: true})
	late := w.dial() // is accepted
	for _, c := range []net.Conn{conn, late} {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("out of a black hole came %d bytes, %v", n, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
	}
	w.p.Set(Fault{})
	for _, c := range []net.Conn{conn, late} {
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("after a black hole came %d bytes, %v", n, err)
		}
		w.echo(c, 1000)
	}
}

// TestEndsInABlackHole: nobody is told of an end before the hole is gone.
func TestEndsInABlackHole(t *testing.T) {
	w := newWorld(t)
	gone, reset := w.dial(), w.dial()
	w.echo(gone, 1)
	w.echo(reset, 1)
	w.p.Set(Fault{BlackHole: true})
	gone.Close()
	_ = reset.SetLinger(0)
	reset.Close()
	deadline := time.Now().Add(100 * time.Millisecond) // that nothing happens can only be watched for a while
	for time.Now().Before(deadline) {
		if n := w.p.Open(); n != 2 {
			t.Fatalf("%d connections are open, want 2", n)
		}
		<-time.After(10 * time.Millisecond)
	}
	w.p.Set(Fault{})
	w.empty()
}

// empty waits until no connection is open.
func (w *world) empty() {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for w.p.Open() != 0 {
		if time.Now().After(deadline) {
			w.t.Fatalf("%d connections stay open", w.p.Open())
		}
		<-time.After(time.Millisecond)
	}
}

func TestRefuse(t *testing.T) {
	w := newWorld(t)
	before := w.dial()
	w.echo(before, 1)
	w.p.Set(Fault{Refuse: true})
	f := func() {
		t.Helper()
		conn, err := net.Dial("tcp", w.p.Addr())
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(patience))
			err = there(conn, 1)
			conn.Close()
		}
		if !isReset(err) && !errors.Is(err, io.EOF) {
			t.Errorf("a refused connection: %v", err)
		}
	}
	f()
	w.echo(before, 1)
	w.p.Set(Fault{})
	w.p.To("")
	f()
	if c := w.p.Counts(); c != (Counts{Connections: 1, Refused: 2}) {
		t.Errorf("%+v", c)
	}
}

func TestCut(t *testing.T) {
	w := newWorld(t)
	var all []*net.TCPConn
	for range 3 {
		conn := w.dial()
		w.echo(conn, 1)
		all = append(all, conn)
	}
	w.p.Set(Fault{BlackHole: true}) // is no shelter
	if n := w.p.Cut(); n != 3 {
		t.Errorf("%d connections were cut", n)
	}
	for _, conn := range all {
		if _, err := conn.Read(make([]byte, 1)); !isReset(err) {
			t.Errorf("a cut connection: %v", err)
		}
	}
	w.p.Set(Fault{})
	w.echo(w.dial(), 1000)
}

// TestStrand: what is open is dead from now on, whatever the network does.
func TestStrand(t *testing.T) {
	w := newWorld(t)
	idle, slow := w.dial(), w.dial()
	w.echo(idle, 1)
	w.echo(slow, 1)
	w.p.Set(Fault{Latency: time.Hour})
	if _, err := slow.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n := w.p.Strand(); n != 2 {
		t.Errorf("%d connections were stranded", n)
	}
	w.p.Set(Fault{})
	w.echo(w.dial(), 1000)
	for _, c := range []net.Conn{idle, slow} {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("from a stranded connection came %d bytes, %v", n, err)
		}
	}
	if n := w.p.Strand(); n != 1 {
		t.Errorf("%d connections were stranded the second time", n)
	}
}

func TestFaultsThatCannotBe(t *testing.T) {
	for _, f := range []Fault{{Latency: -1}, {Bandwidth: -1}, {Resets: -0.1}, {Resets: 1.1}} {
		if f.check() == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}
