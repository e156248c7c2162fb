package sse

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/frame"
)

// A follower is the general path: a goroutine per connection with blocking
// writes. It serves whatever is not live and identical for everyone: clients
// that are ahead of this instance, TLS, and systems without epoll. One that has
// caught up on a plain TCP connection goes to a shard.
type follower struct {
	srv     *Server
	conn    net.Conn // what is written to: TCP or TLS
	owner   *conn    // owns the counts; conn is it or lies above it
	view    *view
	lane    lane
	head    []byte
	want    *want
	at      *ringbuf.Entry // the last entry given
	reader  reader         // how far it has come in the shared bytes
	born    time.Time
	expires uint32 // end of the client's token by the steady clock, Unix seconds; 0: none
	promote bool   // to a shard, once it has caught up

	wake      chan struct{} // the ring moved, or something else did
	gone      chan struct{} // closed by the reader when the client has gone
	heartbeat *time.Timer
	drain     <-chan time.Time
	age       <-chan time.Time
	waited    time.Duration // spent in writes since rate was measured
	taken     int64         // bytes in that time
	out       []byte        // scratch for private bytes
	id        []byte        // scratch
	replays   int           // within this catch-up
	refused   *refusal      // what errRefused says to the client
	input     uint64        // its number among inputs
	unread    unread
	asks      time.Time // when unread is asked again
}

// followerBatch is how many bytes a follower writes between two looks at its
// deadline and at the reasons to end.
const followerBatch = 32 << 10

// follow serves a connection as a follower.
func (s *Server) follow(nc net.Conn, owner *conn, sub *subscription) {
	owner.holdLittle()
	if s.cfg.TLS != nil {
		owner.patience.Store(int64(s.limits().SlowClientTimeout))
	}
	s.launch(&follower{srv: s, conn: nc, owner: owner, view: sub.view, lane: sub.lane, head: sub.head, want: sub.start.want, at: sub.start.at,
		born: time.Now(), expires: sub.expires, promote: s.hasShardFor(owner)}, sub.bare)
}

// launch starts a follower. bare: nothing follows its head.
func (s *Server) launch(f *follower, bare bool) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		f.owner.reason = closedDrain
		f.owner.Close()
		return
	}
	s.followers.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.followers.Done()
		f.owner.reason = closedPanic
		defer func() {
			if p := recover(); p != nil {
				s.logPanic("follower", p)
			}
			f.owner.Close()
		}()
		f.owner.reason = f.run(bare)
	}()
}

var (
	errGone    = errors.New("client has gone")
	errDrain   = errors.New("draining")
	errAge     = errors.New("connection is old enough")
	errRemoved = errors.New("stream is no longer served")
	errToken   = errors.New("token has expired")
	errSlow    = errors.New("client is too slow")
	errBlocked = errors.New("client took nothing for too long")
	errStopped = errors.New("server has stopped")
	errMoved   = errors.New("connection is a shard's now")
	errRefused = errors.New("position is not one of this stream")
)

// run is the life of a follower. It returns why the connection ended.
func (f *follower) run(bare bool) closedReason {
	s := f.srv
	f.wake = make(chan struct{}, 1)
	f.gone = make(chan struct{})
	f.heartbeat = time.NewTimer(f.beat())
	defer f.heartbeat.Stop()
	s.stats.followers.Add(1)
	defer s.stats.followers.Add(-1)
	f.view.waker.add(f)
	defer f.view.waker.remove(f)
	reading := f.startReading()
	defer s.inputs.remove(f)
	if d := s.limits().MaxConnectionAge; d > 0 {
		f.age = time.After(time.Until(f.born.Add(d - rand.N(d/5+1))))
	}
	err := f.write(f.head)
	f.head = nil
	if err == nil && !bare {
		err = f.serve()
	}
	for err == errMoved {
		// The reader must be off the connection before the shard is on it.
		_ = f.conn.SetReadDeadline(time.Unix(1, 0))
		<-reading
		select {
		case <-f.gone:
			err = errGone
		default:
			if s.promote(f.owner, f.view, f.lane, f.at, f.born, f.expires) {
				return closedClient // not counted: the socket is not ours any more
			}
			// No descriptor for the move: it stays.
			f.promote = false
			_ = f.conn.SetReadDeadline(time.Time{})
			reading = f.startReading()
			err = f.serve()
		}
	}
	return f.finish(err, bare)
}

