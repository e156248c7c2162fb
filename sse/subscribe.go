package sse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ringcast/ringcast/sse/frame"
	"github.com/ringcast/ringcast/sse/position"
)

// maxRoutes bounds the streams that one request may name.
const maxRoutes = 256

// subscription is a request that passed every check.
type subscription struct {
	view  *view
	lane  lane
	start start
	head  []byte // status line, header and greeting
	bare  bool   // HEAD: nothing behind the header

	expires uint32 // end of the token by the steady clock, Unix seconds; 0: none
}

// subscribe checks a request for streams in the order of PROTOCOL.md section 2
// and hands its connection over.
func (s *Server) subscribe(ctx *fasthttp.RequestCtx, names string) *refusal {
	c := unwrap(ctx.Conn())
	if c == nil {
		return badRequest("This connection cannot carry a stream.")
	}
	c.server = s
	r := s.checkIn(ctx, c)
	if r != nil {
		return r
	}
	entered := false
	defer func() {
		if !entered {
			c.leavePlace()
			c.checkOut()
		}
	}()
	streams, r := s.find(names)
	if r != nil {
		return r
	}
	expires, r := s.authorise(ctx, streams)
	if r != nil {
		return r
	}
	var since *int64
	if ms, ok, err := position.ParseSince(string(ctx.QueryArgs().Peek("since"))); err != nil {
		return badSince(err.Error())
	} else if ok {
		since = &ms
	}
	v := s.viewOf(streams)
	defer func() {
		if !entered {
			s.release(v)
		}
	}()
	sub := &subscription{view: v, lane: laneOf(ctx), bare: ctx.IsHead(), expires: s.steadyEnd(expires)}
	if sub.start, r = s.begin(ctx, v, since, sub.lane); r != nil {
		return r
	}
	if w := sub.start.want; w != nil && (w.deep || w.parked != nil) {
		if reason := c.takePlace(s); reason != "" {
			return noPlace(reason)
		}
	}
	if entered = s.enter(v); !entered {
		return full()
	}
	// From here the socket owns the counts, whoever closes it.
	c.stream = v
	if visit := c.guest.log(); visit != nil {
		visit.streams, visit.from = v.Name, sub.start.from
		if !sub.bare {
			visit.got.events = int64(sub.start.events)
		}
	}
	sub.head = s.appendHead(make([]byte, 0, headSize+len(sub.start.id)+len(sub.start.private)), ctx, sub)
	if !sub.bare {
		s.stats.resumed(v, sub.start)
		s.stats.private(v, &sub.start)
	}
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(nc net.Conn) { s.adopt(nc, sub) })
	return nil
}

// find returns the streams of a list of names, each once, by name.
func (s *Server) find(names string) ([]*view, *refusal) {
	if strings.Count(names, ",") >= maxRoutes {
		return nil, badRequest("A request may name at most " + strconv.Itoa(maxRoutes) + " streams.")
	}
	byName := s.catalog.Load().byName
	var streams []*view
	var bad []string
	for _, name := range strings.Split(names, ",") {
		if v := byName[name]; v != nil {
			streams = append(streams, v)
		} else {
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		return nil, streamNotFound(strings.Join(bad, ","))
	}
	slices.SortFunc(streams, func(a, b *view) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(streams), nil
}

// begin works out where the connection starts.
func (s *Server) begin(ctx *fasthttp.RequestCtx, v *view, since *int64, ln lane) (start, *refusal) {
	text, r := lastEventID(ctx)
	if r != nil {
		return start{}, r
	}
	if text == nil && since == nil {
		return v.live(), nil
	}
	key := startKey{string(text), ln}
	if since == nil {
		if st, ok := v.starts.get(key, v.Ring.Tail()); ok {
			return st, nil
		}
	}
	var id position.ID
	if text != nil {
		var err error
		if id, err = position.Parse(text); err != nil {
			return start{}, badPosition(err.Error())
		}
	}
	asking, cancel := context.WithTimeout(s.ctx, lookUpTime)
	defer cancel()
	st, err := v.resume(asking, id, since, ln)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return start{}, refused
	case errors.Is(err, errNeedsKafka) && s.limits().LimitAsResponse:
		return start{id: oneLine(text), want: &want{parked: &parked{id, since}}, from: fromKafka}, nil
	case errors.Is(err, errNeedsKafka):
		return start{}, kafkaAway()
	case err != nil:
		return start{}, beforeRing()
	}
	if st.at != nil && since == nil && len(text) > 0 && id.Ours() {
		v.starts.put(key, st)
	}
	if st.want == nil || !st.want.deep {
		return st, nil
	}
	switch lacking := v.lacking(st.want); {
	case v.remember(lacking) != nil:
		st.from = fromRing
	case !s.limits().LimitAsResponse && !v.answers(asking, lacking):
		return start{}, kafkaAway()
	}
	return st, nil
}

// oneLine is an id as a client sent it, without the white space that JSON may
// have and a field of an event stream may not.
func oneLine(id []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, id) != nil {
		return id // the compact form
	}
	return b.Bytes()
}

