package sse

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

const (
	// accessRate is how many lines a second the access log has at most; it is a
	// quarter of a megabyte. The rest is counted.
	accessRate = 1000
	// accessText is how much of a header stands in a line, bytes.
	accessText = 256
)

// visit is what the access log will say of one connection. It belongs to
// whoever owns the connection.
type visit struct {
	address netip.Addr
	agent   string
	referer string
	streams string
	begun   time.Time
	from    resumeFrom
	got     sent // handed to the kernel for this client, whole connection
	mark    sent // of its group and lane, when it became live
}

// sent is events, and bytes with everything around them.
type sent struct{ events, bytes int64 }

// add counts what a client was given. A nil visit counts nothing.
func (v *visit) add(events, bytes int) {
	if v != nil {
		v.got.events += int64(events)
		v.got.bytes += int64(bytes)
	}
}

// settle counts what a live client was given since its mark.
func (v *visit) settle(now sent) {
	v.got.events += now.events - v.mark.events
	v.got.bytes += now.bytes - v.mark.bytes
}

// log is the record of a guest, nil without an access log.
func (g *guest) log() *visit {
	if g == nil {
		return nil
	}
	return g.visit
}

// newVisit takes from a request what its line will say.
func newVisit(a netip.Addr, h *fasthttp.RequestHeader) *visit {
	// What comes behind a question mark is nobody's business and may be a secret.
	referer, _, _ := strings.Cut(string(h.Referer()), "?")
	return &visit{address: a, agent: loggable(string(h.UserAgent())), referer: loggable(referer), begun: time.Now()}
}

// loggable is client text for a log: short, and without anything that a
// terminal would act on.
func loggable(s string) string {
	if len(s) > accessText {
		s = s[:accessText]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// accessLog writes one line at the end of every connection, or as many as the
// rate allows. Lines pass through a queue: whoever ends a connection must not
// wait for whoever reads the log.
type accessLog struct {
	log   zerolog.Logger
	lines chan line
	left  atomic.Int64  // lines left out, and not told yet
	stop  chan struct{} // closed by close
	done  chan struct{} // closed by run
}

type line struct {
	*visit
	ended  time.Time
	reason closedReason
}

func newAccessLog(log zerolog.Logger) *accessLog {
	l := &accessLog{log: log, lines: make(chan line, accessRate), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// end notes that a connection has ended. It reports false when there is no room
// for the line. It never waits.
func (l *accessLog) end(v *visit, reason closedReason) bool {
	select {
	case l.lines <- line{v, time.Now(), reason}:
		return true
	default:
		l.left.Add(1)
		return false
	}
}

// run writes a line and waits for as long as the rate wants.
func (l *accessLog) run() {
	defer close(l.done)
	pause := time.NewTicker(time.Second / 10)
	defer pause.Stop()
	for room := accessRate / 10; ; {
		lines := l.lines
		if room == 0 {
			lines = nil
		}
		select {
		case x := <-lines:
			room--
			l.write(x)
		case <-pause.C:
			room = accessRate / 10
		case <-l.stop:
			for {
				select {
				case x := <-l.lines:
					l.write(x)
					continue
				default:
				}
				break
			}
			if n := l.left.Load(); n > 0 {
				l.log.Log().Int64("left_out", n).Msg("access")
			}
			return
		}
	}
}

// write logs one line, whatever the level: the access log is a switch of its own.
func (l *accessLog) write(x line) {
	e := l.log.Log().Str("address", x.address.String()).Str("user_agent", x.agent).Str("referer", x.referer).Str("streams", x.streams).
		Float64("seconds", x.ended.Sub(x.begun).Round(time.Millisecond).Seconds()).Int64("events", x.got.events).Int64("bytes", x.got.bytes).
		Str("resumed", resumeNames[x.from]).Str("reason", string(x.reason))
	if n := l.left.Swap(0); n > 0 {
		e.Int64("left_out", n)
	}
	e.Msg("access")
}

// close writes what is in the queue. Of connections that end after it nothing
// is written.
func (l *accessLog) close() {
	close(l.stop)
	<-l.done
}
