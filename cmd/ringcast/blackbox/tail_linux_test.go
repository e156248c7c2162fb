package blackbox

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onTerminal is what tail shows of two events on a terminal.
func onTerminal(t *testing.T, env string, args ...string) string {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"tail", "-since", "1h", "-n", "2"}, args...)...)
	cmd.Env = append(os.Environ(), "TERM=xterm", env)
	cmd.Stdout = terminal
	err = cmd.Start()
	terminal.Close()
	if err != nil {
		t.Fatal(err)
	}
	shown, _ := io.ReadAll(screen) // EIO once nobody has the terminal open
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	return strings.ReplaceAll(string(shown), "\r\n", "\n")
}

// TestTailTerminal: a terminal shows indented JSON, in colour unless NO_COLOR is
// set; -raw shows what came.
func TestTailTerminal(t *testing.T) {
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	k.raw(jsonRecord("t", 0, `{"a":25.00,"b":[]}`), jsonRecord("t", 0, `{"c":"\u009b"}`))
	plain := "{\n  \"a\": 25.00,\n  \"b\": []\n}\n{\n  \"c\": \"\\u009b\"\n}\n"
	if got := onTerminal(t, "NO_COLOR=1", in.url("s")); got != plain {
		t.Errorf("without colour: %q", got)
	}
	if got := onTerminal(t, "NO_COLOR=", in.url("s")); !strings.Contains(got, "\x1b[") || !strings.Contains(got, "25.00") || strings.Count(got, "\n") != strings.Count(plain, "\n") {
		t.Errorf("in colour: %q", got)
	}
	if got := onTerminal(t, "NO_COLOR=1", "-raw", in.url("s")); got != "{\"a\":25.00,\"b\":[]}\n{\"c\":\"\\u009b\"}\n" {
		t.Errorf("raw: %q", got)
	}
}
