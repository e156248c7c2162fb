package blackbox

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// tailing is a running `ringcast tail`.
type tailing struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended

	words transcript // on stderr

	mu    sync.Mutex
	lines []string // guarded by mu
}

// startTail starts one; each line that it prints goes to the receipt.
func startTail(t *testing.T, r *ledger.Receipt, args ...string) *tailing {
	t.Helper()
	a := &tailing{t: t, cmd: exec.Command(binary, append([]string{"tail"}, args...)...), ended: make(chan struct{})}
	a.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	a.cmd.Stderr = &a.words
	stdout, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(a.ended)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if r != nil {
				r.Event(nil, lines.Bytes())
			}
			a.mu.Lock()
			a.lines = append(a.lines, lines.Text())
			a.mu.Unlock()
		}
		_ = a.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		<-a.ended
		if t.Failed() || strings.Contains(a.said(), "DATA RACE") {
			t.Errorf("tail said:\n%s", a.said())
		}
	})
	return a
}

func (a *tailing) said() string { return a.words.String() }

func (a *tailing) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.lines)
}

// says waits for words on stderr.
func (a *tailing) says(words string) {
	a.t.Helper()
	eventually(a.t, patience, func() bool { return strings.Contains(a.said(), words) }, func() string { return fmt.Sprintf("it does not say %q", words) })
}

// stop sends a signal and returns the exit status.
func (a *tailing) stop(sig syscall.Signal) int {
	a.t.Helper()
	if err := a.cmd.Process.Signal(sig); err != nil {
		a.t.Fatal(err)
	}
	return a.exit()
}

func (a *tailing) exit() int {
	a.t.Helper()
	select {
	case <-a.ended:
	case <-time.After(patience):
		a.t.Fatal("it does not end")
	}
	return a.cmd.ProcessState.ExitCode()
}

// goOn is the command that it printed at its end, to be run as it stands.
func (a *tailing) goOn() []string {
	a.t.Helper()
	_, command, ok := strings.Cut(a.said(), "to go on: ringcast ")
	if !ok {
		a.t.Fatal("it does not say how to go on")
	}
	out, err := exec.Command("sh", "-c", `printf '%s\n' `+strings.TrimSpace(command)).Output()
	if err != nil {
		a.t.Fatal(err)
	}
	words := strings.Split(strings.TrimSpace(string(out)), "\n")
	if words[0] != "tail" {
		a.t.Fatalf("the command is %q", words)
	}
	return words[1:]
}

// TestTail: what tail prints, cut off after any byte, through restarts of both
// servers and of itself, is every record once and in order.
func TestTail(t *testing.T) {
	const partitions, records = 3, 1500
	k := newFake(t, topics(partitions, "t"))
	config := k.config("retry = \"10ms\"\ndrain_timeout = \"100ms\"", "events = 64")
	var servers []*instance
	for range 2 {
		servers = append(servers, startAt(t, fmt.Sprintf("127.0.0.1:%d", freePort(t)), config))
	}
	var cutters []*cutter
	var urls []string
	for _, in := range servers {
		c := newCutter(t, cuts{}, in.addr)
		cutters, urls = append(cutters, c), append(urls, "http://"+c.addr()+"/v2/stream/s")
	}
	count := func() int64 { return cutters[0].cuts.Load() + cutters[1].cuts.Load() }
	start := ledger.Positions{}
	for i := range int32(partitions) {
		start[ledger.TopicPartition{Topic: "t", Partition: i}] = 0
	}
	first := follow(t, ledger.Config{URLs: []string{servers[0].url("s")}})
	first.started(partitions)
	first.end()
	receipt := ledger.NewReceipt(k.book, start)
	args := []string{"-id", first.LastEventID(), strings.Join(urls, ",")}
	for part := range 3 {
		a := startTail(t, receipt, args...)
		for n := range records / 3 {
			k.produce("t", rand.Int32N(partitions), 1, 60+rand.N(600))
			if n == records/6 && part > 0 { // an instance goes, and comes back at its address
				in := servers[part-1]
				if part == 1 {
					in.stop(syscall.SIGTERM)
				} else {
					_ = in.cmd.Process.Kill()
					<-in.ended
				}
				servers[part-1] = startAt(t, in.addr, config)
			}
		}
		end := k.book.End()
		eventually(t, patience, func() bool { return receipt.Reached(end) }, func() string {
			d := receipt.Differences()
			return fmt.Sprintf("part %d: %s: %d records, %d cuts", part, d.Error(), receipt.Received(), count())
		})
		if status := a.stop([]syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGINT}[part]); status != exitOK {
			t.Errorf("exit status %d", status)
		}
		a.says(fmt.Sprintf("%d events, ", a.count()))
		args = a.goOn()
	}
	if err := receipt.Check(k.book.End()); err != nil {
		t.Error(err)
	}
	if n := count(); n < 30 {
		t.Errorf("it was cut off %d times", n)
	}
}

