package kafka

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes the test binary play the test process that is killed.
const childEnv = "RINGCAST_KAFKA_CHILD"

// TestChildrenDieWithUs: what startTied started is gone when its parent is killed, although nothing could clean up.
func TestChildrenDieWithUs(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		p, err := startTied(exec.Command("sleep", "600"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("\nchild %d\n", p.cmd.Process.Pid)
		<-p.exited
		return
	}
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestChildrenDieWithUs$")
	parent.Env = append(os.Environ(), childEnv+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := 0
	for lines := bufio.NewScanner(out); child == 0 && lines.Scan(); {
		if pid, ok := strings.CutPrefix(lines.Text(), "child "); ok {
			if child, err = strconv.Atoi(pid); err != nil {
				t.Fatal(err)
			}
		}
	}
	parent.Process.Kill()
	// Its status is "killed", which is what we did.
	_ = parent.Wait()
	if child == 0 {
		t.Fatal("the parent did not tell its child's id")
	}
	deadline := time.After(10 * time.Second)
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for alive(child) {
		select {
		case <-retry.C:
		case <-deadline:
			t.Fatalf("child %d lives 10 s after its parent was killed", child)
		}
	}
}

// alive is false for a zombie too: whether it is reaped is init's business.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
