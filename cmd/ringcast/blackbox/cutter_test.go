package blackbox

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// cutBytes is how many bytes of a response pass at most.
const cutBytes = 20_000

// cuts says how connections are cut.
type cuts struct {
	bare  bool // asks in HTTP/1.0, so that the answers end where the connection does
	whole bool // only between blocks, and without a reset, which may take more
}

// cutter is a proxy that sends each connection to one of its servers and cuts
// it after a random byte of the response.
type cutter struct {
	t       *testing.T
	l       net.Listener
	servers []string
	how     cuts
	running sync.WaitGroup
	cuts    atomic.Int64
	made    atomic.Int64 // connections
	open    atomic.Int64
}

func newCutter(t *testing.T, how cuts, servers ...string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{t: t, l: l, servers: servers, how: how}
	c.running.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		c.running.Wait()
	})
	return c
}

func (c *cutter) addr() string { return c.l.Addr().String() }

func (c *cutter) accept() {
	for {
		conn, err := c.l.Accept()
		if err != nil {
			return
		}
		c.running.Go(func() {
			c.made.Add(1)
			c.open.Add(1)
			defer c.open.Add(-1)
			defer conn.Close()
			c.pass(conn.(*net.TCPConn))
		})
	}
}

// pass carries one request and its answer, as far as that goes.
func (c *cutter) pass(client *net.TCPConn) {
	server, err := net.Dial("tcp", c.servers[rand.N(len(c.servers))])
	if err != nil {
		return // it is away
	}
	defer server.Close()
	request := bufio.NewReader(client)
	var head strings.Builder
	for line := ""; line != "\r\n"; {
		if line, err = request.ReadString('\n'); err != nil {
			return
		}
		if line == "\r\n" { // it carries one request
			head.WriteString("Connection: close\r\n")
		}
		if c.how.bare {
			line = strings.Replace(line, " HTTP/1.1\r\n", " HTTP/1.0\r\n", 1)
		}
		head.WriteString(line)
	}
	if _, err := io.WriteString(server, head.String()); err != nil {
		return
	}
	c.running.Go(func() { // the client's end is the end
		_, _ = io.Copy(io.Discard, request)
		server.Close()
	})
	c.copy(client, bufio.NewReaderSize(server, 64<<10))
}

// copy passes a random number of bytes on.
func (c *cutter) copy(client *net.TCPConn, answer *bufio.Reader) {
	var last, before byte
	for left := 1 + rand.N(cutBytes); left > 0; {
		if _, err := answer.Peek(1); err != nil {
			return
		}
		some, _ := answer.Peek(min(left, answer.Buffered()))
		if _, err := client.Write(some); err != nil {
			return
		}
		for _, b := range some[max(0, len(some)-2):] {
			before, last = last, b
		}
		left -= len(some)
		_, _ = answer.Discard(len(some))
		if left == 0 && c.how.whole && (before != '\n' || last != '\n') {
			left = 1
		}
	}
	// Between the two line ends of an event sseclient takes it for whole and keeps
	// the id of before: it comes again, whatever a server sends.
	if next, err := answer.Peek(1); err != nil || last == '\n' && next[0] == '\n' {
		if _, err := client.Write(next); err != nil {
			return
		}
	}
	if c.cuts.Add(1)%2 == 0 && !c.how.whole {
		_ = client.SetLinger(0) // a reset
	}
}
