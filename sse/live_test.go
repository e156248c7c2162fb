package sse

import (
	"fmt"
	"strings"
	"testing"
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
