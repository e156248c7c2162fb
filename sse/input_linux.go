package sse

import (
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// inputs watches the sockets of clients behind TLS, which say nothing once they
// have asked: the goroutine that reads is started for who does speak or close.
// It costs 4 KiB a client (measured), nearly all of it stack.
type inputs struct {
	poll *poller

	mu     sync.Mutex
	list   map[uint64]*follower // by number, guarded by mu
	next   uint64               // guarded by mu
	closed bool                 // the descriptor of poll may be another file's, guarded by mu
}

// startInputs watches until the server closes. It returns nil where nothing is
// to be watched, or cannot be.
func (s *Server) startInputs() *inputs {
	if s.cfg.TLS == nil {
		return nil
	}
	poll, err := newPoller()
	if err != nil {
		return nil
	}
	in := &inputs{poll: poll, list: make(map[uint64]*follower)}
	s.background(func() {
		defer in.close()
		for {
			select {
			case <-poll.batches:
				in.events()
			case <-s.ctx.Done():
				return
			}
		}
	})
	return in
}

// events starts the readers of those who have spoken.
func (in *inputs) events() {
	for _, ev := range in.poll.buf[:in.poll.n] {
		number := uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
		in.mu.Lock()
		f := in.list[number]
		delete(in.list, number)
		in.mu.Unlock()
		if f != nil {
			go f.read()
		}
	}
	in.poll.back <- struct{}{}
}

// add has f read once there is something to be read. It reports false, and has
// done nothing, where that cannot be known.
func (in *inputs) add(f *follower) bool {
	if in == nil {
		return false
	}
	tcp, ok := f.owner.Conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	in.next++
	number := in.next
	failed := raw.Control(func(fd uintptr) {
		// It leaves the set when it is closed.
		err = unix.EpollCtl(in.poll.fd, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{
			Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(uint32(number)), Pad: int32(uint32(number >> 32))})
	})
	if failed != nil || err != nil {
		return false
	}
	f.input, in.list[number] = number, f // events waits for mu
	return true
}

// close ends the watch. Who comes later reads by itself.
func (in *inputs) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.poll.close()
}

// remove forgets f.
func (in *inputs) remove(f *follower) {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.list, f.input)
}
