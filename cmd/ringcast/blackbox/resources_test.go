package blackbox

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// resources are what a process holds of the machine.
type resources struct{ threads, files, kafka int }

// TestClientsCostNothingButSockets: threads, open files beside the clients' own
// and connections to Kafka are the same for no client and for 500.
func TestClientsCostNothingButSockets(t *testing.T) {
	k := newFake(t, topics(3, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	// The threads that a busy process has anyway are there before the clients.
	first := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 3)
	k.produce("t", 0, 50, 200)
	k.complete(first...)
	first[0].end()
	connected := func(n float64) {
		t.Helper()
		eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == n }, func() string { return "not all clients are counted" })
	}
	connected(0)
	before := in.holds(k)

	const clients = 500
	all := followAll(t, clients, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 3)
	connected(clients)
	k.produce("t", 1, 20, 200)
	k.complete(all...)
	with := in.holds(k)
	t.Logf("before %+v, with %d clients %+v", before, clients, with)
	if with.threads > before.threads+8 {
		t.Errorf("%d threads with %d clients, %d without", with.threads, clients, before.threads)
	}
	if n := with.files - clients; n > before.files+4 {
		t.Errorf("%d open files beside those of %d clients, %d without", n, clients, before.files)
	}
	if with.kafka > before.kafka+1 {
		t.Errorf("%d connections to Kafka with %d clients, %d without", with.kafka, clients, before.kafka)
	}
	for _, f := range all {
		f.stop()
	}
	connected(0)
	eventually(t, patience, func() bool { return in.holds(k).files <= before.files+4 }, func() string { return fmt.Sprintf("after the clients: %+v", in.holds(k)) })
	if n := in.metric("ringcast_sockets"); n != 0 {
		t.Errorf("ringcast_sockets is %v", n)
	}
}

// holds reads from /proc what the process holds.
func (in *instance) holds(k *fake) (r resources) {
	in.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", in.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		in.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if n, ok := strings.CutPrefix(line, "Threads:"); ok {
			r.threads, _ = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	files, err := filepath.Glob(proc + "fd/*")
	if err != nil {
		in.t.Fatal(err)
	}
	r.files = len(files)
	sockets := in.socketsTo(k.addr)
	for _, f := range files {
		if link, err := os.Readlink(f); err == nil && sockets[link] {
			r.kafka++
		}
	}
	return r
}

// socketsTo are the sockets of this machine that are connected to a loopback
// address, as /proc/PID/fd names them.
func (in *instance) socketsTo(addr string) map[string]bool {
	in.t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	remote := fmt.Sprintf("0100007F:%04X", n)
	sockets := make(map[string]bool)
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, _ := os.ReadFile(name)
		for line := range strings.Lines(string(table)) {
			if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[2], remote) {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	return sockets
}
