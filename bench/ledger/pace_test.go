package ledger

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestErrorResponse(t *testing.T) {
	const body = `{"status":400,"type":"not_found","title":"Stream Not Found","detail":"Invalid streams: x","method":"GET","uri":"/v2/stream/x"}`
	f := func(name, response string) {
		t.Helper()
		url := serve(t, func(asked) string { return response })
		c := NewClient(Config{URLs: []string{url}})
		end := c.Visit(t.Context(), Visit{})
		if end.Cause != Refused || end.Status != 400 || string(end.Body) != body || end.Problem.Detail != "Invalid streams: x" ||
			end.Header["retry-after"] != "7" || end.Err != nil {
			t.Errorf("%s: %+v", name, end)
		}
		if n := c.Counts(); n.Refusals != 1 || n.Connections != 0 {
			t.Errorf("%s: counts %+v", name, n)
		}
	}
	f("content-length", "HTTP/1.1 400 Bad Request\r\nContent-Length: 125\r\nRetry-After: 7\r\n\r\n"+body)
	f("chunked", "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n"+chunk(body)+lastChunk)
	f("until the end", "HTTP/1.0 400 Bad Request\r\nRetry-After: 7\r\n\r\n"+body)
}

func TestUnreached(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := NewClient(Config{URLs: []string{"http://" + l.Addr().String() + "/"}})
	if end := c.Visit(t.Context(), Visit{}); end.Cause != Unreached || end.Err == nil {
		t.Errorf("end %+v, want unreached", end)
	}
}

// TestSlowReader: at 4,000 bytes a second 2,000 bytes take about half a second.
func TestSlowReader(t *testing.T) {
	l := newLog(t, 8)
	body := chunked(l.session(t, ""))
	url := serve(t, func(asked) string { return body })
	c := NewClient(Config{URLs: []string{url}, Book: l.book, ReadRate: 4000, ReceiveBuffer: 4096})
	began := time.Now()
	c.Visit(t.Context(), Visit{CutAfter: 2000})
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("2000 bytes at 4000 a second took %v", took)
	}
}

// TestPaused: a client that does not read fills the server's buffers; resumed, it has lost nothing.
func TestPaused(t *testing.T) {
	l := newLog(t, 20)
	blocked := make(chan struct{})
	url := serveConn(t, func(a asked, conn *net.TCPConn) {
		conn.SetWriteBuffer(4096)
		parts := l.session(t, a.lastID)
		io.WriteString(conn, sseHead+chunk(parts[0]))
		filler := chunk(strings.Repeat(":\n", 1000))
		for {
			conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			n, err := io.WriteString(conn, filler)
			if err == nil {
				continue
			}
			conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
			close(blocked)
			io.WriteString(conn, filler[n:])
			break
		}
		for _, p := range parts[1:] {
			io.WriteString(conn, chunk(p))
		}
		io.WriteString(conn, lastChunk)
	})
	c := NewClient(Config{URLs: []string{url}, Book: l.book, StartPaused: true, ReceiveBuffer: 4096})
	ended := make(chan End)
	go func() { ended <- c.Visit(t.Context(), Visit{}) }()
	<-blocked
	if n := c.Counts(); n.Events != 0 || n.Connections != 0 {
		t.Errorf("counts of a paused client: %+v", n)
	}
	c.Resume()
	if end := <-ended; end.Cause != ServerEnded {
		t.Errorf("end %+v", end)
	}
	if err := c.Check(l.book.End()); err != nil {
		t.Error(err)
	}
}

// TestCutAndHalfClose from another goroutine.
func TestCutAndHalfClose(t *testing.T) {
	l := newLog(t, 4)
	halfClosed := make(chan struct{}, 1)
	url := serveConn(t, func(a asked, conn *net.TCPConn) {
		for i, p := range l.session(t, a.lastID) {
			if i == 0 {
				p = sseHead + chunk(p)
			} else {
				p = chunk(p)
			}
			io.WriteString(conn, p)
		}
		if _, err := conn.Read(make([]byte, 1)); err == io.EOF {
			halfClosed <- struct{}{}
		}
		io.WriteString(conn, lastChunk)
	})
	f := func(act func(c *Client), cause Cause) {
		t.Helper()
		c := NewClient(Config{URLs: []string{url}, Book: l.book})
		ended := make(chan End, 1)
		go func() { ended <- c.Visit(t.Context(), Visit{}) }()
		if err := c.WaitUntil(soon(t), l.book.End()); err != nil {
			t.Fatal(err)
		}
		act(c)
		if end := <-ended; end.Cause != cause {
			t.Errorf("end %+v, want %s", end, cause)
		}
		if c.Connected() {
			t.Error("connected after the end")
		}
	}
	f(func(c *Client) {
		if !c.Cut(true) {
			t.Error("no connection to cut")
		}
	}, WasCut)
	f(func(c *Client) {
		if err := c.HalfClose(); err != nil {
			t.Error(err)
		}
		<-halfClosed
	}, ServerEnded)
}

func TestForeignServer(t *testing.T) {
	url := serve(t, func(asked) string {
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
			chunk("\ndata:a\r\nid:1\r\n\r\ndata: b\r") + chunk("data\r\r") + lastChunk
	})
	var got []string
	c := NewClient(Config{URLs: []string{url}, Foreign: true, OnEvent: func(e Event) { got = append(got, string(e.Data)) }})
	c.Visit(t.Context(), Visit{})
	if strings.Join(got, "|") != "a|b\n" || c.LastEventID() != "1" {
		t.Errorf("events %q, id %q", got, c.LastEventID())
	}
	if d := c.Receipt().Differences(); d.Total() != 0 {
		t.Errorf("differences with a foreign server: %v", d.Error())
	}
}

// TestTLS: the client speaks https, with a server that is not ours.
func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "id: 4\ndata: x\n\n")
	}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := NewClient(Config{URLs: []string{s.URL}, Foreign: true, Header: []string{"Connection: close"}, TLS: &tls.Config{RootCAs: roots}})
	if end := c.Visit(t.Context(), Visit{}); end.Cause != ServerEnded || end.Events != 1 || c.LastEventID() != "4" {
		t.Errorf("end %+v, last event id %q", end, c.LastEventID())
	}
}
