package sse

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pollEvents is how many events one call may bring.
const pollEvents = 256

// poller is an epoll set that is itself waited for through Go's poller, so
// that no thread is parked in epoll_wait (25 µs from a client's close to the
// event, measured). Its goroutine fills buf, tells so on batches, and goes on
// when it is handed back on back: each side owns buf in turn.
type poller struct {
	fd      int
	file    *os.File
	raw     syscall.RawConn
	buf     [pollEvents]unix.EpollEvent
	n       int
	batches chan struct{}
	back    chan struct{}
	done    chan struct{}
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create an epoll set: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot make an epoll set non-blocking: %w", err)
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), batches: make(chan struct{}), back: make(chan struct{}), done: make(chan struct{})}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, fmt.Errorf("cannot wait for an epoll set: %w", err)
	}
	go p.run()
	return p, nil
}

// run waits for events until the set is closed.
func (p *poller) run() {
	for {
		err := p.raw.Read(func(fd uintptr) bool {
			n, err := unix.EpollWait(int(fd), p.buf[:], 0)
			p.n = max(n, 0)
			return p.n > 0 || err != nil && err != unix.EINTR
		})
		if err != nil {
			return
		}
		select {
		case p.batches <- struct{}{}:
		case <-p.done:
			return
		}
		select {
		case <-p.back:
		case <-p.done:
			return
		}
	}
}

// add registers a socket once and for all: edge-triggered OUT tells when a
// full one has room again, RDHUP when the client has gone. (One-shot with OUT
// fires at once and is then deaf, measured.)
func (p *poller) add(fd int, index, gen uint32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLRDHUP | unix.EPOLLOUT | unix.EPOLLET&0xffffffff, Fd: int32(index), Pad: int32(gen)})
}

// remove must come before the close of the socket.
func (p *poller) remove(fd int) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

func (p *poller) close() {
	close(p.done)
	p.file.Close()
}

// events handles one batch of the poller.
func (sh *shard) events() {
	p := sh.poll
	for _, ev := range p.buf[:p.n] {
		i := uint32(ev.Fd)
		if int(i) >= len(sh.clients) {
			continue
		}
		c := &sh.clients[i]
		if c.state == stateFree || c.gen != uint32(ev.Pad) {
			continue
		}
		switch {
		case ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0:
			sh.gone(i)
		case c.blocked:
			c.blocked = false
			sh.queue(i)
		}
	}
	p.back <- struct{}{}
}
