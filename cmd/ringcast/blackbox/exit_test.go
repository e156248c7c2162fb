package blackbox

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Exit statuses (CONFIG.md).
const (
	exitOK      = 0
	exitConfig  = 1
	exitStopped = 1 // tail could not go on
	exitUsage   = 2
	exitStart   = 3
)

// command runs the binary to its end.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // the detector would hold up every end by a second
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), log.String()
}

// file writes a configuration file.
func file(t *testing.T, document string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ringcast.toml")
	if err := os.WriteFile(name, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// bad is a file with six mistakes.
const bad = `[server]
lissten = ":1"
heartbeat = "0s"
max_connections = -1
[kafka]
brokers = []
[streams."bad name"]
topics = []
`

// TestExitStatus: what a service manager and a script act on.
func TestExitStatus(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	away := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	wrong := file(t, bad)
	f := func(name string, want int, says []string, args ...string) {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := command(t, args...)
			if status != want {
				t.Errorf("exit status %d, want %d\n%s", status, want, stderr)
			}
			for _, s := range says {
				if !strings.Contains(stderr, s) {
					t.Errorf("it does not say %q:\n%s", s, stderr)
				}
			}
		})
	}
	all := []string{
		wrong + ":2: server.lissten:", wrong + ":3: server.heartbeat:", wrong + ":4: server.max_connections:",
		wrong + ":6: kafka.brokers:", wrong + `:7: streams."bad name":`, wrong + `:8: streams."bad name".topics:`,
	}
	f("serve with a bad file", exitConfig, all, "serve", "-config", wrong)
	f("check of a bad file", exitConfig, all, "check", "-config", wrong)
	f("no file", exitConfig, []string{"cannot read the configuration"}, "serve", "-config", wrong+"x")
	f("bad flags", exitConfig, []string{"-stream"}, "serve", "-brokers", away, "-stream", "no-topic")

	f("nothing", exitUsage, []string{"usage:"})
	f("unknown command", exitUsage, []string{`"frobnicate"`, "usage:"}, "frobnicate")
	f("unknown flag", exitUsage, nil, "serve", "-frobnicate")
	f("neither file nor flags", exitUsage, []string{"usage:"}, "serve")
	f("file and flags", exitUsage, []string{"exclude each other"}, "serve", "-config", wrong, "-brokers", away)
	f("argument left", exitUsage, []string{`"left"`}, "serve", "-config", wrong, "left")
	f("check of nothing", exitUsage, []string{"usage:"}, "check")
	f("version of something", exitUsage, []string{`"left"`}, "version", "left")
	f("help", exitOK, nil, "help")

	stream := "[streams.s]\ntopics = [\"t\"]\n"
	f("port taken", exitStart, []string{"server.listen", taken.Addr().String()}, "serve", "-brokers", away, "-stream", "s=t",
		"-listen", taken.Addr().String(), "-admin-listen", "127.0.0.1:0")
	f("admin port taken", exitStart, []string{"server.admin_listen", taken.Addr().String()}, "serve", "-brokers", away, "-stream", "s=t",
		"-listen", "127.0.0.1:0", "-admin-listen", taken.Addr().String())
	f("Kafka required and away", exitStart, []string{away}, "serve", "-config", file(t, "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n"+
		fmt.Sprintf("[kafka]\nbrokers = [%q]\nrequire_kafka = true\n", away)+stream))
}
