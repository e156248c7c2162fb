package ledger

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// asked is what the scripted server read of a request.
type asked struct {
	line   string // request line
	lastID string
	number int // of the connection, from 0
}

// serve answers every connection with the bytes that script returns, then half-closes and waits for the client's end.
func serve(t *testing.T, script func(asked) string) (url string) {
	t.Helper()
	return serveConn(t, func(a asked, conn *net.TCPConn) {
		// A client that cuts makes this fail: that is what it does.
		_, _ = io.WriteString(conn, script(a))
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	})
}

// serveConn hands every connection to answer after its request has been read.
func serveConn(t *testing.T, answer func(asked, *net.TCPConn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for number := 0; ; number++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				a := asked{number: number}
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				in := bufio.NewReader(conn)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					line = strings.TrimSuffix(line, "\r\n")
					if line == "" {
						break
					}
					if a.line == "" {
						a.line = line
					}
					if id, ok := strings.CutPrefix(line, "Last-Event-ID: "); ok {
						a.lastID = id
					}
				}
				answer(a, conn.(*net.TCPConn))
			})
		}
	})
	return "http://" + l.Addr().String() + "/v2/stream/a"
}

// The wire forms.
const (
	common    = "cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\nconnection: close\r\n"
	sseHead   = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n" + common + "\r\n"
	sse10Head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n" + common + "\r\n"
	jsonHead  = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked\r\n" + common + "\r\n"
	lastChunk = "0\r\n\r\n"
)

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// id renders the position of a topic with two partitions.
func id(p0, p1 int64) string {
	return fmt.Sprintf(`[{"topic":"a","partition":0,"offset":%d,"timestamp":%d,"epoch":"clustr.topic_"},`+
		`{"topic":"a","partition":1,"offset":%d,"timestamp":%d,"epoch":"clustr.topic_"}]`, p0, 1000+p0, p1, 1000+p1)
}

func greeting(id string) string { return "retry: 3000\nid: " + id + "\n:ok\n\n" }

func event(id string, value []byte) string {
	return "event: message\nid: " + id + "\ndata: " + string(value) + "\n\n"
}

// log is a scripted topic: records in the order in which its instance delivers them.
type log struct {
	records []Record
	after   [][2]int64 // the position after each record
	first   [2]int64
	book    *Book
}

// newLog books n records in two partitions, uneven and with holes in the offsets.
func newLog(t *testing.T, n int) *log {
	t.Helper()
	l := &log{book: NewBook(nil), first: [2]int64{5, 0}}
	at := l.first
	var counters [2]int64
	for i := range n {
		p := (i * 7 / 3) % 2
		if i%4 == 3 {
			if err := l.book.AddSkipped("a", int32(p), at[p]); err != nil {
				t.Fatal(err)
			}
			at[p]++
		}
		r := Record{"a", int32(p), at[p], Value("a", int32(p), counters[p], 60)}
		counters[p]++
		at[p]++
		if err := l.book.Add(r); err != nil {
			t.Fatal(err)
		}
		l.records = append(l.records, r)
		l.after = append(l.after, at)
	}
	return l
}

// session is the body, event by event, for a client with lastID; the first element is the greeting.
func (l *log) session(t *testing.T, lastID string) []string {
	from := l.first
	if lastID != "" {
		entries, err := parseVector([]byte(lastID), nil)
		if err != nil || len(entries) != 2 {
			t.Errorf("the client sends a bad Last-Event-ID %q: %v", lastID, err)
			return nil
		}
		from = [2]int64{entries[0].offset, entries[1].offset}
	}
	out := []string{greeting(id(from[0], from[1]))}
	for i, r := range l.records {
		if r.Offset < from[r.Partition] {
			continue
		}
		if i%3 == 0 {
			out = append(out, ":\n")
		}
		out = append(out, event(id(l.after[i][0], l.after[i][1]), r.Value))
	}
	return out
}

func chunked(parts []string) string {
	var b strings.Builder
	b.WriteString(sseHead)
	for _, p := range parts {
		b.WriteString(chunk(p))
	}
	return b.String() + lastChunk
}