// startReading starts the reader, which closes the channel when it ends. A
// client that cannot go to a shard gets it when it speaks, and no channel.
func (f *follower) startReading() <-chan struct{} {
	if !f.promote && f.srv.inputs.add(f) {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.read()
	}()
	return done
}

// read takes what the client sends, to learn when it goes.
func (f *follower) read() {
	buf := make([]byte, 64)
	for {
		if _, err := f.conn.Read(buf); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				close(f.gone)
			}
			return
		}
	}
}

// serve writes events until there is a reason to end.
func (f *follower) serve() error {
	for {
		if f.at == nil {
			if err := f.catchUp(); err != nil {
				return err
			}
		}
		if f.promote {
			return errMoved
		}
		err := f.shared()
		if err != errAgain {
			return err
		}
		// The ring has left us behind: from the position we are at.
		v := f.at.Vector()
		f.replays = 0
		f.at, f.want = nil, &want{pos: v.Pos, keys: v.Keys}
	}
}

// shared writes the same batches that everyone gets. It returns errAgain when
// the ring has evicted what comes next.
func (f *follower) shared() error {
	ring := f.view.Ring
	for {
		f.reader.at.Store(f.at.Seq)
		to, ok := span(ring, f.at.Seq, ring.Head(), f.srv.batchLimit)
		if !ok {
			return errAgain
		}
		if to == f.at.Seq {
			if _, err := f.wait(nil); err != nil {
				return err
			}
			continue
		}
		b := f.lane.build(ring, f.at.Seq, to)
		if b == nil {
			return errAgain
		}
		f.owner.guest.log().add(b.events, 0)
		f.reader.writing.Store(true)
		err := f.write(b.bytes)
		f.reader.writing.Store(false)
		if err != nil {
			return err
		}
		f.at = b.last
		f.srv.stats.wrote(f.view, b, 1, 1, time.Now())
	}
}

// wait returns when the ring may have moved or ask has fired (asked), and an
// error when there is a reason to end.
func (f *follower) wait(ask <-chan time.Time) (asked bool, _ error) {
	drain := f.srv.drain
	for {
		if f.drain != nil {
			drain = nil
		}
		select {
		case <-f.wake:
			return false, nil
		case <-ask:
			return true, nil
		case <-f.heartbeat.C:
			if err := f.beats(); err != nil {
				return false, err
			}
		case <-drain:
			f.drain = time.After(rand.N(time.Duration(drainShare*float64(f.srv.drainTime)) + 1))
		case <-f.drain:
			return false, errDrain
		case <-f.age:
			return false, errAge
		case <-f.view.removed:
			return false, errRemoved
		case <-f.gone:
			return false, errGone
		case <-f.srv.ctx.Done():
			return false, errStopped
		}
	}
}

// pause waits for d, or for a reason to end.
func (f *follower) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		if over, err := f.wait(t.C); over || err != nil {
			return err
		}
	}
}

// tick sends a heartbeat if it is time, and returns a reason to end.
func (f *follower) tick() error {
	select {
	case <-f.heartbeat.C:
		return f.beats()
	default:
		return f.due()
	}
}

// due returns a reason to end that has come while there was data to write.
func (f *follower) due() error {
	if f.expired() {
		return errToken
	}
	select {
	case <-f.drain:
		return errDrain
	case <-f.age:
		return errAge
	case <-f.view.removed:
		return errRemoved
	case <-f.gone:
		return errGone
	case <-f.srv.ctx.Done():
		return errStopped
	case <-f.srv.drain:
		if f.drain == nil {
			f.drain = time.After(rand.N(time.Duration(drainShare*float64(f.srv.drainTime)) + 1))
		}
	default:
	}
	return nil
}

// write writes whole chunks, with a deadline that progress renews. After an
// error other than errSlow the connection is inside an event.
func (f *follower) write(b []byte) error { return f.written(0, b) }

