package load

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ringcast/ringcast/bench/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const header = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

func frame(p int, n uint64, micros int64, size int) string {
	return fmt.Sprintf("event: message\nid: [{\"topic\":\"t\",\"partition\":%d,\"offset\":%d}]\ndata: %s\n\n",
		p, n+1, workload.Append(nil, size, workload.Stamp{Partition: p, Counter: n, Micros: micros}))
}

// replay feeds wire in the given pieces, as a worker does, and returns what was counted.
func replay(wire []byte, want *expectation, cuts ...int) (*stream, Tally, error) {
	s := &stream{sequences: make([]sequence, want.partitions)}
	var t Tally
	var pending []byte
	from := 0
	for _, to := range append(cuts, len(wire)) {
		pending = append(pending, wire[from:to]...)
		from = to
		rest, err := s.feed(pending, 2_000_000, want, &t)
		if err != nil {
			return s, t, err
		}
		pending = append([]byte(nil), rest...)
	}
	if len(pending) > 0 {
		return s, t, fmt.Errorf("%d bytes left over", len(pending))
	}
	return s, t, nil
}

func TestFeedSplitAtEveryByte(t *testing.T) {
	want := &expectation{partitions: 2, size: 120, since: 1_000_000}
	wire := []byte(header +
		chunk("retry: 3000\nid: [{\"topic\":\"t\",\"partition\":0,\"offset\":0}]\n:ok\n\n") +
		chunk(frame(0, 0, 999_999, 120)) +
		chunk(":\n") +
		chunk(frame(1, 0, 1_500_000, 120)+frame(0, 1, 1_999_000, 120)) +
		chunk(frame(1, 1, 1_000_000, 120)))
	check := func(s *stream, got Tally, err error, where string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if got.Events != 4 || got.Faults() != 0 || got.Heartbeats != 1 || s.phase != greeted || s.missing([]uint64{2, 2}) != 0 {
			t.Fatalf("%s: %d events, %d faults, %d heartbeats, phase %d", where, got.Events, got.Faults(), got.Heartbeats, s.phase)
		}
		if got.latency.Count() != 3 || got.latency.Max() != 1_000_000 {
			t.Fatalf("%s: %d latencies up to %d", where, got.latency.Count(), got.latency.Max())
		}
	}
	for i := range wire {
		s, got, err := replay(wire, want, i)
		check(s, got, err, fmt.Sprintf("cut at %d", i))
	}
	single := make([]int, len(wire))
	for i := range single {
		single[i] = i
	}
	s, got, err := replay(wire, want, single...)
	check(s, got, err, "byte by byte")
}

func TestFeedSeesFaults(t *testing.T) {
	want := &expectation{partitions: 2, size: 120}
	f := func(name string, counters []uint64, lost, duplicated, reordered uint64) {
		t.Helper()
		wire := header
		for _, n := range counters {
			wire += chunk(frame(1, n, 1, 120))
		}
		_, got, err := replay([]byte(wire), want)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Lost != lost || got.Duplicated != duplicated || got.Reordered != reordered {
			t.Errorf("%s: lost %d, duplicated %d, reordered %d, want %d, %d, %d",
				name, got.Lost, got.Duplicated, got.Reordered, lost, duplicated, reordered)
		}
	}
	f("all well", []uint64{0, 1, 2, 3}, 0, 0, 0)
	f("first missing", []uint64{1, 2}, 1, 0, 0)
	f("three lost", []uint64{0, 4, 5}, 3, 0, 0)
	f("twice", []uint64{0, 1, 1, 2}, 0, 1, 0)
	f("swapped", []uint64{0, 2, 1, 3}, 0, 0, 1)
	f("hole filled from the middle, then again", []uint64{0, 5, 3, 3, 1, 4, 2, 2}, 0, 2, 4)
	f("lost and twice", []uint64{0, 2, 2}, 1, 1, 0)
}

func TestFeedCountsNoticesAndDamage(t *testing.T) {
	want := &expectation{partitions: 1, size: 120}
	whole := frame(0, 0, 1, 120)
	wire := header + chunk(": gap topic=t partition=0 asked=1 given=2 reason=expired\n"+whole) +
		chunk(strings.Replace(whole, `"z":"0`, `"z":"1`, 1)) +
		chunk(frame(0, 1, 1, 121)) + chunk(frame(1, 0, 1, 120))
	_, got, err := replay([]byte(wire), want)
	if err != nil {
		t.Fatal(err)
	}
	if got.Gaps != 1 || got.Damaged != 3 || got.Events != 4 {
		t.Errorf("gaps %d, damaged %d, events %d, want 1, 3, 4", got.Gaps, got.Damaged, got.Events)
	}
}

func TestMissingAtTheEnd(t *testing.T) {
	want := &expectation{partitions: 2, size: 120}
	s, got, err := replay([]byte(header+chunk(frame(0, 0, 1, 120))+chunk(frame(0, 2, 1, 120))), want)
	if err != nil {
		t.Fatal(err)
	}
	if got.Lost != 1 || s.missing([]uint64{5, 4}) != 6 {
		t.Errorf("lost %d, missing %d, want 1 and 6", got.Lost, s.missing([]uint64{5, 4}))
	}
}

func TestFeedRefuses(t *testing.T) {
	f := func(name, wire, want string) {
		t.Helper()
		_, _, err := replay([]byte(wire), &expectation{partitions: 1, size: 120})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	f("status", strings.Replace(header, "200 OK", "503 No", 1), "must be 200")
	f("no chunks", strings.Replace(header, "chunked", "identity", 1), "chunked")
	f("chunk header", header+"zz\r\n", "chunk header")
	f("no chunk size", header+"\r\n\r\n", "chunk header")
	f("chunk end", header+"1\r\nabc", "end of a chunk")
	f("huge chunk", header+"fffffff\r\n", "limit")
	f("end", header+"0\r\n\r\n", "ended by the server")
	f("half an event", header+chunk(frame(0, 0, 1, 120)[:100]), "end of event")
	f("no data", header+chunk("event: message\nid: []\n\n"), "data of event")
	f("error event", header+chunk("event: error\ndata: {}\n\n"), "understand line")
}

func BenchmarkFeed(b *testing.B) {
	for _, size := range []int{300, 1200} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			id := `{"topic":"bench.saturation.1","partition":0,"offset":123456,"timestamp":1764000000000,"epoch":"abcdef.abcdef"}`
			var wire []byte
			const events = 64
			for n := range uint64(events) {
				v := workload.Append(nil, size, workload.Stamp{Counter: n, Micros: 1_764_000_000_000_000})
				wire = append(wire, chunk("event: message\nid: ["+id+"]\ndata: "+string(v)+"\n\n")...)
			}
			want := &expectation{partitions: 1, size: size}
			s := &stream{phase: greeted, sequences: make([]sequence, 1)}
			var t Tally
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				s.sequences[0].next = 0
				if rest, err := s.feed(wire, 1_764_000_000_001_000, want, &t); err != nil || len(rest) > 0 {
					b.Fatal(err, len(rest))
				}
			}
			b.StopTimer()
			if t.Faults() != 0 || !bytes.HasSuffix(wire, []byte("\r\n")) {
				b.Fatal("faults")
			}
			b.ReportMetric(float64(t.Events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}
