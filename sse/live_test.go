package sse

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse/position"
)

func TestLive(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newPublisher(100, 2)
		p.publish(0, 0, `{"n":0}`)
		_, addr := serve(t, p, change)
		res, r := get(t, addr, "/v2/stream/alias/", "")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
		if g := block(t, r); !strings.HasPrefix(g, `id: [{"topic":"t","partition":0,"offset":1,`) || !strings.HasSuffix(g, "\n:ok\n\n") {
			t.Fatalf("greeting %q", g)
		}
		for i := range int64(1000) {
			p.publish(1, i, fmt.Sprintf(`{"n":%d}`, i))
			if e := block(t, r); !strings.Contains(e, fmt.Sprintf("\ndata: {\"n\":%d}\n\n", i)) {
				t.Fatalf("event %d: %q", i, e)
			}
		}
	})
}

// An id that comes in the first moments of an instance is not refused: Kafka is
// not away because nothing has been heard of it yet.
func TestResumeBeforeTheFirstPosition(t *testing.T) {
	f := func(after time.Duration, want error, waited time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p := newEmptyPublisher(100, position.Both)
			v := newView(Stream{Name: "s", Topics: []string{"t"}, Ring: p.ring, Source: p}, nil, time.Now)
			id, err := position.Parse([]byte(newPublisher(100, 1).id(0)))
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(after, func() {
				p.change(func(r *ringbuf.Ring) {
					p.add("t", 0, 0)
					r.Flush()
				})
			})
			begun := time.Now()
			if _, err := v.complete(t.Context(), id, nil, false); err != want {
				t.Errorf("begins after %v: %v, want %v", after, err, want)
			}
			if d := time.Since(begun); d < waited || d > waited+10*time.Millisecond {
				t.Errorf("begins after %v: it took %v", after, d)
			}
		})
	}
	f(beginTime/2, nil, beginTime/2)
	f(2*beginTime, errNeedsKafka, beginTime)
}
