package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Visit says how one connection is made and cut.
type Visit struct {
	// URL to go to; "": the next of Config.URLs.
	URL string
	// CutAfter closes the connection when exactly so many bytes of the response, head included, have been read; 0: never.
	CutAfter int64
	// Reset makes that close a reset.
	Reset bool
}

// visit is one connection.
type visit struct {
	// Set at construction.
	client *Client
	plan   Visit
	conn   net.Conn

	// Owned by the goroutine of Client.Visit.
	end      End
	readAt   time.Time // when the last read returned
	head     []byte    // until it is whole
	headDone bool
	body     func([]byte) error // takes what follows the head
	chunks   *chunks
	inside   func() bool
	rest     func() []byte
	expected int64 // length of an error body, -1: until the end
}

// Visit makes one connection and follows it to its end.
func (c *Client) Visit(ctx context.Context, plan Visit) End {
	v := &visit{client: c, plan: plan, end: End{URL: plan.URL}, expected: -1}
	if v.end.URL == "" {
		v.end.URL = c.nextURL()
	}
	err := v.run(ctx)
	v.finish(ctx, err)
	c.count(func(n *Counts) {
		n.Bytes += v.end.Bytes
		switch v.end.Status {
		case 0:
			n.Failures++
		case 200:
		default:
			n.Refusals++
		}
	})
	if c.config.OnEnd != nil {
		c.config.OnEnd(v.end)
	}
	return v.end
}

// errEnough ends a visit that got what it was to get.
var errEnough = errors.New("enough")

// errCut ends a visit at its CutAfter.
var errCut = errors.New("cut")

// errGarbled marks bytes that cannot be understood.
var errGarbled = errors.New("cannot understand the response")

