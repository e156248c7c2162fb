//go:build linux

package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// answer runs a server that reads each request and writes text; with hangUp it closes then.
func answer(t *testing.T, text string, hangUp bool) (addr string) {
	t.Helper()
	return listen(t, func(string) (string, bool) { return text, hangUp })
}

// listen runs a server that reads each request and writes what respond says, and closes then if it says so.
func listen(t *testing.T, respond func(request string) (text string, hangUp bool)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, func(c net.Conn) {
		text, hangUp := respond(readRequest(c))
		io.WriteString(c, text)
		if hangUp {
			c.Close()
		}
	})
}

// serve lets answer have each connection, one after the other; they are closed with the test.
func serve(t *testing.T, l net.Listener, answer func(net.Conn)) (addr string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			answer(c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// readRequest reads the head of a request.
func readRequest(c net.Conn) (request string) {
	in := bufio.NewReader(c)
	for line, err := "", error(nil); line != "\r\n" && err == nil; request += line {
		line, err = in.ReadString('\n')
	}
	return request
}

func connect(t *testing.T, addr string, clients int) (*Fleet, error) {
	t.Helper()
	fleet, err := New(Config{Server: addr, Path: "/v2/stream/t", Workers: 2, Partitions: 2, Size: 120})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fleet.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return fleet, fleet.Connect(ctx, clients, Plan{})
}

func TestConnectRefusesWhatIsNoStream(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		_, err := connect(t, answer(t, text, true), 3)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	f("503", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "must be 200")
	f("nothing", "", "closed by the server")
	f("end", header+"0\r\n\r\n", "ended by the server")
}

func TestMissingRecordsAreReported(t *testing.T) {
	fleet, err := connect(t, answer(t, header+chunk("id: []\n:ok\n\n")+chunk(frame(0, 0, 1, 120)+frame(1, 0, 1, 120)), false), 4)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := fleet.AwaitRecords(ctx, []uint64{1, 1}); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := fleet.AwaitRecords(short, []uint64{1, 3}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if n := fleet.Missing([]uint64{1, 3}); n != 8 {
		t.Errorf("%d records missing, want 2 at each of 4 clients", n)
	}
	if err := fleet.AwaitRecords(ctx, []uint64{1}); err == nil {
		t.Error("an expectation for too few partitions is accepted")
	}
}

func TestLostConnectionsFail(t *testing.T) {
	fleet, err := connect(t, answer(t, header+chunk("id: []\n:ok\n\n"), true), 3)
	if err != nil && !strings.Contains(err.Error(), "closed by the server") {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := fleet.AwaitRecords(ctx, []uint64{1, 1}); err == nil || !strings.Contains(err.Error(), "closed by the server") {
		t.Errorf("error %v", err)
	}
	if tally, _, failure := fleet.Tally(); tally.Closed == 0 || tally.Faults() == 0 || failure == nil {
		t.Errorf("%d closed, failure %v", tally.Closed, failure)
	}
}
