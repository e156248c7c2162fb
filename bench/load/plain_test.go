package load

import (
	"strings"
	"testing"
)

const (
	plainChunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
	plainWhole   = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: keep-alive\r\n\r\n"
)

func value(p int, n uint64) string {
	whole := frame(p, n, 1_500_000, 120)
	return strings.TrimSuffix(whole[strings.Index(whole, "data: ")+len("data: "):], "\n\n")
}

func TestAnyFramingSplitAtEveryByte(t *testing.T) {
	f := func(name, wire string) {
		t.Helper()
		want := &expectation{partitions: 2, size: 120, since: 1_000_000, keep: true, plain: true}
		single := make([]int, len(wire))
		for i := range single {
			single[i] = i
		}
		for i := range wire {
			cuts := []int{i}
			if i == 0 {
				cuts = single
			}
			s, got, err := replay([]byte(wire), want, cuts...)
			if err != nil || got.Events != 3 || got.Faults() != 0 || string(s.id) != "1" || got.Heartbeats != 2 || s.phase != greeted || s.missing([]uint64{2, 1}) != 0 || got.latency.Count() != 3 {
				t.Fatalf("%s, cut at %d: %d events, %d faults, %d heartbeats, phase %d, %v", name, i, got.Events, got.Faults(), got.Heartbeats, s.phase, err)
			}
		}
	}
	events := ": hi\n\nid: 1:0\ndata: " + value(0, 0) + "\n\n:\n\nevent: ping\ndata: \n\nevent: message\nid: 1\ndata: " + value(1, 0) + "\n\ndata: " + value(0, 1) + "\n\n"
	f("without chunks", plainWhole+events)
	f("one chunk", plainChunked+chunk(events))
	lines := plainChunked
	for line := range strings.Lines(events) {
		lines += chunk(line)
	}
	f("a chunk for each line", lines)
	f("chunks that end anywhere", plainChunked+chunk(events[:40])+chunk(events[40:200])+chunk(events[200:201])+chunk(events[201:]))
}

func TestAnyFramingSeesFaults(t *testing.T) {
	f := func(name, events string, want Tally) {
		t.Helper()
		_, got, err := replay([]byte(plainWhole+":ok\n\n"+events), &expectation{partitions: 2, size: 120, plain: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Lost != want.Lost || got.Duplicated != want.Duplicated || got.Reordered != want.Reordered || got.Damaged != want.Damaged {
			t.Errorf("%s: %+v", name, got)
		}
	}
	event := func(n uint64) string { return "data: " + value(1, n) + "\n\n" }
	f("all well", event(0)+event(1), Tally{})
	f("lost", event(0)+event(2), Tally{Lost: 1})
	f("twice", event(0)+event(0), Tally{Duplicated: 1})
	f("out of order", event(1)+event(0), Tally{Reordered: 1})
	f("damaged", strings.Replace(event(0), `"z":"0`, `"z":"1`, 1), Tally{Damaged: 1})
	f("two data lines", "data: "+value(1, 0)+"\ndata: more\n\n", Tally{Damaged: 1})
}

func TestAnyFramingRefuses(t *testing.T) {
	f := func(name, wire, want string) {
		t.Helper()
		_, _, err := replay([]byte(wire), &expectation{partitions: 1, size: 120, plain: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	f("status", strings.Replace(plainWhole, "200 OK", "403 No", 1), "must be 200")
	f("type", strings.Replace(plainWhole, "event-stream", "html", 1), "event stream")
	f("length", strings.Replace(plainWhole, "Connection: keep-alive", "Content-Length: 5", 1), "without a length")
	f("chunk header", plainChunked+"zz\r\n:ok\n", "chunk header")
	f("no chunk size", plainChunked+"\r\n\r\n", "chunk header")
	f("long chunk header", plainChunked+"0123456789\r\n", "chunk header")
	f("chunk end", plainChunked+"1\r\n:bc", "end of a chunk")
	f("end", plainChunked+"0\r\n\r\n", "ended by the server")
	f("unknown field", plainWhole+"event: error\n", "understand line")
	f("endless line", plainWhole+":"+strings.Repeat("a", maxCarry), "limit")
}