// lacking is what the ring does not hold of a position.
func (v *view) lacking(w *want) (list []Range) {
	for i := range w.pos {
		if floor, _ := v.Ring.First(i); w.pos[i].Next < floor {
			list = append(list, Range{Key: w.keys[i], From: w.pos[i].Next, To: floor})
		}
	}
	return list
}

// answers reports whether Kafka can be asked about what a position lacks.
func (v *view) answers(ctx context.Context, lacking []Range) bool {
	if len(lacking) == 0 {
		return true // the ring's partitions have changed
	}
	k := lacking[0].Key
	_, err := v.earliest(ctx, k)
	return err == nil || v.gone(ctx, k.Topic)
}

// lastEventID returns the position a request asks for, nil for none. The
// header wins over the query parameter.
func lastEventID(ctx *fasthttp.RequestCtx) ([]byte, *refusal) {
	values := ctx.Request.Header.PeekAll("Last-Event-ID")
	switch {
	case len(values) > 1:
		return nil, badPosition("More than one Last-Event-ID header.")
	case len(values) == 1:
		if len(bytes.TrimSpace(values[0])) == 0 {
			return nil, badPosition("The Last-Event-ID header is empty.")
		}
		return values[0], nil
	}
	if q := ctx.QueryArgs().Peek("lastEventId"); len(q) > 0 {
		return q, nil
	}
	return nil, nil
}

// laneOf chooses the wire form of a response.
func laneOf(ctx *fasthttp.RequestCtx) (l lane) {
	if wantsLines(&ctx.Request.Header) {
		l |= laneLines
	} else if string(ctx.QueryArgs().Peek("notices")) == "event" {
		l |= laneNotices
	}
	if !ctx.Request.Header.IsHTTP11() {
		l |= laneBare
	}
	return l
}

// wantsLines reports whether a request is for newline-delimited JSON.
func wantsLines(h *fasthttp.RequestHeader) bool {
	accept := bytes.ToLower(h.Peek("Accept"))
	return bytes.HasPrefix(accept, []byte("application/json")) || bytes.HasPrefix(accept, []byte("application/x-ndjson"))
}

// contentType is that of a lane, as the request named it.
func contentType(h *fasthttp.RequestHeader, l lane) string {
	switch {
	case l&laneLines == 0:
		return "text/event-stream; charset=utf-8"
	case bytes.HasPrefix(bytes.ToLower(h.Peek("Accept")), []byte("application/json")):
		return "application/json; charset=utf-8"
	}
	return "application/x-ndjson; charset=utf-8"
}

// headSize is about what a head takes without the greeting's id, bytes.
const headSize = 640

// appendHead appends the status line, the header and the greeting.
func (s *Server) appendHead(dst []byte, ctx *fasthttp.RequestCtx, sub *subscription) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\ncontent-type: "...)
	dst = append(dst, contentType(&ctx.Request.Header, sub.lane)...)
	dst = append(dst, "\r\ncache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\nconnection: close\r\n"...)
	if sub.lane&laneBare == 0 {
		dst = append(dst, "transfer-encoding: chunked\r\n"...)
	}
	for _, name := range []string{"x-content-type-options", "access-control-allow-origin", "access-control-allow-credentials", "vary", "access-control-allow-headers", "access-control-expose-headers"} {
		if value := ctx.Response.Header.Peek(name); len(value) > 0 {
			dst = append(dst, name...)
			dst = append(dst, ": "...)
			dst = append(dst, value...)
			dst = append(dst, "\r\n"...)
		}
	}
	dst = append(dst, "\r\n"...)
	switch {
	case sub.bare:
	case sub.lane&laneLines != 0:
		dst = sub.lane.appendBody(dst, []byte("\n"))
	default:
		dst = sub.lane.appendBody(dst, frame.Greeting(nil, s.retry(0), sub.start.id))
	}
	return append(dst, sub.start.private...)
}

// retry is the reconnection time that one client is told: the configured one
// by ±50 %, and up to spread more. 0: none is configured.
func (s *Server) retry(spread time.Duration) time.Duration {
	r := s.limits().Retry
	if r <= 0 {
		return 0
	}
	return r/2 + rand.N(r+1) + rand.N(spread+1)
}

// adopt takes a hijacked connection to its place: a shard, or a follower.
func (s *Server) adopt(nc net.Conn, sub *subscription) {
	c := unwrap(nc)
	defer func() {
		if p := recover(); p != nil {
			s.logPanic("hand-over", p)
			c.reason = closedPanic
			c.Close()
		}
	}()
	defer c.arrived()
	s.adopting <- struct{}{}
	moved := s.toShard(c, sub)
	<-s.adopting
	if moved {
		return
	}
	inner := nc
	if u, ok := nc.(interface{ UnsafeConn() net.Conn }); ok {
		inner = u.UnsafeConn()
	}
	s.follow(inner, c, sub)
}
