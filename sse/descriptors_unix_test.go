//go:build unix

package sse

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func init() {
	if os.Getenv(fewDescriptors) != "" {
		instead = serveWithFewDescriptors
	}
}

// fewDescriptors has the test binary serve with so few descriptors.
const fewDescriptors = "RINGCAST_TEST_DESCRIPTORS"

// serveWithFewDescriptors says its address, and how many streams it serves for
// every line that it reads.
func serveWithFewDescriptors() {
	few := syscall.Rlimit{Cur: 48, Max: 48}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		panic(err)
	}
	s, err := New(testConfig(newPublisher(100, 1)))
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { panic(fmt.Sprint("Serve ended: ", s.Serve(ln))) }()
	fmt.Println(ln.Addr())
	for in := bufio.NewReader(os.Stdin); ; {
		if _, err := in.ReadString('\n'); err != nil {
			os.Exit(0)
		}
		fmt.Println(s.Connections())
	}
}

// Without a descriptor left a client is told so, and accepting goes on when
// there are some again.
func TestOutOfDescriptors(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fewDescriptors+"=1")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
	}()
	said := bufio.NewReader(out)
	ask := func() string {
		line, err := said.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
	addr := ask()
	serving := func() string {
		fmt.Fprintln(in)
		return ask()
	}

	var open []*net.TCPConn
	refused := 0
	for refused < 5 {
		c := dial(t, addr, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n")
		b := make([]byte, len("HTTP/1.1 200 OK"))
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("connection %d: %v", len(open), err)
		}
		if !strings.HasSuffix(string(b), "200 OK") {
			refused++
			if rest, err := io.ReadAll(c); err != nil || string(b)+string(rest) != bare503+corsBytes {
				t.Fatalf("%q %q %v", b, rest, err)
			}
			continue
		}
		if open = append(open, c); len(open) > 48 {
			t.Fatal("more streams than descriptors")
		}
	}
	if len(open) < 10 {
		t.Errorf("only %d streams", len(open))
	}
	for _, c := range open {
		c.Close()
	}
	until(t, "they are given back", func() bool { return serving() == "0" })
	for range 5 {
		begins(t, dial(t, addr, "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK\r\n")
	}
}
