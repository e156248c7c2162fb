package blackbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// summary is printed behind all tests; see the table of faults.
var summary = func() {}

// binary is the command under test, built once with the race detector.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ringcast-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "ringcast")
	build := exec.Command("go", "build", "-race", "-o", binary, "..")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	status := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the command under test:", err)
	} else {
		status = m.Run()
		summary()
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// instance is one running server.
type instance struct {
	t     *testing.T
	cmd   *exec.Cmd
	addr  string // of the public listener
	admin string
	file  string        // of its configuration, if it has one
	ended chan struct{} // closed when the process has ended
	log   transcript
}

// startConfig starts a server with a configuration. listen and admin_listen
// are added: free ports on loopback.
func startConfig(t *testing.T, document string) *instance {
	t.Helper()
	return startListening(t, "127.0.0.1:0", document)
}

// startAt is startConfig with the public listener at an address, so that
// another one can take its place. It waits until the server is ready.
func startAt(t *testing.T, addr, document string) *instance {
	t.Helper()
	in := startListening(t, addr, document)
	in.waitReady()
	return in
}

func startListening(t *testing.T, addr, document string) *instance {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ringcast.toml")
	writeConfig(t, file, addr, document)
	in := startArgs(t, "serve", "-config", file)
	in.file = file
	return in
}

func writeConfig(t *testing.T, file, addr, document string) {
	t.Helper()
	if !strings.Contains(document, "[server]") {
		document = "[server]\n" + document
	}
	document = strings.Replace(document, "[server]\n", fmt.Sprintf("[server]\nlisten = %q\nadmin_listen = \"127.0.0.1:0\"\n", addr), 1)
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload gives a server another configuration and waits until its log says
// what has become of it.
func (in *instance) reload(document, message string) {
	in.t.Helper()
	writeConfig(in.t, in.file, "127.0.0.1:0", document)
	before := strings.Count(in.text(), message)
	if err := in.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		in.t.Fatal(err)
	}
	eventually(in.t, patience, func() bool { return strings.Count(in.text(), message) > before }, func() string { return "the log does not say " + message })
}

// startArgs starts a server and waits until it has its ports. It is stopped
// with the test.
func startArgs(t *testing.T, args ...string) *instance {
	t.Helper()
	return startCommand(t, exec.Command(binary, args...))
}

// startCommand is startArgs for a command that has not been started.
func startCommand(t *testing.T, cmd *exec.Cmd) *instance {
	t.Helper()
	in := &instance{t: t, cmd: cmd, ended: make(chan struct{})}
	stderr, err := in.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := in.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started := make(chan [2]string, 1)
	go in.follow(stderr, started)
	t.Cleanup(func() {
		select {
		case <-in.ended:
		default:
			_ = in.cmd.Process.Kill()
			<-in.ended
		}
		if t.Failed() {
			t.Logf("log of instance %s:\n%s", in.addr, in.tail(8000))
		}
		if strings.Contains(in.text(), "DATA RACE") {
			t.Errorf("data race in instance %s:\n%s", in.addr, in.tail(8000))
		}
	})
	select {
	case a := <-started:
		in.addr, in.admin = a[0], a[1]
	case <-in.ended:
		t.Fatalf("the server ended at once:\n%s", in.text())
	case <-time.After(30 * time.Second):
		t.Fatal("the server did not start within 30 s")
	}
	return in
}

// follow reads the log to its end, and reaps the process.
func (in *instance) follow(stderr io.Reader, started chan<- [2]string) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadBytes('\n')
		_, _ = in.log.Write(line)
		var entry struct {
			Message, Listen string
			Admin           string `json:"admin_listen"`
		}
		if json.Unmarshal(line, &entry) == nil && entry.Message == "started" {
			started <- [2]string{entry.Listen, entry.Admin}
		}
		if err != nil {
			break
		}
	}
	_ = in.cmd.Wait()
	close(in.ended)
}

func (in *instance) text() string { return in.log.String() }

func (in *instance) tail(n int) string { return in.log.tail(n) }

// get returns status and body of a GET on the admin listener.
func (in *instance) get(path string) (int, string) {
	in.t.Helper()
	res, err := http.Get("http://" + in.admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// metric returns the value of one metric by its full name with labels, as
// written; -1 when it is not there.
func (in *instance) metric(name string) float64 {
	_, body := in.get("/metrics")
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				in.t.Fatalf("metric %s: %v", name, err)
			}
			return v
		}
	}
	return -1
}

// waitReady waits until /readyz is 200.
func (in *instance) waitReady() {
	in.t.Helper()
	var last string
	eventually(in.t, 60*time.Second, func() bool {
		status, body := in.get("/readyz")
		last = body
		return status == http.StatusOK
	}, func() string { return "not ready: " + last })
}

// stop sends a signal and returns the exit status.
func (in *instance) stop(sig syscall.Signal) int {
	in.t.Helper()
	if err := in.cmd.Process.Signal(sig); err != nil {
		in.t.Fatal(err)
	}
	select {
	case <-in.ended:
	case <-time.After(60 * time.Second):
		in.t.Fatal("the server did not end within 60 s")
	}
	return in.cmd.ProcessState.ExitCode()
}

// eventually waits for a condition, with a deadline that no healthy run meets.
func eventually(t *testing.T, d time.Duration, condition func() bool, why func() string) {
	t.Helper()
	deadline := time.Now().Add(d)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", d, why())
		}
		<-tick.C
	}
}

// sum adds up the metrics whose names, with labels, begin so.
func (in *instance) sum(prefix string) (total float64) {
	_, body := in.get("/metrics")
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		if _, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok {
			v, _ := strconv.ParseFloat(value, 64)
			total += v
		}
	}
	return total
}
