//go:build linux

package proc

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUsageOfThisProcess(t *testing.T) {
	pid := os.Getpid()
	before, err := CPUSeconds(pid)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		now, err := CPUSeconds(pid)
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			break // spinning here costs processor time
		}
		if time.Now().After(deadline) {
			t.Fatalf("processor time stays at %v s", now)
		}
	}
	if n, err := MachineSeconds(); err != nil || n < before {
		t.Errorf("the machine used %v s, this process alone %v, %v", n, before, err)
	}
	if n, err := Threads(pid); err != nil || n < 1 {
		t.Errorf("%d threads, %v", n, err)
	}
	small, err := Resident(pid)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	if large, err := Resident(pid); err != nil || large < small+60<<20 {
		t.Errorf("resident memory %d after %d although 64 MiB were written, %v", large, small, err)
	}
	block[0] = 2 // alive until here
}

func TestSocketMemoryIsWholePages(t *testing.T) {
	if n, err := SocketMemory(); err != nil || n%uint64(os.Getpagesize()) != 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestConnectionsToCountsOnlyThatPort(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	sockets, err := Sockets(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := Descriptors(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if n, err := ConnectionsTo(os.Getpid(), port); err != nil || n != 3 {
		t.Errorf("%d connections, %v, want 3", n, err)
	}
	if n, err := ConnectionsTo(os.Getpid(), 1); err != nil || n != 0 {
		t.Errorf("%d connections to port 1, %v", n, err)
	}
	if n, err := Sockets(os.Getpid()); err != nil || n < sockets+3 {
		t.Errorf("%d sockets after %d, %v", n, sockets, err)
	}
	if after, err := Descriptors(os.Getpid()); err != nil || after < before+3 {
		t.Errorf("%d descriptors after %d, %v", after, before, err)
	}
}

func TestChildSpeaksAndStops(t *testing.T) {
	c, err := Start(t.TempDir(), "echo", true, "/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send("hello"); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := c.Read(&got); err != nil || got != "hello" {
		t.Errorf("answer %q, %v", got, err)
	}
	if err := c.Running(); err != nil {
		t.Error(err)
	}
	if err := c.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
	if c.Running() == nil {
		t.Error("still running after Stop")
	}
}

func TestFailedChildShowsItsLog(t *testing.T) {
	c, err := Start(t.TempDir(), "bad", true, "/bin/sh", "-c", "echo broken pipe organ >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "organ") {
		t.Errorf("error %v", err)
	}
}

func TestChildrenShareMemory(t *testing.T) {
	c, err := Start(t.TempDir(), "parent", true, "/bin/sh", "-c", "trap 'kill $!' TERM; sleep 600 & echo $!; wait")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(10 * time.Second); err != nil {
			t.Error(err)
		}
	}()
	var child int
	if err := c.Read(&child); err != nil {
		t.Fatal(err)
	}
	if pids, err := Children(c.PID()); err != nil || len(pids) != 1 || pids[0] != child {
		t.Errorf("children %d, %v, want %d", pids, err, child)
	}
	whole, err := Resident(c.PID())
	if err != nil {
		t.Fatal(err)
	}
	if part, err := Proportional(c.PID()); err != nil || part == 0 || part >= whole {
		t.Errorf("proportional memory %d of %d, %v", part, whole, err)
	}
}
