//go:build kafka && faults && linux

package blackbox

import (
	"fmt"
	"net/http"
	"syscall"
	"time"

	generator "github.com/ringcast/ringcast/bench/load"
	"github.com/ringcast/ringcast/bench/proc"
)

// fleet is a load generator: thousands of clients of the crowd's stream, in a
// process of its own. They check that they get every record once and in order.
type fleet struct {
	s     *throng
	child *proc.Child
	seen  generator.Report // the latest
}

func (s *throng) fleet(flags ...string) *fleet {
	s.t.Helper()
	f := s.aside(flags...)
	s.fleets = append(s.fleets, f)
	return f
}

// aside is a fleet that nobody asks in the end.
func (s *throng) aside(flags ...string) *fleet {
	s.t.Helper()
	child, err := proc.Start(s.t.TempDir(), "load", true, built(s.t, "bench", "../../../bench"), append([]string{"load", "-server", s.in.addr, "-path", "/v2/stream/crowd",
		"-topic", "crowd", "-partitions", fmt.Sprint(throngPartitions), "-size", fmt.Sprint(crowdSize)}, flags...)...)
	s.must(err)
	s.t.Cleanup(func() { s.must(child.Stop(5 * time.Second)) })
	return &fleet{s: s, child: child}
}

// try runs a command and returns what was counted.
func (f *fleet) try(cmd generator.Command) generator.Report {
	f.s.t.Helper()
	cmd.Timeout = max(cmd.Timeout, settleTime)
	f.s.must(f.child.Send(cmd))
	f.s.must(f.child.Read(&f.seen))
	return f.seen
}

// do is try for what has to succeed.
func (f *fleet) do(cmd generator.Command) generator.Report {
	f.s.t.Helper()
	r := f.try(cmd)
	if r.Error != "" || r.Faults() > 0 {
		f.s.t.Fatalf("%s: %s, %+v", cmd.Do, r.Error, r.Tally)
	}
	return r
}

// connect has so many clients there, from the newest record on.
func (f *fleet) connect(n int) generator.Report {
	f.s.t.Helper()
	return f.do(generator.Command{Do: "connect", Clients: n, Plan: generator.Plan{From: f.s.sent()}})
}

// whole waits until every client has what is written now.
func (f *fleet) whole() {
	f.s.t.Helper()
	if r := f.do(generator.Command{Do: "await", Expect: f.s.sent()}); r.Missing > 0 {
		f.s.t.Errorf("%d deliveries are missing", r.Missing)
	}
}

// vanish ends all clients at once, and their process.
func (f *fleet) vanish() { f.s.must(f.child.Signal(syscall.SIGKILL)) }

// footprint is what a process holds of the machine.
type footprint struct {
	resident                   uint64 // bytes, after collecting garbage
	threads, files, goroutines int
}

func (f footprint) String() string {
	return fmt.Sprintf("%.1f MiB, %d threads, %d descriptors, %d goroutines", float64(f.resident)/(1<<20), f.threads, f.files, f.goroutines)
}

// footprint waits until collecting garbage no longer changes the resident memory.
func (s *throng) footprint() (f footprint) {
	s.t.Helper()
	const same, enough = 256 << 10, 3
	stable, pid := 0, s.in.cmd.Process.Pid
	next := time.NewTicker(300 * time.Millisecond)
	defer next.Stop()
	eventually(s.t, settleTime, func() bool {
		if status, _ := s.in.get("/debug/pprof/heap?gc=1"); status != http.StatusOK {
			s.t.Fatalf("no garbage is collected: %d", status)
		}
		<-next.C
		now, err := proc.Resident(pid)
		s.must(err)
		if stable++; now+same < f.resident || now > f.resident+same {
			stable = 0
		}
		f.resident = now
		return stable >= enough
	}, func() string { return fmt.Sprintf("resident memory does not settle: %d", f.resident) })
	var err error
	f.threads, err = proc.Threads(pid)
	s.must(err)
	f.files, err = proc.Descriptors(pid)
	s.must(err)
	f.goroutines = int(s.in.metric("go_goroutines"))
	return f
}

// Room that memory may take where it is to be as before: what the collector
// leaves differs from time to time.
const (
	flatShare = 0.15
	flatBytes = 4 << 20
)

// flat waits until as much is held as before, and returns it.
func (s *throng) flat(what string, before footprint) (after footprint) {
	s.t.Helper()
	room := uint64(float64(before.resident)*flatShare) + flatBytes
	eventually(s.t, settleTime, func() bool {
		after = s.footprint()
		return after.resident <= before.resident+room && after.goroutines <= before.goroutines+16 && after.files <= before.files+8
	}, func() string {
		return fmt.Sprintf("%s: before %v; after %v, %d bytes are noise", what, before, after, room)
	})
	s.t.Logf("%s: before %v; after %v", what, before, after)
	return after
}
