package frame

import (
	"strings"
	"testing"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

func TestGap(t *testing.T) {
	w := NewEncoder(position.Both, JSON).Gap(
		ringbuf.Notice{Topic: "a.b", Partition: 3, Asked: 10, Given: 20, Reason: "expired"},
		ringbuf.Notice{Topic: "c", Partition: 0, Asked: 5, Given: -1, Reason: "missed"},
	)
	checkWire(t, &w)
	const comments = ": gap topic=a.b partition=3 asked=10 given=20 reason=expired\n: gap topic=c partition=0 asked=5 given=-1 reason=missed\n"
	if string(w.Bytes) != "76\r\n"+comments+"\r\n" || len(w.Line()) != 0 {
		t.Errorf("got %q, line %q", w.Bytes, w.Line())
	}
	if w.Alternate == nil {
		t.Fatal("no event form")
	}
	checkWire(t, w.Alternate)
	const events = "event: gap\ndata: {\"topic\":\"a.b\",\"partition\":3,\"asked\":10,\"given\":20,\"reason\":\"expired\"}\n\n" +
		"event: gap\ndata: {\"topic\":\"c\",\"partition\":0,\"asked\":5,\"given\":-1,\"reason\":\"missed\"}\n\n"
	if string(w.Alternate.Frame()) != events || len(w.Alternate.Line()) != 0 || w.Alternate.Alternate != nil {
		t.Errorf("got %q, line %q", w.Alternate.Frame(), w.Alternate.Line())
	}
}

// An entry without bytes reads as nothing; the chunk of nothing would end the response.
func TestGapOfNothing(t *testing.T) {
	if w := Notices(); w.Bytes != nil || w.Alternate != nil || len(w.Chunk()) != 0 {
		t.Errorf("got %+v", w)
	}
}

func TestGapLetsNoLineEndThrough(t *testing.T) {
	w := Notices(ringbuf.Notice{Topic: "a b\r\nid: 1\n\nä\x7f", Reason: "x\ny"})
	if want := ": gap topic=a?b??id:?1????? partition=0 asked=0 given=0 reason=x?y\n"; string(w.Frame()) != want {
		t.Errorf("got %q, want %q", w.Frame(), want)
	}
	if got := string(w.Alternate.Frame()); strings.Count(got, "\n") != 3 || strings.Contains(got, "\r") {
		t.Errorf("got %q", got)
	}
}

// A notice before an event leaves the event and its id as they are.
func TestGapDisturbsNoEvent(t *testing.T) {
	gap, event := Notices(ringbuf.Notice{Topic: "a", Reason: "expired"}), smallEvent(JSON, "{}")
	var c client
	c.read(string(gap.Frame()) + Heartbeat + string(event.Frame()) + string(gap.Alternate.Frame()))
	if len(c.messages) != 2 || c.messages[0] != (message{"message", "{}", smallID}) || c.messages[1].event != "gap" || c.lastID != smallID {
		t.Errorf("got %+v", c.messages)
	}
}
