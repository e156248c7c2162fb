package sse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

// modelClient is one EventSource, or a reader of JSON lines, which has no ids.
type modelClient struct {
	world  *modelWorld
	name   string
	lines  bool
	lastID string // adopted from the real bytes
	made   bool   // it began with an id that somebody made by hand
	ledger modelLedger
	visit  *modelVisit // nil: not connected
	visits int
	failed string // what the visits have found
}

// modelVisit is one connection.
type modelVisit struct {
	client    *modelClient
	in        *modelInstance
	name      string
	lane      lane
	asked     *position.ID
	since     *int64
	page      modelPage
	gens      map[string]int // of the topics, when it began
	parts     map[string]int // partitions that they had then
	kafkaGens map[string]int
	gaps      int
	switched  bool              // to another cluster while it was connected
	times     []int64           // of the ring then
	unsure    map[modelKey]bool // where the notices tell what is owed since
	gone      bool              // for good; guarded by the world's mu
	held      bool              // the ring held all that it asked for
	answered  bool              // the request was
	noted     bool              // the world knows
	refused   *refusal
	start     start
	conn      *modelConn
	shard     *modelShard // nil: a follower has it
	parser    modelParser
}

func (v *modelVisit) fail(format string, args ...any) {
	if c := v.client; c.failed == "" {
		c.failed = fmt.Sprintf("%s at %s: ", v.name, v.in.name) + fmt.Sprintf(format, args...)
		c.world.tracef("%s", c.failed)
	}
}

// request asks for the stream. What it asks of Kafka waits for the world.
func (v *modelVisit) request(s *Server) {
	v.client.world.enter(v)
	ctx := &fasthttp.RequestCtx{}
	if v.client.lastID != "" {
		ctx.Request.Header.Set("Last-Event-ID", v.client.lastID)
	}
	st, refused := s.begin(ctx, v.in.view, v.since, v.lane)
	v.client.world.meet()
	v.start, v.refused = st, refused
	if refused == nil {
		v.accept(s, ctx)
	}
	v.answered = true
}

// accept is what follows the checks of a request.
func (v *modelVisit) accept(s *Server, ctx *fasthttp.RequestCtx) {
	sub := &subscription{view: v.in.view, lane: v.lane, start: v.start}
	sub.head = s.appendHead(nil, ctx, sub)
	s.enter(v.in.view)
	s.sockets.Add(1)
	v.conn = &modelConn{visit: v, closed: make(chan struct{})}
	owner := &conn{Conn: v.conn, sockets: &s.sockets, stream: v.in.view, server: s}
	w := sub.start.want
	if w != nil && (w.deep || w.parked != nil) {
		owner.takePlace(s)
	}
	if v.client.world.rng.IntN(2) == 0 || w != nil && w.alone() {
		s.follow(v.conn, owner, sub)
		return
	}
	v.shard = &modelShard{visit: v, owner: owner, pend: sub.head, want: w}
	if at := sub.start.at; at != nil {
		v.shard.cursor, v.shard.last = at.Seq, at
	}
}

// modelConn is a connection in memory. Every write waits for the world.
type modelConn struct {
	visit  *modelVisit
	closed chan struct{}
	cut    atomic.Bool // the client takes only a part of the write under way
	over   atomic.Bool
	begun  bool
}

func (c *modelConn) Write(b []byte) (int, error) {
	if !c.begun { // the follower's first write
		c.begun = true
		c.visit.client.world.enter(c.visit)
	}
	x, ok := c.visit.client.world.pass("is written to")
	switch {
	case c.over.Load(), !ok:
		return 0, net.ErrClosed
	case c.cut.Load():
		c.visit.parser.take(c.visit, b[:int(x%uint64(len(b)+1))])
		return 0, net.ErrClosed
	}
	c.visit.parser.take(c.visit, b)
	return len(b), nil
}

func (c *modelConn) Read([]byte) (int, error) {
	<-c.closed
	return 0, io.EOF
}

