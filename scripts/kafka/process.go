package kafka

import (
	"os/exec"
	"runtime"
)

// process is a child that dies with this process where the system can do that.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the child has been reaped
	err    error         // of Wait; read after exited
}

// startTied starts cmd. The kernel sends the parent-death signal when the *thread* that started the child ends, so one
// goroutine keeps that thread for itself until the child is gone.
func startTied(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	tieToParent(cmd)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// running says whether the child still lives (a frozen one does).
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}
