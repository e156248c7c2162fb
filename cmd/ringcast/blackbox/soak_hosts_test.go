//go:build kafka && faults

package blackbox

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	hosts     = 3
	soakDrain = 3 * time.Second
)

// host is a place where an instance runs, at one address for all its lives.
type host struct {
	t       *testing.T
	addr    string
	command string
	file    string // of the configuration
	in      *instance
	life    int
	watched *holdings
}

func newHost(t *testing.T, command, document string) *host {
	t.Helper()
	h := &host{t: t, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t))), command: command, file: filepath.Join(t.TempDir(), "ringcast.toml")}
	writeConfig(t, h.file, h.addr, document)
	return h
}

// start begins a life with the configuration that there is. It does not wait
// until the instance is ready: Kafka may be away.
func (h *host) start() {
	h.t.Helper()
	h.in = startCommand(h.t, exec.Command(h.command, "serve", "-config", h.file))
	h.in.file = h.file
	h.life++
	h.watched.begin(h.in)
}

// signal sends a signal and, where it ends the process, waits for that.
func (h *host) signal(sig syscall.Signal, ends bool) {
	h.t.Helper()
	if err := h.in.cmd.Process.Signal(sig); err != nil {
		h.t.Fatal(err)
	}
	if !ends {
		return
	}
	h.watched.end()
	select {
	case <-h.in.ended:
	case <-time.After(soakDrain + settleTime):
		h.t.Fatalf("%s did not end:\n%s", h.addr, h.in.tail(4000))
	}
}

// reload puts a configuration in force.
func (h *host) reload(document string) {
	h.t.Helper()
	writeConfig(h.t, h.file, h.addr, document)
	before := strings.Count(h.in.text(), taken)
	h.signal(syscall.SIGHUP, false)
	eventually(h.t, settleTime, func() bool { return strings.Count(h.in.text(), taken) > before }, func() string { return "the configuration is not taken:\n" + h.in.tail(4000) })
}

func (s *soak) killInstance(st step)   { s.hosts[st.which].signal(syscall.SIGKILL, true) }
func (s *soak) drainInstance(st step)  { s.hosts[st.which].signal(syscall.SIGTERM, true) }
func (s *soak) startInstance(st step)  { s.hosts[st.which].start() }
func (s *soak) freezeInstance(st step) { s.hosts[st.which].signal(syscall.SIGSTOP, false) }
func (s *soak) thawInstance(st step)   { s.hosts[st.which].signal(syscall.SIGCONT, false) }

// roll replaces all instances but the elder, one after the other is ready.
func (s *soak) roll(step) {
	for i, h := range s.hosts {
		if i == s.elder {
			continue
		}
		h.signal(syscall.SIGTERM, true)
		h.start()
		h.in.waitReady()
	}
}

// reload gives an instance other rings and limits, and a stream more or less.
func (s *soak) reload(st step) {
	rings := []int{soakRing, soakRing / 4, soakRing * 2}
	document := s.document(rings[st.number%3], 32<<(st.number/3%4), 4000+int(st.number%1000))
	if st.number/12%2 == 0 {
		document += "[streams.other]\ntopics = [\"edits\"]\nevents = 500\n"
	}
	s.hosts[st.which].reload(document)
}

// document is the configuration, with the rings of two streams and a limit.
func (s *soak) document(ring, small, connections int) string {
	return fmt.Sprintf(`[server]
drain_timeout = %q
retry = "50ms"
slow_client_timeout = "20s"
max_connections = %d
[kafka]
brokers = ["%s"]
[ring]
bytes = "32MiB"
[replay]
cache = "8MiB"
[views]
bytes = "16MiB"
[streams.edits]
topics = ["edits"]
events = %d
[streams.small]
topics = ["small"]
events = %d
[streams.side]
topics = ["side"]
events = 256
[streams.sums]
topics = ["sums"]
events = 1000
`, soakDrain, connections, strings.Join(s.c.Addrs(), `", "`), ring, small)
}
