package sse

import (
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringcast/ringcast/ringbuf"
)

// toShard moves a connection from net.Conn to the raw descriptor that a shard
// owns. It reports false, and has done nothing, where there are no shards, the
// connection is not plain TCP, or there is no descriptor left. Counts and descriptor are the shard's when
// it returns true, or have been given back.
func (s *Server) toShard(c *conn, sub *subscription) bool {
	if !s.hasShardFor(c) || sub.start.want != nil && sub.start.want.alone() {
		return false
	}
	tcp := c.Conn.(*net.TCPConn)
	fd, err := duplicate(tcp)
	if err != nil {
		return false
	}
	if !c.handOver() {
		unix.Close(fd)
		return true
	}
	_ = tcp.Close()
	a := arrival{fd: fd, view: sub.view, guest: c.guest, lane: sub.lane, pend: sub.head, want: sub.start.want, bare: sub.bare, born: time.Now(), expires: sub.expires}
	if at := sub.start.at; at != nil {
		a.cursor, a.last = at.Seq, at
	}
	s.send(a)
	return true
}

// hasShardFor reports whether a connection may become a shard's.
func (s *Server) hasShardFor(c *conn) bool {
	_, ok := c.Conn.(*net.TCPConn)
	return ok && len(s.shards) > 0
}

// holdLittle has the kernel take no more of what a follower writes than it can
// send soon; the send buffer itself is left to autotuning.
func (c *conn) holdLittle() {
	c.socket(func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 2*followerBatch)
	})
}