// run connects, asks and reads until something ends it; nil is the end of the server's bytes.
func (v *visit) run(ctx context.Context) error {
	c := v.client
	target, err := url.Parse(v.end.URL)
	if err != nil {
		return fmt.Errorf("cannot use URL: %w", err)
	}
	if v.conn, err = c.dial(ctx, target); err != nil {
		return err
	}
	c.mu.Lock()
	c.conn, c.cut = v.conn, false
	c.mu.Unlock()
	stopWatch := context.AfterFunc(ctx, func() { v.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		stopWatch()
		c.mu.Lock()
		c.conn = nil
		c.mu.Unlock()
		closeConn(v.conn, v.plan.Reset)
	}()
	v.conn.SetWriteDeadline(time.Now().Add(requestTime))
	if _, err := v.conn.Write(c.request(target)); err != nil {
		return err
	}
	return v.read(ctx)
}

// read reads at the client's pace and takes what comes.
func (v *visit) read(ctx context.Context) error {
	c := v.client
	size := c.config.ReadSize
	if rate := c.config.ReadRate; rate > 0 {
		size = max(1, min(size, rate/20)) // twenty sips a second
	}
	buf := make([]byte, size)
	for {
		if err := c.untilResumed(ctx); err != nil {
			return err
		}
		want := buf
		if left := v.plan.CutAfter - v.end.Bytes; v.plan.CutAfter > 0 && left < int64(len(want)) {
			want = want[:left]
		}
		n, err := v.conn.Read(want)
		v.readAt = time.Now()
		v.end.Bytes += int64(n)
		if taken := v.take(want[:n]); taken != nil {
			return taken
		}
		if c.config.Foreign && v.chunks != nil && v.chunks.done {
			return nil // a proxy keeps the connection for another request
		}
		if v.plan.CutAfter > 0 && v.end.Bytes >= v.plan.CutAfter {
			return errCut
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if rate := c.config.ReadRate; rate > 0 {
			wait(ctx, time.Duration(n)*time.Second/time.Duration(rate))
		}
	}
}

// untilResumed waits while the client is paused.
func (c *Client) untilResumed(ctx context.Context) error {
	c.mu.Lock()
	paused := c.paused
	c.mu.Unlock()
	if paused == nil {
		return nil
	}
	select {
	case <-paused:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take takes raw bytes of the response.
func (v *visit) take(b []byte) error {
	if v.headDone {
		return v.body(b)
	}
	v.head = append(v.head, b...)
	n := headEnd(v.head)
	if n == 0 {
		if len(v.head) > maxHead {
			return fmt.Errorf("%w: head beyond %d bytes", errGarbled, maxHead)
		}
		return nil
	}
	h, err := parseHead(v.head[:n])
	if err != nil {
		return fmt.Errorf("%w: %w", errGarbled, err)
	}
	rest := v.head[n:]
	v.headDone, v.head = true, nil
	v.end.Status, v.end.Header = h.status, h.header
	if err := v.openBody(); err != nil {
		return err
	}
	return v.body(rest)
}

// openBody chooses what reads the body.
func (v *visit) openBody() error {
	content := v.takeErrorBody
	chunkEnd := func() {}
	if v.end.Status == 200 {
		v.client.count(func(n *Counts) { n.Connections++ })
		var feed func([]byte)
		feed, v.inside, v.rest = v.openStream()
		content = func(b []byte) { feed(b) }
		chunkEnd = func() {
			if v.inside() {
				v.complain("chunk ends inside an event", v.rest())
			}
		}
		v.checkHeader()
	} else if length, ok := v.end.Header["content-length"]; ok {
		var err error
		if v.expected, err = strconv.ParseInt(length, 10, 64); err != nil || v.expected < 0 {
			return fmt.Errorf("%w: content-length %q", errGarbled, length)
		}
	}
	if v.end.Header["transfer-encoding"] == "" {
		v.body = func(b []byte) error {
			content(b)
			if v.expected >= 0 && int64(len(v.end.Body)) >= v.expected {
				return errEnough
			}
			return nil
		}
		return nil
	}
	v.chunks = &chunks{payload: content, chunkEnd: chunkEnd}
	v.body = func(b []byte) error {
		if err := v.chunks.feed(b); err != nil {
			return fmt.Errorf("%w: %w", errGarbled, err)
		}
		if v.chunks.done && v.end.Status != 200 {
			return errEnough
		}
		return nil
	}
	return nil
}

// checkHeader holds a stream's header against the protocol.
func (v *visit) checkHeader() {
	demand := func(name, want string) {
		if got := v.end.Header[name]; got != want {
			v.complain("header "+name+" is not "+strconv.Quote(want), []byte(got))
		}
	}
	coding, contentType := "chunked", "text/event-stream; charset=utf-8"
	switch v.client.config.Mode {
	case SSE10:
		coding = ""
	case NDJSON:
		contentType = "application/json; charset=utf-8"
	}
	demand("transfer-encoding", coding)
	demand("content-type", contentType)
	demand("content-length", "")
	demand("cache-control", "no-cache, no-transform")
	demand("x-accel-buffering", "no")
	demand("connection", "close")
}

func (v *visit) takeErrorBody(b []byte) {
	if room := maxHead - len(v.end.Body); len(b) > room {
		b = b[:room]
	}
	v.end.Body = append(v.end.Body, b...)
}

// complain books a violation, unless the server is not ours.
func (v *visit) complain(what string, bytes []byte) {
	if !v.client.config.Foreign {
		v.client.receipt.Complain(what, bytes)
	}
}

// finish says how the connection ended.
func (v *visit) finish(ctx context.Context, err error) {
	c, e := v.client, &v.end
	c.mu.Lock()
	cut := c.cut
	c.mu.Unlock()
	e.Terminated = v.chunks != nil && v.chunks.done
	e.Inside = v.inside != nil && v.inside()
	if len(e.Body) > 0 {
		// A body that is no problem document leaves Problem empty; Body has it.
		_ = json.Unmarshal(e.Body, &e.Problem)
	}
	switch {
	case errors.Is(err, errCut) || v.conn != nil && cut:
		e.Cause = WasCut
	case ctx.Err() != nil:
		e.Cause, e.Err = Cancelled, ctx.Err()
	case errors.Is(err, errGarbled):
		e.Cause, e.Err = Garbled, err
		v.complain("response", []byte(err.Error()))
	case e.Status == 0:
		e.Cause, e.Err = Unreached, err
		if err == nil {
			e.Err = io.ErrUnexpectedEOF
		}
	case e.Status != 200:
		e.Cause = Refused
		if !errors.Is(err, errEnough) {
			e.Err = err
		}
	case err != nil:
		e.Cause, e.Err = Broken, err
	case v.chunks != nil && !e.Terminated:
		e.Cause, e.Err = Broken, io.ErrUnexpectedEOF
		if e.Said != "" {
			v.complain("no terminating chunk after the notice", []byte(e.Said))
		}
	default:
		e.Cause = ServerEnded
	}
	if e.Inside && e.Cause == ServerEnded {
		v.complain("stream ends inside an event", v.rest())
	}
}

// endings are the notices that announce an end.
var endings = []string{"drain", "age", "slow", "token", "removed", "limit ", "error "}

func announcesEnd(text string) bool {
	for _, e := range endings {
		if text == e || strings.HasSuffix(e, " ") && strings.HasPrefix(text, e) {
			return true
		}
	}
	return false
}
