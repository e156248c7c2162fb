//go:build kafka && faults

package blackbox

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// fault is a row of the table that the suite ends with: what happened, what it
// cost, and what every client has in the end.
type fault struct {
	name     string
	limit    time.Duration // the pause of a live client that is promised at most; 0: none in numbers
	says     string        // what is promised, where it is not limit
	pause    time.Duration // the longest of a partition at a live client
	producer time.Duration // the longest between two acknowledgements of a partition: no client can do better
	lasted   time.Duration // from the beginning of the fault until everything flows again
	note     string        // what else was measured
	scene    *scene
}

var faults struct {
	mu   sync.Mutex
	rows []*fault // guarded by mu
}

func init() { summary = printFaults }

// row adds a row to the table. The ledger's word is added when the scene has settled.
func (s *scene) row(f *fault) {
	f.scene = s
	s.t.Logf("%s: longest pause of a live client %v (promised: %s), of the producer %v; all over after %v %s", f.name, f.pause, f.promise(), f.producer, f.lasted, f.note)
	faults.mu.Lock()
	defer faults.mu.Unlock()
	faults.rows = append(faults.rows, f)
}

func (f *fault) promise() string {
	if f.says == "" {
		return f.limit.String()
	}
	return f.says
}

// printFaults writes the table to standard output and, where FAULTS names a
// file, there too. Times are told, not judged: a busy machine decides them.
func printFaults() {
	if len(faults.rows) == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Faults\n\nMade by `make test-faults` on %s, %d cores, the server built with the race detector, but in rows\n"+
		"that say kfake: there Kafka is well, and clients, the process or its machine are not. A pause is the longest time without an\n"+
		"event of a partition at a live client; the producer's own pause is what no client can better. Lost and doubled are counted\n"+
		"over every record and every client of the scene.\n\n", runtime.GOOS, runtime.NumCPU())
	b.WriteString("| fault | promised | pause | producer's pause | all over after | clients | connections | records received | lost | doubled | |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, f := range faults.rows {
		o := f.scene.outcome
		note := f.note
		if !o.settled {
			note = strings.TrimSpace(note + " **not settled**")
		}
		switch {
		case f.limit == 0 || f.pause <= f.limit:
		case f.producer > f.limit:
			note = strings.TrimSpace(note + " longer than promised, and so is the producer's own")
		default:
			note = strings.TrimSpace(note + " **longer than promised**")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %d | %d | %d | %d | %d | %s |\n", f.name, f.promise(), seconds(f.pause), seconds(f.producer), seconds(f.lasted),
			o.clients, o.connections, o.received, o.lost, o.doubled, note)
	}
	fmt.Print(b.String())
	if name := os.Getenv("FAULTS"); name != "" {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
