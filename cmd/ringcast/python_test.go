//go:build clients

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestPython: what the usual clients of Python report, through a proxy that cuts
// them off after any byte and sends them to one of two instances with small
// rings, are the records, each once and in order, under ids that cover them.
func TestPython(t *testing.T) {
	python := pythonWithClients(t)
	for _, library := range []string{"sseclient", "requests-sse"} {
		t.Run(library, func(t *testing.T) {
			t.Run("chunked", func(t *testing.T) { pythonClient(t, python, library, false) })
			t.Run("close-delimited", func(t *testing.T) { pythonClient(t, python, library, true) })
		})
	}
}

func pythonClient(t *testing.T, python, library string, bare bool) {
	const ring, partitions, records = 64, 2, 2500
	k := newFake(t, topics(partitions, "t"))
	config := k.config("retry = \"10ms\"", "events = 64")
	one, two := startConfig(t, config), startConfig(t, config)
	one.waitReady()
	two.waitReady()
	p := newCutter(t, bare, one.addr, two.addr)
	start := follow(t, ledger.Config{URLs: []string{one.url("s")}})
	start.started(partitions)
	id := start.LastEventID()
	start.end()

	receipt := ledger.NewReceipt(k.book, ledger.Positions{{Topic: "t"}: 0, {Topic: "t", Partition: 1}: 0})
	cmd := exec.Command(python, filepath.Join("testdata", "python", "follow.py"), library, "http://"+p.addr()+"/v2/stream/s", id)
	var said bytes.Buffer
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e struct{ ID, Data string }
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("cannot read %q: %v", lines.Text(), err)
				return
			}
			receipt.Event([]byte(e.ID), []byte(e.Data))
		}
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
		if t.Failed() {
			words := strings.TrimSpace(said.String())
			t.Logf("%s said at last:\n%s", library, words[max(0, len(words)-4000):])
		}
	}()
	got := func() string {
		d := receipt.Differences()
		states := ""
		for _, in := range []*instance{one, two} {
			_, body := in.get("/metrics")
			for line := range strings.Lines(body) {
				if strings.HasPrefix(line, "ringcast_clients") || strings.HasPrefix(line, "ringcast_connections") {
					states += line
				}
			}
		}
		return fmt.Sprintf("%s: %d records, %d cuts, %d of %d connections are open\n%s", d.Error(), receipt.Received(), p.cuts.Load(), p.open.Load(), p.made.Load(), states)
	}
	// In bursts: now it is live, now the rings have left it behind.
	for n := int64(0); n < records; {
		burst := 1 + rand.N(3*ring)
		for range burst {
			k.produce("t", rand.Int32N(partitions), 1, 60+rand.N(600))
		}
		n += int64(burst)
		eventually(t, patience, func() bool { return receipt.Received() >= n-int64(2*ring) }, got)
	}
	end := k.book.End()
	// A client that reads in blocks has the last events when more come.
	eventually(t, patience, func() bool {
		k.produce("t", rand.Int32N(partitions), 1, 600)
		return receipt.Reached(end)
	}, got)
	if err := receipt.Check(end); err != nil {
		t.Errorf("%v", err)
	}
	if n := p.cuts.Load(); n < 50 {
		t.Errorf("it was cut off %d times", n)
	}
	replays := one.metric(`ringcast_resumes_total{stream="s",from="kafka"}`) + two.metric(`ringcast_resumes_total{stream="s",from="kafka"}`)
	if replays < 5 {
		t.Errorf("%v resumes went to Kafka", replays)
	}
	t.Logf("%d records, %d cuts, %v resumes from Kafka", receipt.Received(), p.cuts.Load(), replays)
}

// pythonWithClients makes a Python of its own with the libraries in it.
func pythonWithClients(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "PIP_DISABLE_PIP_VERSION_CHECK=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v (Debian: apt-get install python3-venv): %v\n%s", name, args, err, out)
		}
	}
	run("python3", "-m", "venv", dir)
	python := filepath.Join(dir, "bin", "python")
	run(python, "-m", "pip", "install", "--quiet", "-r", filepath.Join("testdata", "python", "requirements.txt"))
	return python
}