func (c *modelConn) Close() error {
	if !c.over.Swap(true) {
		close(c.closed)
	}
	return nil
}

func (c *modelConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *modelConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *modelConn) SetDeadline(time.Time) error      { return nil }
func (c *modelConn) SetReadDeadline(time.Time) error  { return nil }
func (c *modelConn) SetWriteDeadline(time.Time) error { return nil }

// modelParser reads a response as clients do: header, chunks, lines, blocks.
type modelParser struct {
	raw     []byte // not decoded yet
	body    bool
	chunked bool
	left    int    // bytes of the chunk under way, its end of line included
	text    []byte // decoded, less than a line
	id      string // of the block under way
	data    []byte
	event   string
	ok      bool // the block is a greeting
}

func (p *modelParser) take(v *modelVisit, b []byte) {
	p.raw = append(p.raw, b...)
	if !p.body {
		i := bytes.Index(p.raw, []byte("\r\n\r\n"))
		if i < 0 {
			return
		}
		p.body, p.chunked = true, bytes.Contains(p.raw[:i], []byte("transfer-encoding: chunked"))
		p.raw = p.raw[i+4:]
	}
	for p.decode(v) {
	}
	for {
		i := bytes.IndexByte(p.text, '\n')
		if i < 0 {
			return
		}
		line := string(p.text[:i])
		p.text = p.text[i+1:]
		if v.client.lines {
			if line != "" {
				v.client.world.tracef("%s gets %s", v.name, line)
				v.event([]byte(line))
			}
			continue
		}
		p.line(v, line)
	}
}

// decode takes the chunk framing away.
func (p *modelParser) decode(v *modelVisit) bool {
	if !p.chunked {
		p.text = append(p.text, p.raw...)
		p.raw = nil
		return false
	}
	if p.left > 0 {
		n := min(p.left, len(p.raw))
		p.text = append(p.text, p.raw[:min(n, max(0, p.left-2))]...)
		p.raw, p.left = p.raw[n:], p.left-n
		return n > 0
	}
	i := bytes.Index(p.raw, []byte("\r\n"))
	if i < 0 {
		return false
	}
	n, err := strconv.ParseInt(string(p.raw[:i]), 16, 32)
	if err != nil {
		v.fail("a chunk size of %q", p.raw[:i])
		return false
	}
	p.raw, p.left = p.raw[i+2:], int(n)+2
	return true
}

func (p *modelParser) line(v *modelVisit, line string) {
	w := v.client.world
	field, value, _ := strings.Cut(line, ": ")
	switch {
	case line == "":
		switch {
		case p.ok && p.id != "":
			w.tracef("%s is greeted at %s", v.name, p.id)
			v.greeted(p.id)
		case p.event == "gap":
			var n ringbuf.Notice
			if err := json.Unmarshal(p.data, &n); err != nil {
				v.fail("a notice of %q: %v", p.data, err)
			}
			w.tracef("%s is told %+v", v.name, n)
			v.gap(n)
		case p.event == "error":
			v.fail("ERROR: %s", p.data)
		case p.data != nil:
			w.tracef("%s gets %s with %s", v.name, p.data, p.id)
			v.event(p.data)
			v.adopt(p.id)
		}
		p.id, p.data, p.event, p.ok = "", nil, "", false
	case line == ":ok":
		p.ok = true
	case strings.HasPrefix(line, ": gap "):
		var n ringbuf.Notice
		if _, err := fmt.Sscanf(line, ": gap topic=%s partition=%d asked=%d given=%d reason=%s", &n.Topic, &n.Partition, &n.Asked, &n.Given, &n.Reason); err != nil {
			v.fail("a notice of %q: %v", line, err)
		}
		w.tracef("%s is told %+v", v.name, n)
		v.gap(n)
	case field == "id":
		p.id = value
	case field == "data":
		p.data = []byte(value)
	case field == "event":
		p.event = value
	case field == "retry", strings.HasPrefix(line, ":"):
		w.tracef("%s hears %s", v.name, line)
	default:
		v.fail("a line %q", line)
	}
}
