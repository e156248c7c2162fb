//go:build kafka && faults && linux

package blackbox

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/bench/proc"
)

// TestFaultsProcess: what befalls the server's process.
func TestFaultsProcess(t *testing.T) {
	s := newThrong(t, throngOptions{})
	s.fault(fault{name: "out of file descriptors (kfake)", says: "others: none"}, s.outOfDescriptors)
	s.fault(fault{name: "stopped for a second (kfake)", limit: 3 * time.Second}, func(*fault) {
		s.in.signal(syscall.SIGSTOP)
		<-time.After(time.Second) // the length of the fault
		s.in.signal(syscall.SIGCONT)
	})
	s.fault(fault{name: "a second beside four busy processes for each core (kfake)", limit: 3 * time.Second}, func(*fault) {
		end := s.busy(4 * runtime.NumCPU())
		defer end()
		<-time.After(time.Second) // the length of the fault
	})
	s.end()
}

// outOfDescriptors has more clients come than the process may open files. Those
// who are there see nothing; those who are not are refused; when there is room
// again, they are served.
func (s *throng) outOfDescriptors(row *fault) {
	const room, more = 20, 200
	pid := s.in.cmd.Process.Pid
	open, err := proc.Descriptors(pid)
	s.must(err)
	var before unix.Rlimit
	s.must(unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before))
	s.must(unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(open + room), Max: before.Max}, nil))
	var served, refused int
	for range more {
		c, err := net.DialTimeout("tcp", s.in.addr, settleTime)
		s.must(err)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(settleTime))
		_, err = io.WriteString(c, "GET /v2/stream/crowd HTTP/1.1\r\nHost: x\r\n\r\n")
		s.must(err)
		answer := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(c, answer); err != nil {
			s.t.Errorf("after %d and %d: %v", served, refused, err)
		}
		switch string(answer) {
		case "HTTP/1.1 200":
			served++
		case "HTTP/1.1 503":
			refused++
		default:
			s.t.Errorf("%q", answer)
		}
	}
	if served == 0 || refused == 0 {
		s.t.Errorf("%d served, %d refused", served, refused)
	}
	s.flows()
	s.must(unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil))
	late := s.client(ledger.Config{URLs: []string{s.url(s.in)}}, s.always)
	s.connected(late)
	s.served(late)
	row.note = fmt.Sprintf("%d come where %d may: %d served, %d got a 503", more, room, served, refused)
}

// busy starts processes that do nothing as fast as they can.
func (s *throng) busy(n int) (end func()) {
	var all []*exec.Cmd
	for range n {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		s.must(cmd.Start())
		all = append(all, cmd)
	}
	return func() {
		for _, cmd := range all {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // killed
		}
	}
}

const (
	memoryClients = 500
	memoryWindow  = 4 * time.Second
)

// TestFaultsMemory: a limit of memory that the live heap comes near, or is above,
// costs processor time, and no more.
func TestFaultsMemory(t *testing.T) {
	free := newThrong(t, throngOptions{crowd: 20})
	f := free.fleet()
	f.connect(memoryClients)
	unlimited := free.processor(func() { f.p99(memoryWindow) })
	free.footprint() // garbage is collected
	used := int64(free.in.metric("go_memstats_sys_bytes") - free.in.metric("go_memstats_heap_released_bytes"))
	free.end()
	memoryLimited(t, "GOMEMLIMIT 1 MiB above what is in use (kfake)", used+1<<20, unlimited)
	memoryLimited(t, "GOMEMLIMIT half of what is in use (kfake)", used/2, unlimited)
}

func memoryLimited(t *testing.T, name string, limit int64, unlimited float64) {
	t.Helper()
	s := newThrong(t, throngOptions{crowd: 20, env: []string{fmt.Sprintf("GOMEMLIMIT=%d", limit)}})
	f := s.fleet()
	f.connect(memoryClients)
	s.fault(fault{name: name, says: "others: none; half of the processors at most for the collector"}, func(row *fault) {
		cycles := s.in.metric("go_gc_duration_seconds_count")
		var p99 time.Duration
		share := s.processor(func() { p99 = f.p99(memoryWindow) })
		row.note = fmt.Sprintf("%.1f MiB, %.0f %% of a core, %.0f %% without a limit; %.0f collections in %v; p99 of deliveries %v",
			float64(limit)/(1<<20), 100*share, 100*unlimited, s.in.metric("go_gc_duration_seconds_count")-cycles, memoryWindow, p99)
		if share > unlimited+float64(runtime.NumCPU())/2 {
			row.note += " **more than promised**"
		}
	})
	f.whole()
	s.end()
}

// processor is the share of one that the server uses while do runs.
func (s *throng) processor(do func()) float64 {
	s.t.Helper()
	pid, began := s.in.cmd.Process.Pid, time.Now()
	before, err := proc.CPUSeconds(pid)
	s.must(err)
	do()
	after, err := proc.CPUSeconds(pid)
	s.must(err)
	return (after - before) / time.Since(began).Seconds()
}
