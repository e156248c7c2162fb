package sse

import (
	"time"

	"golang.org/x/sys/unix"
)

// What a socket's buffer takes is not taken by the client yet. Of a stream on
// which little comes the buffer holds hours, and a write never fails; so now and
// then the kernel is asked whether anything was acknowledged of what it holds.
//
// TCP_USER_TIMEOUT would do the same, without a word to the client: the kernel
// forgets the connection, and one that reads again and waits has nothing to send
// that would be answered by a reset. It also ends those who read, but so slowly
// that their window stays closed (measured).

// unread is how far a client has come with what the kernel holds for it.
type unread struct {
	acked uint32 // bytes acknowledged, the lower half
	since uint32 // tick since which there have been no more; 0: nothing is held
}

// stuck reports whether nothing has been acknowledged for so many ticks, of what
// was held all the time.
func (u *unread) stuck(fd int, tick, patience uint32) bool {
	// SIOCOUTQ counts what is not acknowledged, sent or not.
	if held, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ); err != nil || held == 0 {
		u.since = 0
		return false
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		u.since = 0
		return false
	}
	if acked := uint32(info.Bytes_acked); u.since == 0 || acked != u.acked {
		u.acked, u.since = acked, max(1, tick)
		return false
	}
	return tick-u.since >= patience
}

// stuck is the same for a follower, which asks once a heartbeat.
func (f *follower) stuck(now time.Time) (stuck bool) {
	if now.Before(f.asks) {
		return false
	}
	s := f.srv
	limits := s.limits()
	f.asks = now.Add(limits.Heartbeat)
	f.owner.socket(func(fd int) {
		stuck = f.unread.stuck(fd, s.ticks(now), s.tickCount(limits.SlowClientTimeout))
	})
	return stuck
}
