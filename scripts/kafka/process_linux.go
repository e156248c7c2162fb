package kafka

import (
	"os/exec"
	"syscall"
)

// tieToParent has the kernel kill the child when we are gone, however we went.
func tieToParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
