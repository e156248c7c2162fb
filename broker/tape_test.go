package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/ringbuf"
)

// recorder is an encoder whose bytes are the value, and the notices as text.
type recorder struct{ t testing.TB }

func (r recorder) Event(v ringbuf.Vector, part int, after ringbuf.Pos, value []byte) ringbuf.Wire {
	if after.Next <= v.Pos[part].Next {
		r.t.Errorf("the position after the event is %d, before it %d", after.Next, v.Pos[part].Next)
	}
	return bytesOf(string(value))
}

func (r recorder) Gap(notices ...ringbuf.Notice) ringbuf.Wire {
	var lines []string
	for _, n := range notices {
		lines = append(lines, fmt.Sprintf("%s %s/%d %d>%d", n.Reason, n.Topic, n.Partition, n.Asked, n.Given))
	}
	return bytesOf(strings.Join(lines, ","))
}

func bytesOf(s string) ringbuf.Wire {
	return ringbuf.Wire{Bytes: []byte(s), FrameEnd: uint32(len(s))}
}

// heard is one entry that a tape has taken down.
type heard struct {
	ringbuf.Entry
	text string
	at   ringbuf.Vector
}

// tape follows a ring from its first entry and takes everything down.
type tape struct {
	mu      sync.Mutex
	entries []heard
	missed  bool
}

func (tp *tape) follow(ctx context.Context, r *ringbuf.Ring) {
	c := make(chan struct{}, 1)
	w := ringbuf.NewWaker(c)
	r.Attach(w)
	defer r.Detach(w)
	for seq := uint64(1); r.Wait(ctx, w, c, seq-1) == nil; seq++ {
		e := r.At(seq)
		if e == nil {
			seq = r.Tail()
			if e = r.At(seq); e == nil {
				seq--
				continue
			}
			tp.mu.Lock()
			tp.missed = true
			tp.mu.Unlock()
		}
		tp.mu.Lock()
		tp.entries = append(tp.entries, heard{*e, string(e.Wire.Bytes), e.Vector()})
		tp.mu.Unlock()
	}
}

func (tp *tape) all() []heard {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return slices.Clone(tp.entries)
}

// events are the texts of one partition's events.
func (tp *tape) events(topic string, partition int32) []string {
	var texts []string
	for _, e := range tp.all() {
		if e.Kind == ringbuf.Event && e.at.Keys[e.Part].Topic == topic && e.at.Keys[e.Part].Partition == partition {
			texts = append(texts, e.text)
		}
	}
	return texts
}

// notices are the texts of gaps and epochs.
func (tp *tape) notices() []string {
	var texts []string
	for _, e := range tp.all() {
		if e.Kind == ringbuf.Gap || e.Kind == ringbuf.Epoch {
			texts = append(texts, e.text)
		}
	}
	return texts
}

// running is a broker with one stream, "s", and the tape of its ring.
type running struct {
	t testing.TB
	*Broker
	s       *Stream
	tape    *tape
	metrics *metrics.Set
	stop    func() // waits
}

// setup is what a test changes before its broker runs.
type setup struct {
	Config
	StreamConfig
	times
	follow bool
}

// start runs a broker that reads topics of k.
func start(t testing.TB, k *kafka, topics []string, change func(*setup)) *running {
	t.Helper()
	set := setup{
		Config: Config{
			Brokers: k.addrs, ClientID: "broker-test", GroupPrefix: "test", Host: "here",
			ReadCommitted: true, MaxBatch: testMaxBatch, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
			Metrics: metrics.NewSet(),
		},
		StreamConfig: StreamConfig{
			Name: "s", Topics: topics, Format: record.JSON, Events: 100_000, WarmUp: time.Hour,
			Encoder: recorder{t}, Ring: ringbuf.New(1<<17, 1<<30),
		},
		times:  times{poll: 50 * time.Millisecond, check: 100 * time.Millisecond, patient: 500 * time.Millisecond},
		follow: true,
	}
	if change != nil {
		change(&set)
	}
	b, err := New(set.Config, []StreamConfig{set.StreamConfig})
	if err != nil {
		t.Fatal(err)
	}
	b.times = set.times
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, Broker: b, s: b.Stream("s"), tape: &tape{}, metrics: set.Config.Metrics}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	wg.Go(func() { r.tape.follow(ctx, set.Ring) })
	r.stop = sync.OnceFunc(func() {
		began := time.Now()
		cancel()
		wg.Wait()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the broker took %v to end", took)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// expect waits for the events of one partition and compares them.
func (r *running) expect(topic string, partition int32, want []string) {
	r.t.Helper()
	var got []string
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		got = r.tape.events(topic, partition)
		if len(got) >= len(want) || time.Now().After(deadline) {
			break
		}
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("%s/%d: got %d events %s, want %d %s", topic, partition, len(got), ends(got), len(want), ends(want))
	}
	if r.tape.missed {
		r.t.Error("the tape fell out of the ring")
	}
}

// ends shows a long list by its ends.
func ends(list []string) string {
	if len(list) > 8 {
		return fmt.Sprintf("%s … %s", list[:4], list[len(list)-4:])
	}
	return fmt.Sprint(list)
}

// warm waits until the stream is warm.
func (r *running) warm() {
	r.t.Helper()
	eventually(r.t, "the stream is warm", r.s.Warm)
}

// live waits until a session of the group is established: what is produced
// then comes through it.
func (r *running) live() {
	r.t.Helper()
	eventually(r.t, "a session is established", func() bool { return r.s.sessions.Load() > 0 })
}

// notStalled checks that it was not the watchdog who made things go on.
func (r *running) notStalled() {
	r.t.Helper()
	if r.counter(`kafka_client_rebuilds_total{stream="s"}`) != 0 {
		r.t.Error("the stream had stalled")
	}
}

// position is W of one partition.
func (r *running) position(topic string, partition int32) int64 {
	for _, t := range r.s.Status().Topics {
		if t.Name == topic && int(partition) < len(t.Partitions) {
			return t.Partitions[partition].Next
		}
	}
	return -1
}

// counter is one value of the metrics.
func (r *running) counter(metric string) int {
	var b strings.Builder
	r.metrics.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == "ringcast_"+metric {
			var n float64
			_, _ = fmt.Sscan(value, &n)
			return int(n)
		}
	}
	r.t.Fatalf("there is no metric ringcast_%s", metric)
	return 0
}
