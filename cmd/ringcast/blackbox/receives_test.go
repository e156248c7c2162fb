//go:build clients

package blackbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// decodeJSON reads {"id":…,"data":…}.
func decodeJSON(line []byte) (id, data []byte) {
	var e struct{ ID, Data string }
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, line // the ledger does not know such a value
	}
	return []byte(e.ID), []byte(e.Data)
}

// receives follows with a client of somebody else: command starts it for a URL
// and an id, and decode reads a line of what it prints. What it reports, through a
// proxy that cuts it off and sends it to one of two instances with small rings, are
// the records, each once and in order, under ids that cover them.
func receives(t *testing.T, how cuts, decode func([]byte) (id, data []byte), command func(url, id string) *exec.Cmd) {
	t.Helper()
	const ring, partitions, records = 64, 2, 2500
	const leastCuts, leastReplays = 50, 5
	k := newFake(t, topics(partitions, "t"))
	config := k.config("retry = \"10ms\"\nlimit_response = \"stream\"", "events = 64")
	one, two := startConfig(t, config), startConfig(t, config)
	one.waitReady()
	two.waitReady()
	p := newCutter(t, how, one.addr, two.addr)
	start := follow(t, ledger.Config{URLs: []string{one.url("s")}})
	start.started(partitions)
	id := start.LastEventID()
	start.end()

	receipt := ledger.NewReceipt(k.book, ledger.Positions{{Topic: "t"}: 0, {Topic: "t", Partition: 1}: 0})
	cmd := command("http://"+p.addr()+"/v2/stream/s", id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it starts ends with it
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
			receipt.Event(decode(lines.Bytes()))
		}
	}()
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-read
		_ = cmd.Wait()
		if t.Failed() {
			words := strings.TrimSpace(said.String())
			t.Logf("it said at last:\n%s", words[max(0, len(words)-4000):])
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
	replays := func() float64 {
		const resumes = `ringcast_resumes_total{stream="s",from="kafka"}`
		return one.metric(resumes) + two.metric(resumes)
	}
	// In bursts: now it is live, now the rings have left it behind. How often it is
	// behind is a matter of luck, so it goes on for as long as that takes.
	for n := int64(0); n < records || n < 10*records && (p.cuts.Load() < leastCuts || replays() < leastReplays); {
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
	if n := p.cuts.Load(); n < leastCuts {
		t.Errorf("it was cut off %d times", n)
	}
	if n := replays(); n < leastReplays {
		t.Errorf("%v resumes went to Kafka", n)
	}
	t.Logf("%d records, %d cuts, %v resumes from Kafka", receipt.Received(), p.cuts.Load(), replays())
}