// socket calls f with the descriptor, where there is one.
func (c *conn) socket(f func(fd int)) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// tryWrite writes what the socket takes at once.
func (f *follower) tryWrite(b []byte) (n int) {
	tcp, ok := f.owner.Conn.(*net.TCPConn)
	if !ok || f.srv.cfg.TLS != nil || len(b) == 0 {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Write(func(fd uintptr) bool {
		n, err = unix.Write(int(fd), b)
		return true // whatever it was: write will say
	})
	return max(0, n)
}

// duplicate returns a descriptor of the connection that Go's poller does not
// know. It stays non-blocking.
func duplicate(tcp *net.TCPConn) (fd int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	cerr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if cerr != nil {
		return -1, cerr
	}
	return fd, err
}

// send gives an arrival to the next shard in turn.
func (s *Server) send(a arrival) {
	sh := s.shards[int(s.nextShard.Add(1))%len(s.shards)]
	sh.inboxMu.Lock()
	if sh.closed {
		sh.inboxMu.Unlock()
		s.drop(a, closedDrain)
		return
	}
	sh.inbox = append(sh.inbox, a)
	sh.inboxMu.Unlock()
	if !sh.mail.Swap(true) {
		select {
		case sh.wake <- struct{}{}:
		default:
		}
	}
}

// drop closes an arrival that no shard took.
func (s *Server) drop(a arrival, reason closedReason) {
	unix.Close(a.fd)
	s.over(a.view, a.guest, reason)
}

// over gives back what a connection counted for whose descriptor is closed.
func (s *Server) over(v *view, g *guest, reason closedReason) {
	s.sockets.Add(-1)
	s.ended(v, g, reason)
}

// refuseInbox closes the inbox and what is in it.
func (sh *shard) refuseInbox() {
	sh.inboxMu.Lock()
	sh.closed = true
	list := sh.inbox
	sh.inbox = nil
	sh.inboxMu.Unlock()
	for _, a := range list {
		sh.srv.drop(a, closedDrain)
	}
}

// takeInbox adopts what has arrived.
func (sh *shard) takeInbox() {
	sh.mail.Store(false)
	sh.inboxMu.Lock()
	list := sh.inbox
	sh.inbox = nil
	sh.inboxMu.Unlock()
	defer func() {
		if len(list) > 0 { // a panic; the others are for the shard that starts again
			sh.inboxMu.Lock()
			sh.inbox = append(list, sh.inbox...)
			sh.inboxMu.Unlock()
			sh.mail.Store(true)
		}
	}()
	for len(list) > 0 {
		a := list[0]
		list = list[1:]
		sh.adopt(a)
	}
}

// adopt makes an arrival a client: lagging, until it has taken what is its own.
func (sh *shard) adopt(a arrival) {
	s := sh.srv
	_ = unix.SetsockoptInt(a.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, s.cfg.SendBuffer)
	g := sh.group(a.view)
	i := sh.place()
	c := &sh.clients[i]
	*c = client{fd: int32(a.fd), gen: c.gen, group: g, guest: a.guest, lane: a.lane, queued: c.queued, wrote: sh.tick, born: s.ticks(a.born), expires: a.expires,
		lag: &lagging{pend: a.pend, cursor: a.cursor, last: a.last, want: a.want, since: sh.tick, window: sh.tick}}
	if err := sh.poll.add(a.fd, i, c.gen); err != nil {
		s.drop(a, closedError)
		sh.free = append(sh.free, i)
		return
	}
	if a.last != nil && g.liveClients() == 0 && len(g.lagging) == 0 {
		g.moveTo(a.last)
	}
	if a.bare {
		c.lag.ending, c.lag.reason = true, closedClient
	}
	sh.move(i, stateLagging)
	sh.own(c.lag, len(a.pend))
	first := sh.tick + s.tickCount(time.Second)
	if age := s.ageTicks(i, c.gen); age > 0 {
		first = min(first, c.born+age)
	}
	if c.expires != 0 {
		first = min(first, sh.lookExpiry(i))
	}
	sh.due(i, first)
	removed := a.view.isRemoved()
	sh.removing = sh.removing || removed // also for one that ends anyway: the group has to be forgotten
	switch {
	case a.bare:
	case sh.drainer != nil:
		sh.end(i, closedDrain)
	case removed:
		sh.end(i, closedRemoved)
	}
	g.dirty = true
	sh.step(i)
}

// place returns a free place for a client.
func (sh *shard) place() uint32 {
	if n := len(sh.free); n > 0 {
		i := sh.free[n-1]
		sh.free = sh.free[:n-1]
		return i
	}
	sh.clients = append(sh.clients, client{})
	return uint32(len(sh.clients) - 1)
}

// group returns what the shard knows of a view.
func (sh *shard) group(v *view) *group {
	g := sh.groups[v]
	if g == nil {
		g = &group{view: v, waker: ringbuf.NewWaker(sh.wake)}
		g.moveTo(v.Ring.Newest())
		v.Ring.Attach(g.waker)
		v.pace.join(&g.reader)
		sh.groups[v] = g
		sh.order = append(sh.order, g)
	}
	return g
}

// leave ends what group began outside the shard.
func (sh *shard) leave(g *group) {
	g.view.Ring.Detach(g.waker)
	g.view.pace.leave(&g.reader)
}

// dropGroups forgets the views that have no clients any more, in any shard. The
// clients of those that are no longer served are sent away first.
func (sh *shard) dropGroups() {
	sh.removing = false
	for _, g := range sh.order {
		if g.view.isRemoved() && g.size() > 0 {
			sh.removing = true
			g.each(func(i uint32) { sh.end(i, closedRemoved) })
		}
	}
	sh.order = slices.DeleteFunc(sh.order, func(g *group) bool {
		if !g.view.dropped() && !(g.view.isRemoved() && g.size() == 0) {
			return false
		}
		sh.leave(g)
		delete(sh.groups, g.view)
		return true
	})
}

// tryWaiting looks after the clients of a group that are ahead.
func (sh *shard) tryWaiting(g *group) {
	newest := g.view.Ring.Newest()
	if len(g.waiting) == 0 || newest == nil {
		return
	}
	here := newest.Vector()
	for k := len(g.waiting) - 1; k >= 0; k-- {
		if i := g.waiting[k]; !sh.clients[i].lag.want.ahead(here) {
			sh.tryStart(i)
		}
	}
}

// tryStart joins a waiting client to the shared bytes if the ring has come to
// its position. One that has waited for long enough becomes a follower.
func (sh *shard) tryStart(i uint32) {
	c := &sh.clients[i]
	if c.state != stateWaiting {
		return
	}
	l, v := c.lag, c.group.view
	if l.want.cold {
		s := v.live()
		switch {
		case s.want == nil:
			l.want, l.cursor, l.last = nil, s.at.Seq, s.at
			sh.move(i, stateLagging)
			sh.queue(i)
			return
		case s.want.cold:
			return
		}
		l.want = s.want
	}
	if !l.want.alone() {
		sh.begin(i, l.want)
	}
	if c.state == stateWaiting && (l.want.alone() || v.Source.Warm() && sh.tick-l.begun >= sh.srv.tickCount(waitTime)) {
		sh.toFollower(i)
	}
}

// toFollower gives a waiting client a goroutine of its own.
func (sh *shard) toFollower(i uint32) {
	c := &sh.clients[i]
	v, ln, w, born, expires, guest := c.group.view, c.lane, c.lag.want, c.born, c.expires, c.guest
	sh.poll.remove(int(c.fd))
	file := os.NewFile(uintptr(c.fd), "")
	nc, err := net.FileConn(file)
	file.Close()
	sh.forget(i)
	s := sh.srv
	if err != nil {
		s.over(v, guest, closedError)
		return
	}
	cc := &conn{Conn: nc, sockets: &s.sockets, stream: v, server: s, guest: guest}
	s.launch(&follower{srv: s, conn: nc, owner: cc, view: v, lane: ln, want: w, born: s.started.Add(time.Duration(born) * s.unit), expires: expires, promote: true}, false)
}

// promote moves a follower's connection to a shard, where it goes on behind at.
// It reports false, and has done nothing, where that cannot be.
func (s *Server) promote(owner *conn, v *view, ln lane, at *ringbuf.Entry, born time.Time, expires uint32) bool {
	tcp, ok := owner.Conn.(*net.TCPConn)
	if !ok || len(s.shards) == 0 {
		return false
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return false
	}
	if !owner.handOver() {
		unix.Close(fd)
		return true
	}
	_ = tcp.Close()
	s.send(arrival{fd: fd, view: v, guest: owner.guest, lane: ln, cursor: at.Seq, last: at, born: born, expires: expires})
	return true
}

// shardClients counts the clients of all shards by what they are doing.
func (s *Server) shardClients() (serving, waiting int64) {
	for _, sh := range s.shards {
		serving += sh.counts[stateLive].Load() + sh.counts[stateLagging].Load() + sh.counts[stateClosing].Load()
		waiting += sh.counts[stateWaiting].Load()
	}
	return serving, waiting
}

// shardLag is how far the slowest shard is behind the head of a ring, entries.
func (s *Server) shardLag() (n int64) {
	for _, sh := range s.shards {
		n = max(n, sh.behind.Load())
	}
	return n
}
