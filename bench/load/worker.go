//go:build linux

package load

import (
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// readSize is what one read(2) takes at most. Level-triggered epoll brings the rest in the next round, so
// that a busy client does not hold up the others.
const readSize = 128 << 10

// worker owns the sockets of its clients and reads them in one goroutine.
type worker struct {
	// set at construction
	epoll int
	want  *expectation
	stall bool // clients read nothing after their greeting

	mu sync.Mutex // held for a batch of epoll events at a time

	// guarded by mu
	clients  []*client // the epoll data of a socket is its index
	greeted  int
	done     int // clients that have all they were to read
	tally    Tally
	failure  error // the first protocol error, or why the first connection was closed
	busy     time.Duration
	measured time.Duration

	// owned by the worker's goroutine
	buf []byte
}

type client struct {
	stream
	fd      int      // -1 when closed, or not our own to read
	conn    net.Conn // of a client with TLS; nil when closed
	request []byte   // what to send as soon as the connection stands; nil when it is sent
	until   []uint64 // what to read up to; nil: for ever
	budget  int      // bytes that a slow client may read now
}

func newWorker(want *expectation, stall bool) (*worker, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create an epoll set: %w", err)
	}
	return &worker{epoll: epoll, want: want, stall: stall, buf: make([]byte, maxCarry+readSize)}, nil
}

// add takes over a connected non-blocking socket whose request is sent.
func (w *worker) add(c *client) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.watch(c, len(w.clients)); err != nil {
		return err
	}
	w.clients = append(w.clients, c)
	return nil
}

// watch makes epoll tell of the socket of the client with an index. The caller holds mu.
func (w *worker) watch(c *client, index int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(index)}
	if c.request != nil {
		event.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
		return fmt.Errorf("cannot watch a client's socket: %w", err)
	}
	return nil
}

// run reads until stop is closed. It looks at stop every 100 ms when nothing arrives.
func (w *worker) run(stop <-chan struct{}) {
	defer w.close()
	events := make([]unix.EpollEvent, 512)
	begin := time.Now()
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, err := unix.EpollWait(w.epoll, events, 100)
		woken := time.Now()
		if err != nil && err != unix.EINTR {
			panic(fmt.Sprintf("BUG: epoll_wait: %v", err))
		}
		w.mu.Lock()
		for i := range max(n, 0) {
			if c := w.clients[events[i].Fd]; c.request == nil || w.ask(c, events[i].Fd) {
				w.read(c, readSize)
			}
		}
		now := time.Now()
		w.busy += now.Sub(woken)
		w.measured += now.Sub(begin)
		w.mu.Unlock()
		begin = now
	}
}

// read takes what one read(2) gives, at most limit bytes, and feeds it to the client's stream. It returns how
// many bytes it took.
func (w *worker) read(c *client, limit int) (n int) {
	if c.fd < 0 {
		return 0
	}
	kept := copy(w.buf, c.carry)
	n, err := unix.Read(c.fd, w.buf[kept:kept+limit])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0
	case err != nil:
		w.drop(c, fmt.Errorf("connection lost: %w", err))
		return 0
	case n == 0:
		w.drop(c, fmt.Errorf("connection closed by the server"))
		return 0
	}
	w.took(c, w.buf[:kept+n], n)
	return n
}

// took feeds b, of which the last n bytes are new, to the client's stream. The caller holds mu.
func (w *worker) took(c *client, b []byte, n int) {
	w.tally.Bytes += uint64(n)
	before := c.phase
	rest, err := c.feed(b, time.Now().UnixMicro(), w.want, &w.tally)
	if before != greeted && c.phase == greeted {
		w.greeted++
		if w.stall {
			w.ignore(c)
		}
	}
	if err != nil {
		w.drop(c, err)
		return
	}
	if c.until != nil && c.missing(c.until) == 0 {
		w.done++
		c.close()
		return
	}
	c.carry = append(c.carry[:0], rest...)
}

// ignore makes the worker read nothing more of a client.
func (w *worker) ignore(c *client) {
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, c.fd, nil); err != nil {
		w.drop(c, fmt.Errorf("cannot ignore a client's socket: %w", err))
	}
}

// close closes the connection, if there is one, and forgets what is left of its response.
func (c *client) close() {
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	c.carry = nil
}

func (w *worker) drop(c *client, why error) {
	if w.failure == nil {
		w.failure = why
	}
	w.tally.Closed++
	c.close()
}

func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clients {
		c.close()
	}
	unix.Close(w.epoll)
}
