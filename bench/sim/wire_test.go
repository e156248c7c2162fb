package sim

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// wire is one direction of a connection: a bounded buffer, as sockets have, in
// which sent bytes are under way. Waiting for it is durably blocked, in the
// words of testing/synctest.
type wire struct {
	size int // of the buffer; set at construction

	mu       sync.Mutex
	changed  *sync.Cond
	buf      []byte
	ended    bool // the sender has ended: EOF behind buf
	deaf     bool // the receiver is gone: writes fail
	broken   bool // reset: both sides fail at once
	reading  deadline
	writing  deadline
	shutDown bool // closed by the receiver's own side
}

// deadline is one of a side's two deadlines.
type deadline struct {
	at    time.Time // zero: none
	timer *time.Timer
}

func newWire(size int) *wire {
	w := &wire{size: size}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// set moves a deadline of w, which is woken when it comes.
func (w *wire) set(d *deadline, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), w.wake)
	}
	w.changed.Broadcast()
}

func (w *wire) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed.Broadcast()
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (w *wire) read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.shutDown:
			return 0, net.ErrClosed
		case w.broken:
			return 0, syscall.ECONNRESET
		case w.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(w.buf) > 0:
			n := copy(b, w.buf)
			w.buf = w.buf[n:]
			w.changed.Broadcast()
			return n, nil
		case w.ended:
			return 0, io.EOF
		}
		w.changed.Wait()
	}
}

func (w *wire) write(b []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.ended:
			return n, net.ErrClosed
		case w.broken:
			return n, syscall.ECONNRESET
		case w.deaf:
			return n, syscall.EPIPE
		case len(b) == 0:
			return n, nil
		case w.writing.passed():
			return n, os.ErrDeadlineExceeded
		case len(w.buf) < w.size:
			taken := min(len(b), w.size-len(w.buf))
			w.buf = append(w.buf, b[:taken]...)
			b, n = b[taken:], n+taken
			w.changed.Broadcast()
			continue
		}
		w.changed.Wait()
	}
}

// change sets what has become of w.
func (w *wire) change(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
	w.changed.Broadcast()
}

// stop ends the timers of w.
func (w *wire) stop() {
	w.set(&w.reading, time.Time{})
	w.set(&w.writing, time.Time{})
}

// end is one end of a connection.
type end struct {
	in, out *wire
	linger  bool // Close sends what is under way
	once    sync.Once
}

// sizes of the buffers, in bytes: of events a few are under way, of requests
// all fit.
const (
	toClient = 4 << 10
	toServer = 64 << 10
)

// pipe connects a client and a server.
func pipe() (client, server *end) {
	up, down := newWire(toServer), newWire(toClient)
	return &end{in: down, out: up, linger: true}, &end{in: up, out: down, linger: true}
}

// Read implements net.Conn.
func (e *end) Read(b []byte) (int, error) { return e.in.read(b) }

// Write implements net.Conn.
func (e *end) Write(b []byte) (int, error) { return e.out.write(b) }

// CloseWrite ends what is sent.
func (e *end) CloseWrite() error {
	e.out.change(func() { e.out.ended = true })
	return nil
}

// SetLinger makes Close a reset when seconds is 0.
func (e *end) SetLinger(seconds int) error {
	e.linger = seconds != 0
	return nil
}

// Close implements net.Conn.
func (e *end) Close() error {
	err := net.ErrClosed
	e.once.Do(func() {
		err = nil
		e.in.change(func() { e.in.deaf, e.in.shutDown = true, true })
		if e.linger {
			_ = e.CloseWrite()
		} else {
			e.reset()
		}
		e.in.stop()
		e.out.stop()
	})
	return err
}

// reset breaks the connection: what is under way is lost.
func (e *end) reset() {
	for _, w := range []*wire{e.in, e.out} {
		w.change(func() { w.broken, w.buf = true, nil })
	}
}

// SetDeadline implements net.Conn.
func (e *end) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (e *end) SetReadDeadline(t time.Time) error { e.in.set(&e.in.reading, t); return nil }

// SetWriteDeadline implements net.Conn.
func (e *end) SetWriteDeadline(t time.Time) error { e.out.set(&e.out.writing, t); return nil }

// LocalAddr implements net.Conn.
func (e *end) LocalAddr() net.Addr { return nowhere }

// RemoteAddr implements net.Conn.
func (e *end) RemoteAddr() net.Addr { return nowhere }

var nowhere = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