// TestTailOutput: a pipe gets the data and nothing else, and may be closed; -n is
// exact; gaps and statistics are on stderr.
func TestTailOutput(t *testing.T) {
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("retry = \"10ms\"", "max_event = \"64KiB\""))
	in.waitReady()
	k.produce("t", 0, 1, 100)
	k.raw(jsonRecord("t", 0, `{"big":"`+strings.Repeat("x", 70<<10)+`"}`))
	k.produce("t", 0, 4, 100)
	url := in.url("s")
	var want string
	for n := range 5 {
		want += string(ledger.Value("t", 0, int64(n), 100)) + "\n"
	}
	status, stdout, stderr := command(t, "tail", url, "-since", "1h", "-n", "5")
	if status != exitOK || stdout != want || !strings.Contains(stderr, "gap topic=t partition=0 asked=1 given=2 reason=too_large\n") {
		t.Errorf("status %d:\n%s%s", status, stdout, stderr)
	}
	status, stdout, stderr = command(t, "tail", "-raw", "-since", "1h", "-n", "1", url)
	if status != exitOK || stdout != string(ledger.Value("t", 0, 0, 100))+"\n" || strings.Contains(stderr, "tail") {
		t.Errorf("status %d:\n%s%s", status, stdout, stderr)
	}

	// The reader of the pipe has had enough.
	var words bytes.Buffer
	shell := exec.Command("sh", "-c", `{ "$0" tail -raw -since 1h "$1"; echo "status $?" >&2; } | head -n 1`, binary, url)
	shell.Stderr = &words
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, out)
		_ = shell.Wait()
	}()
	eventually(t, patience, func() bool {
		k.produce("t", 0, 1, 100)
		select {
		case <-done:
			return true
		default:
			return false
		}
	}, func() string { return "it goes on without a reader" })
	if !strings.HasSuffix(words.String(), "status 0\n") || strings.Contains(words.String(), "pipe") {
		t.Errorf("it said %q", words.String())
	}

	a := startTail(t, nil, "-stats", url)
	eventually(t, patience, func() bool {
		k.produce("t", 0, 1, 100)
		return strings.Contains(a.said(), " events in all, lag 0.") || strings.Contains(a.said(), " events in all, lag 1.")
	}, func() string { return "no statistics" })
}

// TestTailStops: what connecting again cannot mend is exit status 1, with what the
// server said, and a wrong command line is 2.
func TestTailStops(t *testing.T) {
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	f := func(want int, says string, args ...string) {
		t.Helper()
		status, stdout, stderr := command(t, append([]string{"tail"}, args...)...)
		if status != want || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("%q: status %d, want %d and %q:\n%s%s", args, status, want, says, stdout, stderr)
		}
	}
	f(exitStopped, "400 Bad Request: Stream Not Found: Invalid streams: x", in.url("x"))
	f(exitStopped, "Invalid timestamp", "-since", "soon", in.url("s"))
	f(exitStopped, "404 Not Found", "http://"+in.addr+"/else")
	f(exitStopped, "404 Not Found", "-id", `[{"topic":"other","partition":0,"offset":0}]`, in.url("s"))
	f(exitStopped, `content type is "text/plain`, "http://"+in.admin+"/metrics")
	f(exitUsage, "one argument is needed")
	f(exitUsage, "one argument is needed", in.url("s"), in.url("s"))
	f(exitUsage, "it must be http://HOST", "localhost:8080/v2/stream/s")
	f(exitUsage, "it must be http://HOST", "ftp://localhost/v2/stream/s")
	f(exitUsage, "must not be below 0", "-n", "-1", in.url("s"))
	f(exitUsage, "'Name: value'", "-H", "nonsense", in.url("s"))
	f(exitUsage, "no PEM certificate", "-ca", file(t, "nonsense"), in.url("s"))
	f(exitUsage, "-frobnicate", "-frobnicate", in.url("s"))
	f(exitOK, "usage: ringcast tail", "-h")
}

// TestTailHTTPS: an https URL is followed when its authority is trusted, over
// HTTP/2 too.
func TestTailHTTPS(t *testing.T) {
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	k.produce("t", 0, 1, 100)
	target, err := url.Parse("http://" + in.addr)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var versions []string // guarded by mu
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		versions = append(versions, r.Proto)
		mu.Unlock()
		defer func() { // the client goes when it has enough
			if r := recover(); r != nil && !errors.Is(r.(error), http.ErrAbortHandler) {
				panic(r)
			}
		}()
		proxy.ServeHTTP(w, r)
	}))
	front.EnableHTTP2 = true
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // the client that does not trust it
	front.StartTLS()
	defer front.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	address := front.URL + "/v2/stream/s"
	for _, trust := range [][]string{{"-ca", ca}, {"-insecure"}} {
		status, stdout, stderr := command(t, append([]string{"tail", "-since", "1h", "-n", "1", address}, trust...)...)
		if status != exitOK || stdout != string(ledger.Value("t", 0, 0, 100))+"\n" {
			t.Errorf("%q: status %d\n%s%s", trust, status, stdout, stderr)
		}
	}
	if status, _, stderr := command(t, "tail", address); status != exitStopped || !strings.Contains(stderr, "certificate") {
		t.Errorf("without trust: status %d\n%s", status, stderr)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(versions) != 2 || versions[0] != "HTTP/2.0" {
		t.Errorf("requests: %q", versions)
	}
}
