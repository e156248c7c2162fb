//go:build kafka && faults

package blackbox

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/proc"
)

// What an instance may hold more behind a soak than before it, when nobody is
// there: memory in parts and bytes.
const (
	soakGoroutines  = 20 // beside one for each connection to Kafka
	soakFiles       = 10
	soakMemoryShare = 0.25
	soakMemoryBytes = 16 << 20
)

// soakKafka is how many connections to Kafka an instance of four streams has at
// most. Each client has one to each node that it needed once: 16 that read
// history, two that ask for all streams, and of each stream two that ask, two of
// sarama and its first.
const soakKafka = 3 * (16 + 2 + 4*5)

// holding is what an instance holds at a time, its garbage collected.
type holding struct {
	at         time.Time
	resident   float64 // bytes
	heap       float64 // bytes that are in use
	goroutines float64 // beside one for each connection to Kafka
	files      float64 // descriptors that are no connections to Kafka
	kafka      float64 // connections, dead ones among them: sarama notices with the next request
	threads    float64
	sockets    float64 // of clients
}

func (h holding) String() string {
	return fmt.Sprintf("%.1f MiB resident, %.1f MiB of heap, %.0f goroutines, %.0f descriptors, %.0f connections to Kafka, %.0f threads, %.0f sockets of clients",
		h.resident/(1<<20), h.heap/(1<<20), h.goroutines, h.files, h.kafka, h.threads, h.sockets)
}

// within says whether h is not beyond before by more than is noise.
func (h holding) within(before holding, memory bool) bool {
	return h.sockets <= before.sockets && h.goroutines <= before.goroutines+soakGoroutines && h.files <= before.files+soakFiles && h.kafka <= soakKafka &&
		(!memory || h.resident <= before.resident*(1+soakMemoryShare)+soakMemoryBytes)
}

// or is the larger of each.
func (h holding) or(other holding) holding {
	h.resident, h.heap, h.goroutines = max(h.resident, other.resident), max(h.heap, other.heap), max(h.goroutines, other.goroutines)
	h.files, h.kafka = max(h.files, other.files), max(h.kafka, other.kafka)
	h.threads, h.sockets = max(h.threads, other.threads), max(h.sockets, other.sockets)
	return h
}

// holdings looks at the instances of one host again and again.
type holdings struct {
	mu    sync.Mutex
	in    *instance   // nil while there is none; guarded by mu
	lives [][]holding // guarded by mu
}

// begin is called for every new process.
func (w *holdings) begin(in *instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.in, w.lives = in, append(w.lives, nil)
}

func (w *holdings) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.in = nil
}

// look takes a sample; one that fails, because the process ends or is frozen, is
// left out.
func (w *holdings) look() {
	w.mu.Lock()
	in, life := w.in, len(w.lives)-1
	w.mu.Unlock()
	if in == nil {
		return
	}
	h, err := in.holding()
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives[life] = append(w.lives[life], h)
}

// patientHTTP is a client for processes that may be frozen.
var patientHTTP = http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// holding collects the garbage of a process and reads what it holds.
func (in *instance) holding() (h holding, err error) {
	read := func(path string) (string, error) {
		res, err := patientHTTP.Get("http://" + in.admin + path)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	if _, err := read("/debug/pprof/heap?gc=1"); err != nil {
		return h, err
	}
	metrics, err := read("/metrics")
	if err != nil {
		return h, err
	}
	for line := range strings.Lines(metrics) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_goroutines":
			h.goroutines = n
		case "go_memstats_heap_inuse_bytes":
			h.heap = n
		case "ringcast_sockets":
			h.sockets = n
		}
	}
	pid := in.cmd.Process.Pid
	resident, err := proc.Resident(pid)
	if err != nil {
		return h, err
	}
	files, err := proc.Descriptors(pid)
	if err != nil {
		return h, err
	}
	sockets, err := proc.Sockets(pid)
	if err != nil {
		return h, err
	}
	h.kafka = float64(sockets) - h.sockets - 2 // listeners
	threads, err := proc.Threads(pid)
	if err != nil {
		return h, err
	}
	h.at, h.resident, h.threads = time.Now(), float64(resident), float64(threads)
	h.files, h.goroutines = float64(files)-h.kafka, h.goroutines-h.kafka
	return h, nil
}

// quiet waits until nobody is connected and what the instance holds is within
// what before allows or, without such, five times as good as the same.
func (in *instance) quiet(before *holding, memory bool) (h holding, err error) {
	deadline, tick := time.Now().Add(settleTime*2), time.NewTicker(500*time.Millisecond)
	defer tick.Stop()
	for same := 0; same < 5; <-tick.C {
		if time.Now().After(deadline) {
			if h.at.IsZero() {
				return h, fmt.Errorf("instance %s does not say what it holds", in.addr)
			}
			return h, nil
		}
		now, err := in.holding()
		if err != nil { // too slow on a busy machine
			continue
		}
		if in.sum("ringcast_connections{") == 0 && now.sockets == 0 {
			if before != nil {
				if now.within(*before, memory) {
					return now, nil
				}
			} else if now.goroutines == h.goroutines && now.files == h.files && now.resident < h.resident+1<<20 && h.resident < now.resident+1<<20 {
				same++
			} else {
				same = 0
			}
		}
		h = now
	}
	return h, nil
}

// report tells how what an instance held has moved over its longest life.
func (w *holdings) report(t *testing.T, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	longest := []holding{}
	for _, life := range w.lives {
		if len(life) > len(longest) {
			longest = life
		}
	}
	if len(longest) < 3 {
		t.Logf("%s: %d lives, none long enough for a slope", name, len(w.lives))
		return
	}
	began := longest[0].at
	line := func(what, unit string, value func(holding) float64) {
		var x, y []float64
		least, most := value(longest[0]), value(longest[0])
		for _, h := range longest {
			v := value(h)
			x, y = append(x, h.at.Sub(began).Hours()), append(y, v)
			least, most = min(least, v), max(most, v)
		}
		rise, deviation := proc.Slope(x, y)
		t.Logf("%s, life of %v of %d: %s from %.1f to %.1f%s, slope %+.1f ± %.1f an hour", name, longest[len(longest)-1].at.Sub(began).Round(time.Second), len(w.lives), what, least, most, unit, rise, deviation)
	}
	line("resident memory", " MiB", func(h holding) float64 { return h.resident / (1 << 20) })
	line("heap", " MiB", func(h holding) float64 { return h.heap / (1 << 20) })
	line("goroutines", "", func(h holding) float64 { return h.goroutines })
	line("descriptors", "", func(h holding) float64 { return h.files })
	line("connections to Kafka", "", func(h holding) float64 { return h.kafka })
	line("threads", "", func(h holding) float64 { return h.threads })
}