// written is write for bytes of which taken are on their way already.
func (f *follower) written(taken int, b []byte) error {
	if taken+len(b) == 0 {
		return f.due() // no traffic, so the heartbeat stays due
	}
	begun, size := time.Now(), taken+len(b)
	f.owner.guest.log().add(0, taken)
	for len(b) > 0 {
		_ = f.conn.SetWriteDeadline(time.Now().Add(f.srv.limits().SlowClientTimeout))
		n, err := f.conn.Write(b[:min(len(b), followerBatch)])
		b = b[n:]
		f.owner.guest.log().add(0, n)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return errBlocked
			}
			return errGone
		}
	}
	f.srv.stats.writes.Inc()
	f.heartbeat.Reset(f.beat())
	now := time.Now()
	f.waited += now.Sub(begun)
	f.taken += int64(size)
	if f.waited > f.srv.cfg.rateWindow {
		slow := float64(f.taken) < float64(f.srv.limits().MinRate)*f.waited.Seconds()
		f.waited, f.taken = 0, 0
		if slow {
			return errSlow
		}
	}
	if f.stuck(now) {
		return errBlocked
	}
	return f.due()
}

// beat is how long the client may hear nothing. The end of its token comes
// first where it is sooner, so that it needs no timer of its own.
func (f *follower) beat() time.Duration {
	d := f.srv.limits().Heartbeat
	d -= rand.N(d/5 + 1)
	if f.expires != 0 {
		d = max(0, min(d, time.Unix(int64(f.expires), 0).Sub(f.srv.steadyAt(time.Now()))))
	}
	return d
}

// beats does what the timer of beat is for.
func (f *follower) beats() error {
	if f.expired() {
		return errToken
	}
	return f.write(heartbeats[f.lane])
}

func (f *follower) expired() bool {
	return f.expires != 0 && f.srv.steadyAt(time.Now()).Unix() >= int64(f.expires)
}

// finish ends the connection: cleanly where the client can still be told.
func (f *follower) finish(err error, bare bool) closedReason {
	reasons := map[error]closedReason{errDrain: closedDrain, errStopped: closedDrain, errAge: closedAge, errToken: closedToken, errRemoved: closedRemoved, errSlow: closedSlow, errBlocked: closedBlocked, errRefused: closedError}
	reason, ok := reasons[err]
	if !ok {
		reason = closedClient
	}
	switch err {
	case errBlocked:
		if tcp, ok := f.owner.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return reason
	case errGone, errStopped:
		return reason
	}
	f.owner.patience.Store(0)
	_ = f.conn.SetDeadline(time.Now().Add(f.srv.limits().SlowClientTimeout))
	if err == errRefused && f.lane&laneLines == 0 {
		if _, err := f.conn.Write(f.lane.appendBody(nil, frame.Error(nil, f.refused.event()))); err != nil {
			return reason
		}
	}
	if !bare {
		if _, err := f.conn.Write(f.srv.ending(f.lane, reason)); err != nil {
			return reason
		}
	}
	if half, ok := f.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	select {
	case <-f.gone:
	case <-time.After(time.Second):
	case <-f.srv.ctx.Done():
	}
	return reason
}

// ending is what a client gets behind its last event.
func (s *Server) ending(l lane, reason closedReason) (b []byte) {
	if l&laneLines == 0 {
		switch reason {
		case closedDrain:
			b = l.appendBody(b, frame.Closing(nil, s.retry(s.drainTime/2), frame.Drain))
		case closedAge:
			b = l.appendBody(b, frame.Closing(nil, s.retry(0), frame.Age))
		case closedToken:
			b = l.appendBody(b, frame.Closing(nil, s.retry(0), frame.Token))
		case closedSlow:
			b = l.appendBody(b, frame.Closing(nil, s.retry(0), frame.Slow))
		case closedRemoved:
			b = l.appendBody(b, frame.Closing(nil, s.retry(0), frame.Removed))
		}
	}
	if l&laneBare == 0 {
		b = append(b, frame.Terminator...)
	}
	return b
}

// askContext bounds one question to Kafka by the life of the connection.
func (f *follower) askContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(f.srv.ctx, lookUpTime)
}
